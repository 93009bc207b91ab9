"""A booking with all that belongs to it, as it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from holdfast.kernel import bookings, inventory, payments, refunds, tickets
from holdfast.kernel.bookings import Booking, Cancellation
from holdfast.kernel.inventory import Inventory
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Refund
from holdfast.kernel.tickets import Ticket
from holdfast.kit import ids
from holdfast.kit.db import Reader


@dataclass(frozen=True, slots=True)
class BookingView:
    """What a product is handed to say a booking in its own words."""

    booking: Booking
    inventory: Inventory
    tickets: tuple[Ticket, ...]
    payments: tuple[Payment, ...]
    cancellations: tuple[Cancellation, ...]
    refunds: tuple[Refund, ...]

    def place_id(self, place: int) -> UUID:
        """The public id of a place of it."""
        return ids.pack(self.inventory.serial, place)


@dataclass(frozen=True, slots=True)
class PaidFor:
    """A payment beside the booking it is for: some products' words for it depend on both."""

    payment: Payment
    booking: Booking


async def views_of(db: Reader, found: Sequence[Booking]) -> list[BookingView]:
    """Each booking with its inventory, tickets, payments, cancellations and refunds: five queries a page."""
    if not found:
        return []
    booking_ids = [booking.id for booking in found]
    inventories = await inventory.find_many(db, list({booking.inventory_id for booking in found}))
    tickets_of = await tickets.of_bookings(db, booking_ids)
    payments_of = await payments.of_bookings(db, booking_ids)
    cancellations_of = await bookings.cancellations_of(db, booking_ids)
    refunds_of = await refunds.of_bookings(db, booking_ids)
    return [
        BookingView(
            booking=booking,
            inventory=inventories[booking.inventory_id],
            tickets=tuple(tickets_of[booking.id]),
            payments=tuple(payments_of[booking.id]),
            cancellations=tuple(cancellations_of[booking.id]),
            refunds=tuple(refunds_of[booking.id]),
        )
        for booking in found
    ]
