"""What is sent about the catalogue. Who it belongs to and what is free of it is never bindable."""

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from holdfast.kit.fields import (
    AmountField,
    Body,
    Count,
    CurrencyField,
    IdField,
    MomentField,
    NumberField,
    ShortText,
    WallTimeField,
)
from holdfast.products.bus.schemas_layout import SeatLayoutConfig
from holdfast.products.bus.values import BusType, ScheduleStatus, SeatFlag, SeatPosition, SeatType

STOPS_MAX = 50
KILOMETRES_MAX = 20_000
MINUTES_MAX = 20_000

ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Names: TypeAlias = Annotated[dict[Language, ShortText], Field(max_length=20)]
Kilometres: TypeAlias = Annotated[NumberField, Field(ge=0, le=KILOMETRES_MAX)]
Minutes: TypeAlias = Annotated[int, Field(ge=0, le=MINUTES_MAX)]
SeatNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9-]{0,6}[A-Za-z0-9])?$")]
#: A moment with an offset, or a wall time in the zone of its stop.
CatalogueTime: TypeAlias = MomentField | WallTimeField
Fold: TypeAlias = Literal[0, 1] | None


class StopBody(Body):
    """A stop, origin and destination among them; `names` by language beside `city`."""

    city: ShortText
    order: Annotated[int, Field(ge=0, le=STOPS_MAX)] | None = None
    names: Names = Field(default_factory=dict)
    zone: ZoneName | None = None
    minutes_from_start: Minutes
    km: Kilometres


class RouteChange(Body):
    """What of a route is to become what. With stops on the way, its length is changed by sending all stops."""

    origin_city: ShortText | None = None
    destination_city: ShortText | None = None
    origin_names: Names | None = None
    destination_names: Names | None = None
    origin_zone: ZoneName | None = None
    destination_zone: ZoneName | None = None
    distance_km: Annotated[NumberField, Field(gt=0, le=KILOMETRES_MAX)] | None = None
    estimated_duration_minutes: Annotated[int, Field(gt=0, le=MINUTES_MAX)] | None = None
    stops: Annotated[list[StopBody], Field(min_length=2, max_length=STOPS_MAX)] | None = None
    is_active: bool | None = None


class NewRoute(RouteChange):
    """Either `stops` (all of them), or origin, destination, distance_km and estimated_duration_minutes."""

    provider_id: IdField | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        ends = (self.origin_city, self.destination_city, self.distance_km, self.estimated_duration_minutes)
        if self.stops is None and None in ends:
            raise PydanticCustomError(
                "incomplete_route",
                "Send stops, or origin_city, destination_city, distance_km and estimated_duration_minutes.",
            )
        return self


class BusChange(Body):
    bus_number: Annotated[ShortText, Field(max_length=40)] | None = None
    bus_type: BusType | None = None
    total_seats: Count | None = None
    seat_layout_config: SeatLayoutConfig | None = None
    amenities: (
        Annotated[list[Annotated[ShortText, Field(max_length=60)]], Field(max_length=50)]
        | Annotated[dict[Annotated[ShortText, Field(max_length=60)], bool | ShortText], Field(max_length=50)]
        | None
    ) = None
    is_active: bool | None = None


class NewBus(BusChange):
    bus_number: Annotated[ShortText, Field(max_length=40)]
    bus_type: BusType
    total_seats: Count
    seat_layout_config: SeatLayoutConfig
    provider_id: IdField | None = None


class FareBody(Body):
    """What a part of the way costs; parts left out follow the kilometres."""

    from_stop: ShortText
    to_stop: ShortText
    price: AmountField


class ScheduleChange(Body):
    """`departure_fold`, `arrival_fold`: which of the two a wall time means on the day the clocks go back."""

    bus_id: IdField | None = None
    route_id: IdField | None = None
    departure_datetime: CatalogueTime | None = None
    departure_fold: Fold = None
    arrival_datetime: CatalogueTime | None = None
    arrival_fold: Fold = None
    base_price: AmountField | None = None
    currency: CurrencyField | None = None
    fares: Annotated[list[FareBody], Field(max_length=1_000)] | None = None
    status: ScheduleStatus | None = None


class NewSchedule(Body):
    """`arrival_datetime` left out: the departure and the route's duration. `currency`: its provider's by default."""

    bus_id: IdField
    route_id: IdField
    departure_datetime: CatalogueTime
    departure_fold: Fold = None
    arrival_datetime: CatalogueTime | None = None
    arrival_fold: Fold = None
    base_price: AmountField
    currency: CurrencyField | None = None
    fares: Annotated[list[FareBody], Field(max_length=1_000)] = Field(default_factory=list)


class CancelSchedule(Body):
    reason: Annotated[ShortText, Field(max_length=500)] | None = None


class SeatChange(Body):
    """`row` and `column` count from 1, aisles included; `deck` from 0."""

    seat_number: SeatNumber | None = None
    seat_type: SeatType | None = None
    price_modifier: AmountField | None = None
    position: SeatPosition | None = None
    flags: Annotated[list[SeatFlag], Field(max_length=2)] | None = None
    deck: Annotated[int, Field(ge=0, le=2)] | None = None
    row: Annotated[int, Field(ge=1, le=60)] | None = None
    column: Annotated[int, Field(ge=1, le=7)] | None = None


class NewSeat(SeatChange):
    schedule_id: IdField
    seat_number: SeatNumber
