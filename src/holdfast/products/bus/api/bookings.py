"""`POST /bookings/create`: the booking of a reservation, once it is paid. The rest of bookings is the kernel's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from fastapi import Response

from holdfast.kernel import bookings, checkout
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.holds import Hold, HoldExpired, is_live
from holdfast.kernel.identity import Caller, customer
from holdfast.kit import clock
from holdfast.kit.db import Transaction
from holdfast.kit.fields import Answer
from holdfast.kit.http import Db, Router, allow, unkeyed
from holdfast.products.bus import present, queries
from holdfast.products.bus.api import lookups
from holdfast.products.bus.models import bus_booking_receipts
from holdfast.products.bus.schemas_reservations import CreateBooking, ReservedSeat
from holdfast.products.bus.values import PaymentRequired, ReservationNotFound

router = Router()


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
    def of(cls, view: BookingView, rows: Mapping[UUID, queries.Occurrence]) -> Self:
        booking = view.booking
        common: dict[str, Any] = {
            "id": booking.id,
            "user_id": booking.owner_id,
            "currency": booking.currency,
            "booking_reference": booking.reference,
            "refund_state": booking.refund_state,
            "created_at": booking.created_at,
            "updated_at": booking.updated_at,
        }
        own = present.present_booking(view, rows)
        return cls(**common, **{name: value for name, value in own.items() if name in cls.model_fields})


@router.post("/bookings/create", status_code=201)
@allow(customer)
@unkeyed("the reservation is the key: however often it is asked for, it is the same booking")
async def create_booking(*, body: CreateBooking, response: Response, caller: Caller, database: Db) -> CreatedBooking:
    """The booking of one's paid reservation: 201 the first time, 200 again; 409 payment_required before."""
    hold, booking = await lookups.reservation_by_id(database, body.reservation_id, caller)
    if not caller.is_owner(hold.owner_id):
        raise ReservationNotFound

    async def show(db: Transaction) -> tuple[CreatedBooking, bool]:
        now = await clock.moment(db)
        paid = _paid(hold, booking, now=now)
        receipt = {"booking_id": paid.id, "created_at": now}
        is_first = await db.execute(db.insert(bus_booking_receipts).values(receipt).on_conflict_do_nothing()) == 1
        view = (await checkout.views_of(db, [await bookings.find(db, paid.id)]))[0]
        return CreatedBooking.of(view, await queries.occurrences(db, [paid.inventory_id])), is_first

    shown, is_first = await database.run(show)
    response.status_code = 201 if is_first else 200
    return shown


def _paid(hold: Hold, booking: Booking | None, *, now: datetime) -> Booking:
    """PaymentRequired while it may still be paid, HoldExpired where it ended unpaid."""
    if booking is not None and booking.was_confirmed:
        return booking
    is_open = booking is None or booking.state == "pending"
    if is_open and is_live(hold, now=now):
        raise PaymentRequired
    raise HoldExpired
