"""What is shown of the catalogue: routes, buses, schedules and seats as they are at a moment."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from holdfast.kit.fields import Answer
from holdfast.kit.money import Money
from holdfast.kit.zones import utc_to_local
from holdfast.products.bus.offers import Offer, Part, modifier_of, seat_type_of
from holdfast.products.bus.records import Amenities, Bus, Route, RouteStop, Schedule, ScheduleStop
from holdfast.products.bus.values import BusType, ScheduleStatus, SeatPosition, SeatStatus, SeatType


class StopView(Answer):
    order: int
    city: str
    names: dict[str, str]
    zone: str
    minutes_from_start: int
    km: float

    @classmethod
    def of(cls, stop: RouteStop) -> Self:
        return cls(
            order=stop.position,
            city=stop.city,
            names=dict(stop.names),
            zone=stop.zone,
            minutes_from_start=stop.minutes,
            km=stop.metres / 1000,
        )


class RouteView(Answer):
    id: UUID
    provider_id: UUID
    origin_city: str
    destination_city: str
    origin_names: dict[str, str]
    destination_names: dict[str, str]
    distance_km: float
    estimated_duration_minutes: int
    stops: list[StopView]
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, route: Route) -> Self:
        return cls(
            id=route.id,
            provider_id=route.provider_id,
            origin_city=route.origin.city,
            destination_city=route.destination.city,
            origin_names=dict(route.origin.names),
            destination_names=dict(route.destination.names),
            distance_km=route.distance_metres / 1000,
            estimated_duration_minutes=route.duration_minutes,
            stops=[StopView.of(stop) for stop in route.stops],
            is_active=route.is_active,
            version=route.version,
            created_at=route.created_at,
            updated_at=route.updated_at,
        )


class BusView(Answer):
    id: UUID
    provider_id: UUID
    bus_number: str
    bus_type: BusType
    total_seats: int
    seat_layout_config: dict[str, Any]
    amenities: list[str] | dict[str, Any] | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, bus: Bus) -> Self:
        return cls(
            id=bus.id,
            provider_id=bus.provider_id,
            bus_number=bus.bus_number,
            bus_type=bus.bus_type,
            total_seats=bus.total_seats,
            seat_layout_config=dict(bus.seat_layout_config),
            amenities=_plain(bus.amenities),
            is_active=bus.is_active,
            version=bus.version,
            created_at=bus.created_at,
            updated_at=bus.updated_at,
        )


class BusSummary(Answer):
    """What everybody may know of a bus."""

    id: UUID
    bus_number: str
    bus_type: BusType
    total_seats: int
    amenities: list[str] | dict[str, Any] | None

    @classmethod
    def of(cls, bus: Bus) -> Self:
        return cls(
            id=bus.id,
            bus_number=bus.bus_number,
            bus_type=bus.bus_type,
            total_seats=bus.total_seats,
            amenities=_plain(bus.amenities),
        )


class FareView(Answer):
    from_stop: str
    to_stop: str
    price: str


class ScheduleView(Answer):
    id: UUID
    provider_id: UUID
    bus_id: UUID
    route_id: UUID
    departure_datetime: datetime
    arrival_datetime: datetime
    zone: str
    base_price: str
    currency: str
    fares: list[FareView]
    total_seats: int
    available_seats: int
    is_generated: bool
    status: ScheduleStatus
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, offer: Offer, *, available_seats: int) -> Self:
        return cls(**cls.fields_of(offer.schedule, offer=offer, available_seats=available_seats))

    @staticmethod
    def fields_of(schedule: Schedule, *, offer: Offer, available_seats: int) -> dict[str, Any]:
        return {
            "id": schedule.id,
            "provider_id": schedule.provider_id,
            "bus_id": schedule.bus_id,
            "route_id": schedule.route_id,
            "departure_datetime": schedule.departs_at,
            "arrival_datetime": schedule.arrives_at,
            "zone": offer.inventory.zone,
            "base_price": Money(schedule.base_price, schedule.currency).amount,
            "currency": schedule.currency,
            "fares": [
                FareView(
                    from_stop=fare.from_city,
                    to_stop=fare.to_city,
                    price=Money(fare.price, schedule.currency).amount,
                )
                for fare in schedule.fares
            ],
            "total_seats": len(offer.places.places),
            "available_seats": available_seats,
            "is_generated": schedule.generated_at is not None,
            "status": schedule.status,
            "version": schedule.version,
            "created_at": schedule.created_at,
            "updated_at": schedule.updated_at,
        }


class ScheduleStopView(Answer):
    """`local_time`: what clocks there show when the bus leaves (or reaches the last)."""

    order: int
    city: str
    names: dict[str, str]
    zone: str
    km: float
    at: datetime
    local_time: str

    @classmethod
    def of(cls, stop: ScheduleStop) -> Self:
        return cls(
            order=stop.position,
            city=stop.city,
            names=dict(stop.names),
            zone=stop.zone,
            km=stop.metres / 1000,
            at=stop.at,
            local_time=utc_to_local(stop.at, stop.zone).isoformat(timespec="minutes"),
        )


class SeatView(Answer):
    """A seat over a part of the way; `price` is the fare of that part and the whole modifier."""

    id: UUID
    schedule_id: UUID
    seat_number: str
    seat_type: SeatType
    price_modifier: str
    price: str
    currency: str
    status: SeatStatus
    deck: int
    deck_name: str | None
    row: int
    column: int
    position: SeatPosition
    flags: list[str]
    created_at: datetime
    updated_at: datetime


def seat_views(offer: Offer, part: Part, statuses: dict[int, SeatStatus]) -> list[SeatView]:
    """All seats of a schedule over a part, in the order of the layout."""
    schedule = offer.schedule
    assert schedule.generated_at is not None
    views = []
    for place in offer.places.places:
        modifier = modifier_of(offer, place)
        views.append(
            SeatView(
                id=offer.seat_id(place.number),
                schedule_id=schedule.id,
                seat_number=place.label,
                seat_type=seat_type_of(place),
                price_modifier=Money(modifier, schedule.currency).amount,
                price=Money(part.fare + modifier, schedule.currency).amount,
                currency=schedule.currency,
                status=statuses[place.number],
                deck=place.detail["deck"],
                deck_name=place.section,
                row=int(place.row or 0),
                column=place.column or 0,
                position=place.detail["position"],
                flags=list(place.flags),
                created_at=schedule.generated_at,
                updated_at=schedule.updated_at,
            )
        )
    return views


def amount(minor: int, currency: str) -> str:
    """The decimal string that stands beside a currency."""
    return Money(minor, currency).amount


def _plain(amenities: Amenities | None) -> Any:  # noqa: ANN401 - JSON
    return amenities
