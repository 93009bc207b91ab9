"""The words of the bus catalogue, and what can be wrong with it.

Errors of holds, bookings and payments are the kernel's; these are the ones that only buses have.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.words import mark

SEATS_MAX = 200

BusType = Literal["standard", "deluxe", "sleeper", "semi_sleeper"]
ScheduleStatus = Literal["scheduled", "in_transit", "completed", "cancelled"]
#: So that a refusal can say in any language what a schedule is.
STATUS_WORDS = (mark("scheduled"), mark("in_transit"), mark("completed"), mark("cancelled"))
SeatType = Literal["standard", "premium", "sleeper"]
SeatStatus = Literal["available", "reserved", "booked"]
SeatPosition = Literal["window", "aisle", "middle"]
SeatFlag = Literal["wheelchair", "companion"]
LegState = Literal["free", "held", "blocked", "sold"]
Preference = Literal["together", "window", "aisle", "front", "back"]


@dataclass(frozen=True, slots=True)
class Seat:
    """One seat of a layout.

    `place` is its number in the kernel's layout, which never changes; `number` is what stands on it. `modifier` is
    added to the whole fare, in the major unit of whatever currency the schedule is sold in. `row` and `column` count
    from 1, `column` including aisles; `deck` counts from 0, the lowest first.
    """

    place: int
    number: str
    type: SeatType
    modifier: Decimal
    position: SeatPosition
    deck: int
    row: int
    column: int
    flags: frozenset[SeatFlag] = field(default=frozenset())


@dataclass(frozen=True, slots=True)
class Deck:
    """A floor of a bus as its map is drawn: `columns` across, of which `aisles` are walked in."""

    name: str
    columns: int
    aisles: tuple[int, ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Decks from below, and seats in the order of deck, row, column."""

    decks: tuple[Deck, ...]
    seats: tuple[Seat, ...]


# Absent, or not to be known of by the caller: 404


@dataclass(eq=False)
class RouteNotFound(NotFound):
    """There is no such route."""


@dataclass(eq=False)
class BusNotFound(NotFound):
    """There is no such bus."""


@dataclass(eq=False)
class ScheduleNotFound(NotFound):
    """There is no such schedule."""


@dataclass(eq=False)
class SeatNotFound(NotFound):
    """There is no such seat."""


@dataclass(eq=False)
class ReservationNotFound(NotFound):
    """There is no such reservation."""


# Can never succeed as asked: 422


@dataclass(eq=False)
class SameCity(Invalid):
    """A route must lead elsewhere: it begins and ends in {city}."""

    city: str


@dataclass(eq=False)
class StopsOutOfOrder(Invalid):
    """Stop {order} ({city}) does not lie behind the one before it: minutes and kilometres must grow along a route."""

    order: int
    city: str


@dataclass(eq=False)
class StopUnknown(Invalid):
    """{stop!r} is not a stop of this schedule; its stops are {stops}."""

    stop: str
    stops: list[str]


@dataclass(eq=False)
class StopsReversed(Invalid):
    """This schedule does not go from {from_stop} to {to_stop}: it passes them the other way round."""

    from_stop: str
    to_stop: str


@dataclass(eq=False)
class LayoutInvalid(Invalid):
    """The seat layout is not right at {pointer}: {reason}."""

    pointer: str
    reason: str


@dataclass(eq=False)
class SeatsMiscounted(Invalid):
    """The layout has {seats} seats, but total_seats says {total_seats}."""

    seats: int
    total_seats: int


@dataclass(eq=False)
class StopTwice(Invalid):
    """{city} is named twice: a stop is known by its name, so each stands once on a route."""

    city: str


@dataclass(eq=False)
class StopsNeeded(Invalid):
    """This route has stops on the way: change its length and duration by sending all stops."""


@dataclass(eq=False)
class FareContradicts(Invalid):
    """The fare of the whole way is the base price: leave it out of the fares."""


@dataclass(eq=False)
class ProvidersDiffer(Invalid):
    """The bus and the route of a schedule belong to one provider."""


@dataclass(eq=False)
class ProviderAmbiguous(Invalid):
    """You work for several providers: say with provider_id for which this is."""


@dataclass(eq=False)
class CancelAlone(Invalid):
    """Cancelling changes nothing else: send the status alone."""


@dataclass(eq=False)
class SeatsUnsaid(Invalid):
    """Say which seats (seat_ids or seat_numbers) or how many (count): one of the three."""


@dataclass(eq=False)
class DepartureInPast(Invalid):
    """The departure must lie in the future."""


@dataclass(eq=False)
class ArrivalBeforeDeparture(Invalid):
    """The arrival must be after the departure."""


@dataclass(eq=False)
class PriceNotPositive(Invalid):
    """The price must be more than zero."""


# Not now: 409


@dataclass(eq=False)
class BusNumberTaken(Conflict):
    """This provider already has a bus with the number {bus_number}."""

    bus_number: str


@dataclass(eq=False)
class BusBusy(Conflict):
    """This bus is on another schedule in that time."""


@dataclass(eq=False)
class RouteInUse(Conflict):
    """Seats are sold on {schedules} future schedules of this route."""

    schedules: int


@dataclass(eq=False)
class BusInUse(Conflict):
    """Seats are sold on {schedules} future schedules of this bus."""

    schedules: int


@dataclass(eq=False)
class SeatsInUse(Conflict):
    """The seats cannot be generated again: some are held or sold, or were."""


@dataclass(eq=False)
class SeatClaimed(Conflict):
    """Seat {number} is held or sold: it keeps its number and its price."""

    number: str


@dataclass(eq=False)
class SeatNumberTaken(Conflict):
    """This schedule already has a seat {number}."""

    number: str


@dataclass(eq=False)
class SeatsMissing(Conflict):
    """The other bus lacks seats that are sold: {numbers}."""

    numbers: list[str]


@dataclass(eq=False)
class SeatsNotGenerated(Conflict):
    """This schedule has no seats yet: generate them first."""


@dataclass(eq=False)
class RouteFixed(Conflict):
    """Plan another schedule: the currency of this one stays, and so does its route once it has seats."""


@dataclass(eq=False)
class RouteInactive(Conflict):
    """This route is not served at present."""


@dataclass(eq=False)
class BusInactive(Conflict):
    """This bus is out of service."""


@dataclass(eq=False)
class ScheduleEnded(Conflict):
    """A schedule that is {current} is not changed any more."""

    current: ScheduleStatus


@dataclass(eq=False)
class StatusBackwards(Conflict):
    """A schedule that is {current} cannot become {wanted}."""

    current: ScheduleStatus
    wanted: ScheduleStatus


@dataclass(eq=False)
class NotEnoughSeats(Conflict):
    """{count} seats were asked for, but only {free} that may be given are free."""

    count: int
    free: int


@dataclass(eq=False)
class PaymentRequired(Conflict):
    """The reservation is not paid yet."""
