"""What stands in the catalogue: routes with their stops, buses, schedules with their stops and fares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from holdfast.kit.text import match_key
from holdfast.products.bus.values import BusType, ScheduleStatus

Amenities: TypeAlias = Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RouteStop:
    """Where a route passes; minutes and metres from its start. `names` by language, beside `city`."""

    position: int
    city: str
    names: Mapping[str, str]
    zone: str
    minutes: int
    metres: int


@dataclass(frozen=True, slots=True)
class Route:
    id: UUID
    provider_id: UUID
    distance_metres: int
    duration_minutes: int
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime
    stops: tuple[RouteStop, ...]

    @property
    def origin(self) -> RouteStop:
        return self.stops[0]

    @property
    def destination(self) -> RouteStop:
        return self.stops[-1]


@dataclass(frozen=True, slots=True)
class Bus:
    id: UUID
    provider_id: UUID
    bus_number: str
    bus_type: BusType
    total_seats: int
    seat_layout_config: Mapping[str, Any]
    amenities: Amenities | None
    is_active: bool
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ScheduleStop:
    """A stop as it was copied when the seats were generated; `at`: when the bus leaves it, or reaches the last."""

    position: int
    city: str
    names: Mapping[str, str]
    zone: str
    metres: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Fare:
    """What a part of the way costs that does not follow the kilometres; price in minor units."""

    from_city: str
    to_city: str
    price: int

    @property
    def keys(self) -> tuple[str, str]:
        return match_key(self.from_city), match_key(self.to_city)


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run of a bus. `generated_at` None: nothing is on sale yet, and `stops` are empty."""

    id: UUID
    provider_id: UUID
    route_id: UUID
    bus_id: UUID
    departs_at: datetime
    arrives_at: datetime
    base_price: int
    currency: str
    status: ScheduleStatus
    generated_at: datetime | None
    decks: Sequence[Mapping[str, Any]]
    version: int
    created_at: datetime
    updated_at: datetime
    stops: tuple[ScheduleStop, ...]
    fares: tuple[Fare, ...]

    @property
    def legs(self) -> int:
        return len(self.stops) - 1


def names_of(city: str, names: Mapping[str, str]) -> frozenset[str]:
    """All keys under which a stop is found."""
    return frozenset(key for key in map(match_key, (city, *names.values())) if key)
