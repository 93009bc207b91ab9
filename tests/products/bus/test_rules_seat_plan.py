"""Seats are chosen from rows as bits as they are one by one; in plans of any size, quickly."""

import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.kernel.inventory import Place
from holdfast.products.bus import layouts, offers
from holdfast.products.bus.best_places import best_places
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.seat_plan import Plan
from holdfast.products.bus.values import NotEnoughSeats, Preference, SeatFlag

PREFERENCES: tuple[Preference, ...] = ("together", "window", "aisle", "front", "back")


def plan_of(places: tuple[Place, ...]) -> Plan:
    inventory = SimpleNamespace(prices=offers.prices_of(places, currency="EGP"))
    offer: Any = SimpleNamespace(places=SimpleNamespace(places=places), inventory=inventory)
    return Plan(offer)


def places_of(config: dict[str, Any]) -> tuple[Place, ...]:
    return offers.places_of(parse_layout(config))


STANDARD = plan_of(places_of(layouts.standard(12, modifier_front="15.00")))
SLEEPER = plan_of(places_of(layouts.sleeper(6, modifier_lower="50.00")))
_PATTERN = places_of(layouts.standard(12))
HALL = plan_of(
    tuple(
        replace(_PATTERN[number % len(_PATTERN)], number=number, row=str(number // 50), column=number % 50)
        for number in range(50_000)
    )
)


@settings(deadline=None, max_examples=400)
@given(
    data=st.data(),
    count=st.integers(1, 6),
    preference=st.sampled_from(PREFERENCES),
    plan=st.sampled_from([STANDARD, SLEEPER]),
    asked=st.sampled_from([(), (), ("wheelchair",)]),
)
def test_the_bits_give_what_the_rule_gives(
    data: st.DataObject, count: int, preference: Preference, plan: Plan, asked: tuple[SeatFlag, ...]
) -> None:
    free = data.draw(st.frozensets(st.sampled_from(sorted(plan.spots))))
    seats = [offers.seat_of(plan.offer, place) for place in plan.offer.places.places]

    def ruled() -> object:
        return best_places(seats, free=free, count=count, preference=preference, asked=asked)

    def chosen() -> object:
        return plan.choose(plan.bits(free), count=count, preference=preference, asked=asked)

    assert _outcome(chosen) == _outcome(ruled)


def _outcome(choose: Callable[[], object]) -> object:
    try:
        return choose()
    except NotEnoughSeats as refused:
        return refused.count


@settings(deadline=None, max_examples=60)
@given(data=st.data(), count=st.integers(1, 6), preference=st.sampled_from(PREFERENCES))
def test_nobody_is_refused_in_a_large_plan_while_enough_are_free(
    data: st.DataObject, count: int, preference: Preference
) -> None:
    free = data.draw(st.frozensets(st.integers(0, 49_999), min_size=count, max_size=60))
    givable = {number for number in free if not HALL.offer.places.places[number].flags}

    if len(givable) < count:
        with pytest.raises(NotEnoughSeats):
            HALL.choose(HALL.bits(free), count=count, preference=preference)
    else:
        chosen = HALL.choose(HALL.bits(free), count=count, preference=preference)
        assert len({seat.place for seat in chosen.seats}) == count
        assert {seat.place for seat in chosen.seats} <= givable


@pytest.mark.parametrize("start", [0, 1, 500, 999])
def test_from_wherever_one_begins_they_are_side_by_side(start: int) -> None:
    chosen = HALL.choose(HALL.bits(range(50_000)), count=4, start=start)

    assert chosen.why.code == "side_by_side"
    assert chosen.seats[0].row == start


@pytest.mark.parametrize("preference", PREFERENCES)
def test_fifty_thousand_seats_are_looked_through_in_milliseconds(preference: Preference) -> None:
    full, last = HALL.bits([]), HALL.bits([49_994, 49_995, 49_996])
    began = time.process_time()

    for free in (HALL.bits(range(50_000)), full, last):
        for _ in range(3):
            try:
                HALL.choose(free, count=2, preference=preference)
            except NotEnoughSeats:
                assert free is full

    assert time.process_time() - began < 1
