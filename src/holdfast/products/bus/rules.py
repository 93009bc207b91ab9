"""Decide about legs, fares and seat states: pure, exact, without a clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from holdfast.kit.money import half_up
from holdfast.kit.text import match_key
from holdfast.products.bus.values import (
    LegState,
    SameCity,
    ScheduleStatus,
    SeatStatus,
    StatusBackwards,
    StopsOutOfOrder,
    StopsReversed,
    StopUnknown,
)

_STATUS_ORDER: tuple[ScheduleStatus, ...] = ("scheduled", "in_transit", "completed")


@dataclass(frozen=True, slots=True)
class StopPoint:
    """A stop as the rules see it: minutes and kilometres from the start of the route. Kilometres are exact."""

    city: str
    minutes: int
    km: Fraction


def check_stops(stops: Sequence[StopPoint]) -> None:
    """A route has at least two stops, ends elsewhere than it begins, and goes forward in time and space.

    Raises SameCity, StopsOutOfOrder (spec/bus.md: origin ≠ destination; stops in order).
    """
    assert len(stops) > 1
    if match_key(stops[0].city) == match_key(stops[-1].city):
        raise SameCity(stops[0].city)
    for order, (before, after) in enumerate(pairwise(stops), start=1):
        if after.minutes <= before.minutes or after.km <= before.km:
            raise StopsOutOfOrder(order, after.city)


def stop_index(stops: Sequence[str], wanted: str) -> int:
    """The index of a stop by the name of its city, whatever its case and accents. Raises StopUnknown."""
    keys = [match_key(stop) for stop in stops]
    if match_key(wanted) not in keys:
        raise StopUnknown(wanted[:80], list(stops))
    return keys.index(match_key(wanted))


def legs_of(from_stop: int, to_stop: int, *, stops: Sequence[str]) -> range:
    """The legs between two stops by index; leg n goes from stop n to stop n + 1. Raises StopsReversed."""
    assert 0 <= from_stop < len(stops)
    assert 0 <= to_stop < len(stops)
    if from_stop >= to_stop:
        raise StopsReversed(stops[from_stop], stops[to_stop])
    return range(from_stop, to_stop)


def slots_of(place: int, *, legs: range, legs_total: int) -> tuple[int, ...]:
    """The kernel's slots that a seat covers over some legs: slot = place x legs + leg, ascending."""
    assert 0 <= legs.start < legs.stop <= legs_total
    return tuple(place * legs_total + leg for leg in legs)


def place_and_leg(slot: int, *, legs_total: int) -> tuple[int, int]:
    """What a slot stands for: the inverse of `slots_of`."""
    return divmod(slot, legs_total)


def fare_between(stops_km: Sequence[Fraction], *, whole_fare_minor: int, from_stop: int, to_stop: int) -> int:
    """The fare of a part of a route that has none of its own: by kilometres of the whole fare, half-up, in minor units.

    The whole route costs the whole fare exactly; each part is within half a minor unit of its share (spec/bus.md).
    """
    assert 0 <= from_stop < to_stop < len(stops_km)
    share = (stops_km[to_stop] - stops_km[from_stop]) / (stops_km[-1] - stops_km[0])
    return half_up(whole_fare_minor * share.numerator, share.denominator)


def seat_status(legs: Iterable[LegState]) -> SeatStatus:
    """What a seat shows over some legs: free only if all are, booked if any is sold, else reserved.

    A leg that its provider blocked counts as reserved: nobody bought it, and nobody can.
    """
    states = set(legs)
    assert states
    if "sold" in states:
        return "booked"
    return "available" if states == {"free"} else "reserved"


def check_status_change(status: ScheduleStatus, wanted: ScheduleStatus) -> None:
    """A schedule moves forward only, and is cancelled only before it has arrived. Raises StatusBackwards."""
    allowed: tuple[ScheduleStatus, ...] = ()
    if status in _STATUS_ORDER:
        allowed = _STATUS_ORDER[_STATUS_ORDER.index(status) + 1 :]
        allowed += ("cancelled",) if status != "completed" else ()
    if wanted not in allowed:
        raise StatusBackwards(status, wanted)
