"""`POST /bookings/create`: the booking of a reservation, once it is paid. The rest of bookings is the kernel's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from fastapi import Request, Response

from holdfast.kernel import bookings, holds, inventory, refunds, tickets
from holdfast.kernel.audit import actor_of
from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold, HoldExpired, is_live
from holdfast.kernel.identity import customer
from holdfast.kernel.refunds import Refund
from holdfast.kernel.tickets import Ticket
from holdfast.kit import clock
from holdfast.kit.bulk import Statement, returned
from holdfast.kit.db import Database, Reader
from holdfast.kit.fields import Answer
from holdfast.kit.http import Router, allow, lean, unkeyed
from holdfast.kit.together import TogetherIn
from holdfast.products.bus import present
from holdfast.products.bus.api.lookups import database_of
from holdfast.products.bus.schemas_reservations import CreateBooking, ReservedSeat
from holdfast.products.bus.values import PaymentRequired, ReservationNotFound

router = Router()

_COLLECT = Statement(
    "INSERT INTO bus_booking_receipts (booking_id, created_at) SELECT booking_id, created_at FROM {rows} "
    "WHERE true ORDER BY booking_id ON CONFLICT (booking_id) DO NOTHING RETURNING booking_id",
    rows={"booking_id": "id", "created_at": "moment"},
    returns={"booking_id": "id"},
)


class BookingTicket(Answer):
    id: UUID
    item: int
    seat_number: str
    ticket_number: str
    validity_status: str
    issue_datetime: datetime


class CreatedBooking(Answer):
    """The booking as seed 004 has it; GET /bookings/{id} shows the same and more."""

    id: UUID
    reservation_id: UUID
    user_id: UUID | None
    schedule_id: UUID
    booking_datetime: datetime
    total_amount: str
    currency: str
    payment_status: str
    booking_reference: str
    status: str
    refund_state: str
    from_stop: str
    to_stop: str
    departure_datetime: datetime
    arrival_datetime: datetime
    seats: list[ReservedSeat]
    ticket: BookingTicket | None
    tickets: list[BookingTicket]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, paid: "_Paid") -> Self:
        booking = paid.booking
        common: dict[str, Any] = {
            "id": booking.id,
            "user_id": booking.owner_id,
            "currency": booking.currency,
            "booking_reference": booking.reference,
            "refund_state": booking.refund_state,
            "created_at": booking.created_at,
            "updated_at": booking.updated_at,
        }
        own = present.present_sold(booking, serial=paid.serial, tickets=paid.tickets, refunds=paid.refunds, payments=())
        return cls(**common, **{name: value for name, value in own.items() if name in cls.model_fields})


@router.post("/bookings/create", status_code=201, response_model=CreatedBooking)
@allow(customer)
@unkeyed("the reservation is the key: however often it is asked for, it is the same booking")
@lean
async def create_booking(*, body: CreateBooking, request: Request) -> Response:
    """The booking of one's paid reservation: 201 the first time, 200 again; 409 payment_required before."""
    caller, database = actor_of(request), database_of(request)
    found = await _looking.find(database, body.reservation_id)
    if found is None or found.hold.product != "bus" or not caller.is_owner(found.hold.owner_id):
        raise ReservationNotFound
    paid = _paid(found)
    shown = CreatedBooking.of(paid)
    is_first = await _collecting.find(database, _Receipt(paid.booking.id, found.now))
    return Response(shown.model_dump_json(), status_code=201 if is_first else 200, media_type="application/json")


@dataclass(frozen=True, slots=True)
class _Paid:
    """A booking that was paid for, with what of it is shown here; `refunds` are read only where it was cancelled."""

    booking: Booking
    serial: int
    tickets: Sequence[Ticket]
    refunds: Sequence[Refund]


@dataclass(frozen=True, slots=True)
class _Found:
    """A reservation at a moment, with its booking once there is one, and what is shown of that once it was paid."""

    hold: Hold
    booking: Booking | None
    paid: _Paid | None
    now: datetime


@dataclass(frozen=True, slots=True, eq=False)
class _Receipt:
    """That a booking was asked for: each request is one of its own."""

    booking_id: UUID
    created_at: datetime


async def _look(database: Database, hold_ids: Sequence[UUID]) -> Mapping[UUID, _Found]:
    async with database.reader() as db:
        booked = await bookings.of_holds(db, hold_ids)
        unbooked = [hold_id for hold_id in hold_ids if hold_id not in booked]
        held = await holds.find_many(db, unbooked) if unbooked else {}
        paid = await _paid_of(db, [booking for booking in booked.values() if booking.was_confirmed])
        now = await clock.moment(db)
    held |= {hold_id: booking.hold for hold_id, booking in booked.items()}
    return {hold_id: _Found(hold, booked.get(hold_id), paid.get(hold_id), now) for hold_id, hold in held.items()}


async def _paid_of(db: Reader, found: Sequence[Booking]) -> dict[UUID, _Paid]:
    """By hold."""
    if not found:
        return {}
    inventories = await inventory.find_many(db, list({booking.inventory_id for booking in found}))
    tickets_of = await tickets.of_bookings(db, [booking.id for booking in found])
    cancelled = [booking.id for booking in found if booking.state == "cancelled"]
    refunds_of = await refunds.of_bookings(db, cancelled) if cancelled else {}
    return {
        booking.hold_id: _Paid(
            booking, inventories[booking.inventory_id].serial, tickets_of[booking.id], refunds_of.get(booking.id, ())
        )
        for booking in found
    }


async def _collect(database: Database, receipts: Sequence[_Receipt]) -> Mapping[_Receipt, bool]:
    """Which of these is the first that ever asked for its booking."""
    rows = [(each.booking_id, each.created_at) for each in receipts]
    new = {row.booking_id for row in await database.run(lambda db: returned(db, _COLLECT.of(rows)))}
    first = {each.booking_id: each for each in reversed(receipts) if each.booking_id in new}
    return {each: first.get(each.booking_id) is each for each in receipts}


#: Those who ask at the same moment are answered out of one look, and written down in one transaction.
_looking = TogetherIn(_look)
_collecting = TogetherIn(_collect)


def _paid(found: _Found) -> _Paid:
    """PaymentRequired while it may still be paid, HoldExpired where it ended unpaid."""
    if found.paid is not None:
        return found.paid
    is_open = found.booking is None or found.booking.state == "pending"
    if is_open and is_live(found.hold, now=found.now):
        raise PaymentRequired
    raise HoldExpired
