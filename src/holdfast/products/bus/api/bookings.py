"""`POST /bookings/create`: the booking of a reservation, once it is paid. The rest of bookings is the kernel's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Self
from uuid import UUID
from weakref import WeakKeyDictionary, ref

from fastapi import Response

from holdfast.kernel import bookings, checkout, holds
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.holds import Hold, HoldExpired, is_live
from holdfast.kernel.identity import Caller, customer
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.fields import Answer
from holdfast.kit.http import Db, Router, allow, unkeyed
from holdfast.kit.together import Together
from holdfast.products.bus import present, queries
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
    found = await _together(database).find(body.reservation_id)
    if found is None or found.hold.product != "bus" or not caller.is_owner(found.hold.owner_id):
        raise ReservationNotFound
    view = _paid(found)
    shown = CreatedBooking.of(view, found.rows)
    receipt = {"booking_id": view.booking.id, "created_at": found.now}
    insert = partial(_insert, receipt=receipt)
    response.status_code = 201 if await database.run(insert) else 200
    return shown


@dataclass(frozen=True, slots=True)
class _Found:
    """A reservation at a moment, and, once it was paid, all that is shown of its booking."""

    hold: Hold
    booking: Booking | None
    view: BookingView | None
    rows: Mapping[UUID, queries.Occurrence]
    now: datetime


#: Those who ask at the same moment are answered out of one look, by the database that is looked into.
_looks: WeakKeyDictionary[Database, Together[UUID, _Found]] = WeakKeyDictionary()


def _together(database: Database) -> Together[UUID, _Found]:
    if database not in _looks:
        _looks[database] = Together(partial(_look, ref(database)))
    return _looks[database]


async def _look(database_ref: "ref[Database]", hold_ids: Sequence[UUID]) -> Mapping[UUID, _Found]:
    database = database_ref()
    assert database is not None
    async with database.reader() as db:
        booked = await bookings.of_holds(db, hold_ids)
        unbooked = [hold_id for hold_id in hold_ids if hold_id not in booked]
        held = await holds.find_many(db, unbooked) if unbooked else {}
        paid = [booking for booking in booked.values() if booking.was_confirmed]
        views = {view.booking.id: view for view in await checkout.views_of(db, paid)}
        rows = await queries.occurrences(db, [booking.inventory_id for booking in paid])
        now = await clock.moment(db)
    held |= {hold_id: booking.hold for hold_id, booking in booked.items()}
    found = {}
    for hold_id, hold in held.items():
        booking = booked.get(hold_id)
        view = None if booking is None else views.get(booking.id)
        found[hold_id] = _Found(hold, booking, view, rows, now)
    return found


async def _insert(db: Transaction, receipt: Mapping[str, object]) -> bool:
    """Whether it is the first time that somebody asks for it."""
    return await db.execute(db.insert(bus_booking_receipts).values(receipt).on_conflict_do_nothing()) == 1


def _paid(found: _Found) -> BookingView:
    """PaymentRequired while it may still be paid, HoldExpired where it ended unpaid."""
    if found.view is not None:
        return found.view
    is_open = found.booking is None or found.booking.state == "pending"
    if is_open and is_live(found.hold, now=found.now):
        raise PaymentRequired
    raise HoldExpired
