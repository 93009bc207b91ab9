from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.products.bus import rules
from holdfast.products.bus.rules import StopPoint
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

KM = st.lists(st.integers(1, 2000), min_size=1, max_size=8).map(
    lambda parts: [Fraction(sum(parts[:i])) for i in range(len(parts) + 1)]
)


def _fare(km: list[Fraction], whole: int, a: int, b: int) -> int:
    return rules.fare_between(km, whole_fare_minor=whole, from_stop=a, to_stop=b)


@given(km=KM, whole=st.integers(1, 10**9))
def test_the_whole_route_costs_the_whole_fare(km: list[Fraction], whole: int) -> None:
    assert _fare(km, whole, 0, len(km) - 1) == whole


@given(km=KM, whole=st.integers(1, 10**9))
def test_the_fares_of_all_legs_add_up_to_the_whole_but_for_half_a_unit_each(km: list[Fraction], whole: int) -> None:
    legs = [_fare(km, whole, leg, leg + 1) for leg in range(len(km) - 1)]

    assert abs(sum(legs) - whole) * 2 <= len(legs)


@given(km=KM, whole=st.integers(1, 10**9), data=st.data())
def test_riding_farther_never_costs_less(km: list[Fraction], whole: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(km) - 2))

    fares = [_fare(km, whole, start, stop) for stop in range(start + 1, len(km))]

    assert fares == sorted(fares)


def test_half_a_unit_is_rounded_up() -> None:
    km = [Fraction(0), Fraction(1), Fraction(2)]

    assert _fare(km, 101, 0, 1) == 51


def test_kilometres_may_have_decimals() -> None:
    km = [Fraction("0"), Fraction("12.5"), Fraction("37.5")]

    assert _fare(km, 3000, 0, 1) == 1000


@pytest.mark.parametrize(
    ("legs", "status"),
    [
        (["free"], "available"),
        (["free", "free"], "available"),
        (["free", "held"], "reserved"),
        (["blocked", "free"], "reserved"),
        (["held", "sold"], "booked"),
        (["free", "sold"], "booked"),
    ],
)
def test_a_seat_is_free_only_if_all_legs_are_and_booked_if_any_is_sold(
    legs: list[LegState], status: SeatStatus
) -> None:
    assert rules.seat_status(legs) == status


@given(legs_total=st.integers(1, 20), place=st.integers(0, 200), data=st.data())
def test_a_slot_belongs_to_one_seat_and_leg(legs_total: int, place: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, legs_total - 1))
    legs = range(first, data.draw(st.integers(first + 1, legs_total)))

    slots = rules.slots_of(place, legs=legs, legs_total=legs_total)

    assert [rules.place_and_leg(slot, legs_total=legs_total) for slot in slots] == [(place, leg) for leg in legs]


STOPS = ["Cairo", "Suez", "Hurghada"]


def test_the_legs_between_two_stops_end_before_the_second() -> None:
    assert list(rules.legs_of(0, 2, stops=STOPS)) == [0, 1]
    assert list(rules.legs_of(1, 2, stops=STOPS)) == [1]


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 0)])
def test_nobody_rides_backwards_or_nowhere(a: int, b: int) -> None:
    with pytest.raises(StopsReversed):
        rules.legs_of(a, b, stops=STOPS)


def test_a_stop_is_found_whatever_its_case() -> None:
    assert rules.stop_index(STOPS, " SUEZ ") == 1


def test_a_stop_that_is_not_on_the_way_is_named_with_those_that_are() -> None:
    with pytest.raises(StopUnknown) as error:
        rules.stop_index(STOPS, "Luxor")

    assert error.value.fields == {"stop": "Luxor", "stops": STOPS}


def _stops(*points: tuple[str, int, int]) -> list[StopPoint]:
    return [StopPoint(city, minutes, Fraction(km)) for city, minutes, km in points]


def test_a_route_leads_elsewhere() -> None:
    with pytest.raises(SameCity):
        rules.check_stops(_stops(("Cairo", 0, 0), ("Suez", 100, 134), ("CAIRO", 200, 268)))


@pytest.mark.parametrize("second", [("Suez", 0, 134), ("Suez", 100, 0), ("Suez", 400, 134), ("Suez", 100, 540)])
def test_stops_go_forward_in_time_and_space(second: tuple[str, int, int]) -> None:
    with pytest.raises(StopsOutOfOrder):
        rules.check_stops(_stops(("Cairo", 0, 0), second, ("Hurghada", 390, 530)))


@pytest.mark.parametrize(
    ("current", "wanted", "is_allowed"),
    [
        ("scheduled", "in_transit", True),
        ("scheduled", "completed", True),
        ("scheduled", "cancelled", True),
        ("in_transit", "completed", True),
        ("in_transit", "cancelled", True),
        ("in_transit", "scheduled", False),
        ("completed", "cancelled", False),
        ("completed", "scheduled", False),
        ("cancelled", "scheduled", False),
        ("scheduled", "scheduled", False),
    ],
)
def test_a_schedule_moves_forward_only(current: ScheduleStatus, wanted: ScheduleStatus, is_allowed: bool) -> None:
    if is_allowed:
        rules.check_status_change(current, wanted)
    else:
        with pytest.raises(StatusBackwards):
            rules.check_status_change(current, wanted)
