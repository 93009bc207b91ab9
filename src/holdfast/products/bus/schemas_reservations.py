"""What travels about reservations."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic_core import to_json

from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold
from holdfast.kernel.identity import User
from holdfast.kit.fields import Answer, Body, Count, IdField, ShortText
from holdfast.kit.money import amount_of
from holdfast.products.bus import present
from holdfast.products.bus.present import ReservationStatus
from holdfast.products.bus.queries import Occurrence
from holdfast.products.bus.reservations import Asked
from holdfast.products.bus.schemas_answers import BusSummary, RouteView
from holdfast.products.bus.values import Preference, SeatFlag, SeatsUnsaid

NAMED_MAX = 100


class CreateReservation(Body):
    """Which seats (`seat_ids` or `seat_numbers`), or how many (`count`) with a preference; at most six.

    `flags`: wheelchair or companion places are given only to those who ask.
    """

    schedule_id: IdField
    seat_ids: Annotated[list[IdField], Field(min_length=1, max_length=NAMED_MAX)] | None = None
    seat_numbers: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=20)]],
            Field(min_length=1, max_length=NAMED_MAX),
        ]
        | None
    ) = None
    count: Count | None = None
    preference: Preference = "together"
    flags: Annotated[list[SeatFlag], Field(max_length=2)] = Field(default_factory=list)
    from_stop: ShortText | None = None
    to_stop: ShortText | None = None

    def asked(self) -> Asked:
        """SeatsUnsaid unless exactly one of the three ways is taken."""
        if [self.seat_ids, self.seat_numbers, self.count].count(None) != 2:  # noqa: PLR2004 - of three
            raise SeatsUnsaid
        return Asked(
            schedule_id=self.schedule_id,
            seat_ids=None if self.seat_ids is None else tuple(self.seat_ids),
            seat_numbers=None if self.seat_numbers is None else tuple(self.seat_numbers),
            count=self.count,
            preference=self.preference,
            flags=tuple(dict.fromkeys(self.flags)),
            from_stop=self.from_stop,
            to_stop=self.to_stop,
            document=self.__pydantic_serializer__.to_json(self).decode(),  # its fields in their order, defaults said
        )


class CreateBooking(Body):
    reservation_id: IdField


class ReservedSeat(Answer):
    item: int
    seat_id: UUID
    seat_number: str
    seat_type: str | None
    price: str
    status: str


class PriceLine(Answer):
    kind: str
    label: str
    amount: str
    item: int | None


class WhyView(Answer):
    """Why these seats: a stable code with its numbers, and the sentence."""

    code: str
    preference: str
    count: int
    met: int
    text: str


class ReservationView(Answer):
    id: UUID
    user_id: UUID | None
    schedule_id: UUID
    reservation_datetime: datetime
    expiry_datetime: datetime
    status: ReservationStatus
    total_amount: str
    currency: str
    from_stop: str
    to_stop: str
    departure_datetime: datetime
    arrival_datetime: datetime
    seats: list[ReservedSeat]
    price_lines: list[PriceLine]
    why: WhyView | None
    booking_id: UUID | None
    seconds_left: int
    server_time: datetime
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, hold: Hold, booking: Booking | None, *, serial: int, now: datetime) -> Self:
        return cls(**cls.fields_of(hold, booking, serial=serial, now=now))

    @classmethod
    def json_of(cls, hold: Hold, booking: Booking | None, *, serial: int, now: datetime) -> bytes:
        """What `of` says, as it is sent; made without the model, which the fields are known to fit."""
        return to_json(cls.fields_of(hold, booking, serial=serial, now=now))

    @staticmethod
    def fields_of(hold: Hold, booking: Booking | None, *, serial: int, now: datetime) -> dict[str, Any]:
        status = present.reservation_status(hold, booking, now=now)
        sold: Mapping[str, Any] = hold.description
        was_confirmed = booking is not None and booking.was_confirmed
        return {
            "id": str(hold.id),
            "user_id": None if hold.owner_id is None else str(hold.owner_id),
            "schedule_id": str(hold.inventory_id),
            "reservation_datetime": hold.placed_at,
            "expiry_datetime": hold.expires_at,
            "status": status,
            "total_amount": amount_of(hold.total, hold.currency),
            "currency": hold.currency,
            "from_stop": sold["from"],
            "to_stop": sold["to"],
            "departure_datetime": hold.starts_at,
            "arrival_datetime": hold.ends_at,
            "seats": present.seats_of(hold, serial=serial),
            "price_lines": [
                {
                    "kind": line.kind,
                    "label": line.label,
                    "amount": amount_of(line.amount, hold.currency),
                    "item": line.item,
                }
                for line in hold.lines
            ],
            "why": sold.get("why"),
            "booking_id": booking.id if booking is not None and was_confirmed else None,
            "seconds_left": max(int((hold.expires_at - now).total_seconds()), 0) if status == "active" else 0,
            "server_time": now,
            "created_at": hold.placed_at,
            "updated_at": max(hold.placed_at, hold.ended_at or hold.placed_at),
        }


class ReservationScheduleView(Answer):
    id: UUID
    departure_datetime: datetime
    arrival_datetime: datetime
    status: str


class ReservationUser(Answer):
    id: UUID
    first_name: str
    last_name: str
    email: str | None
    phone_number: str | None

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            id=user.id,
            first_name=user.first_name,
            last_name=user.last_name,
            email=user.email,
            phone_number=user.phone_number,
        )


class ReservationDetails(ReservationView):
    user: ReservationUser | None
    schedule: ReservationScheduleView
    bus: BusSummary
    route: RouteView

    @classmethod
    def of_all(
        cls, hold: Hold, booking: Booking | None, found: Occurrence, *, user: ReservationUser | None, now: datetime
    ) -> Self:
        schedule = found.schedule
        return cls(
            **cls.fields_of(hold, booking, serial=found.inventory.serial, now=now),
            user=user,
            schedule=ReservationScheduleView(
                id=schedule.id,
                departure_datetime=schedule.departs_at,
                arrival_datetime=schedule.arrives_at,
                status=schedule.status,
            ),
            bus=BusSummary.of(found.bus),
            route=RouteView.of(found.route),
        )


class ReservationsView(Answer):
    items: list[ReservationView]
    next_cursor: str | None
    server_time: datetime
