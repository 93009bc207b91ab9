import time
from itertools import combinations, groupby, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.products.bus import layouts
from holdfast.products.bus.best_places import best_places
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.values import NotEnoughSeats, Preference, Seat

STANDARD = parse_layout(layouts.standard(12, modifier_front="15.00")).seats
SLEEPER = parse_layout(layouts.sleeper(6, modifier_lower="50.00")).seats
ALL = frozenset(seat.place for seat in STANDARD)
PREFERENCES = st.sampled_from(["together", "window", "aisle", "front", "back"])


def _numbers(*, free: frozenset[int] = ALL, count: int, preference: Preference = "together") -> list[str]:
    return [seat.number for seat in best_places(STANDARD, free=free, count=count, preference=preference).seats]


def _places(*numbers: str) -> frozenset[int]:
    return frozenset(seat.place for seat in STANDARD if seat.number in numbers)


@settings(deadline=None)
@given(free=st.frozensets(st.sampled_from(sorted(ALL))), count=st.integers(1, 6), preference=PREFERENCES)
def test_seats_that_are_taken_or_reserved_for_wheelchairs_are_never_given(
    free: frozenset[int], count: int, preference: Preference
) -> None:
    open_to_all = {seat.place for seat in STANDARD if seat.place in free and not seat.flags}

    if len(open_to_all) < count:
        with pytest.raises(NotEnoughSeats):
            best_places(STANDARD, free=free, count=count, preference=preference)
    else:
        chosen = best_places(STANDARD, free=free, count=count, preference=preference).seats
        assert len({seat.place for seat in chosen}) == count
        assert {seat.place for seat in chosen} <= open_to_all


def _worth(group: tuple[Seat, ...], preference: Preference) -> tuple[object, ...]:
    """The rule written down directly, to compare the search with."""
    rows = [list(row) for _, row in groupby(group, key=lambda seat: (seat.deck, seat.row))]
    misses = {
        "together": 0,
        "window": sum(seat.position != "window" for seat in group),
        "aisle": sum(seat.position != "aisle" for seat in group),
        "front": max(seat.row for seat in group),
        "back": max(-seat.row for seat in group),
    }[preference]
    gaps = sum(row[-1].column - row[0].column + 1 - len(row) for row in rows)
    for before, after in pairwise(rows):
        decks = after[0].deck - before[0].deck
        gaps += decks * 100 if decks else after[0].row - before[0].row - 1
    shift = sum(abs(after[0].column - before[0].column) for before, after in pairwise(rows))
    spots = tuple((seat.deck, seat.row, seat.column) for seat in group)
    return sum(seat.modifier for seat in group), misses, len(rows), gaps, shift, spots


@settings(deadline=None, max_examples=150)
@given(data=st.data(), count=st.integers(1, 5), preference=PREFERENCES, of=st.sampled_from([STANDARD, SLEEPER]))
def test_no_other_seats_are_better_by_the_rule(
    data: st.DataObject, count: int, preference: Preference, of: tuple[Seat, ...]
) -> None:
    free = data.draw(st.frozensets(st.sampled_from([s.place for s in of if not s.flags]), min_size=count, max_size=11))

    chosen = best_places(of, free=free, count=count, preference=preference).seats

    candidates = [seat for seat in of if seat.place in free]
    assert chosen == min(combinations(candidates, count), key=lambda group: _worth(group, preference))


def test_the_price_comes_first() -> None:
    free = _places("2A", "2B", "5A", "9D")  # row 2 costs more

    assert _numbers(free=free, count=2) == ["5A", "9D"]


def test_then_one_row() -> None:
    free = _places("4A", "5A", "7A", "7D")

    assert _numbers(free=free, count=2) == ["7A", "7D"]


def test_then_the_fewest_gaps() -> None:
    free = _places("4B", "4C", "6A", "6B")

    assert _numbers(free=free, count=2) == ["6A", "6B"]


def test_a_group_too_large_for_a_row_sits_in_rows_behind_each_other() -> None:
    choice = best_places(STANDARD, free=ALL, count=6)

    assert [seat.number for seat in choice.seats] == ["11A", "11B", "12A", "12B", "12C", "12D"]
    assert choice.why.code == "near_rows"


@pytest.mark.parametrize(
    ("preference", "numbers"),
    [
        ("together", ["12A", "12B", "12C"]),  # only the back row seats three without an aisle between
        ("window", ["4A", "4D", "5A"]),
        ("aisle", ["4B", "4C", "5B"]),
        ("front", ["4A", "4B", "4C"]),  # the first row has two for all, rows 2 and 3 cost more
        ("back", ["12A", "12B", "12C"]),
    ],
)
def test_a_preference_is_met_among_the_cheapest(preference: Preference, numbers: list[str]) -> None:
    assert _numbers(count=3, preference=preference) == numbers


def test_what_could_not_be_met_is_said() -> None:
    choice = best_places(STANDARD, free=_places("4A", "4B", "5B"), count=2, preference="window")

    assert [seat.number for seat in choice.seats] == ["4A", "4B"]
    assert (choice.why.code, choice.why.met, choice.why.count) == ("side_by_side", 1, 2)
    assert choice.why.text == "The 2 cheapest seats, side by side in row 4; 1 of 2 at a window."


def test_who_asks_for_a_wheelchair_place_gets_it_and_the_companion_beside() -> None:
    choice = best_places(STANDARD, free=ALL, count=3, asked=["wheelchair", "companion"])

    assert [seat.number for seat in choice.seats] == ["1B", "1C", "1D"]


def test_a_wheelchair_place_that_is_gone_is_not_replaced_by_another_seat() -> None:
    with pytest.raises(NotEnoughSeats):
        best_places(STANDARD, free=ALL - _places("1D"), count=1, asked=["wheelchair"])


def test_the_search_is_quick_in_the_largest_bus_there_may_be() -> None:
    seats = parse_layout(layouts.standard(49)).seats
    free = {seat.place for seat in seats if seat.place % 7 in {0, 2, 5}}
    started = time.perf_counter()

    for preference in ("together", "window", "aisle", "front", "back"):
        best_places(seats, free=free, count=6, preference=preference)

    assert time.perf_counter() - started < 2
