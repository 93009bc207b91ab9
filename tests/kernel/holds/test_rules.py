from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.holds import Line, total_of
from holdfast.kernel.holds.rules import Stretch, amounts_of_items, cooling_until, first_end
from holdfast.kernel.inventory import Clocks, Limits

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
LIMITS = Limits(items_max=6, hold_seconds=900)
CLOCKS = Clocks()


def minutes(value: float) -> timedelta:
    return timedelta(minutes=value)


def chain(*pairs: tuple[float, float]) -> list[Stretch]:
    return [Stretch(START + minutes(start), START + minutes(end)) for start, end in pairs]


@pytest.mark.parametrize(
    ("stretches", "now", "until"),
    [
        (chain(), 0, None),
        (chain((0, 15)), 15, None),
        (chain((0, 15), (15, 30)), 30, 35),
        (chain((15, 30), (0, 15)), 30, 35),
        (chain((0, 15), (19, 34)), 34, 39),
        (chain((0, 15), (20, 35)), 35, None),
        (chain((0, 15), (15, 29)), 29, None),
        (chain((0, 30), (3, 20)), 30, 35),
        (chain((0, 20), (10, 25)), 25, None),
        (chain((0, 15), (15, 30)), 35, None),
        (chain((0, 15), (15, 30), (40, 50)), 50, None),
    ],
)
def test_who_held_for_a_full_chain_cools_down_until_a_gap_after_its_end(
    stretches: list[Stretch], now: float, until: float | None
) -> None:
    found = cooling_until(stretches, now=START + minutes(now), limits=LIMITS, clocks=CLOCKS)

    assert found == (None if until is None else START + minutes(until))


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 30)), max_size=12))
def test_nobody_cools_down_longer_than_a_gap_after_the_last_end(pairs: list[tuple[int, int]]) -> None:
    stretches = chain(*((start, start + length) for start, length in pairs))
    now = max((each.end for each in stretches), default=START)

    until = cooling_until(stretches, now=now, limits=LIMITS, clocks=CLOCKS)

    assert until in {None, now + CLOCKS.chain_gap}


@pytest.mark.parametrize(("gone", "left"), [(0, 15), (10, 15), (15, 15), (20, 10), (30, 0)])
def test_a_clock_never_passes_the_cap_from_the_first_claim(gone: float, left: float) -> None:
    now = START + minutes(gone)

    assert first_end(first_claimed_at=START, now=now, limits=LIMITS, clocks=CLOCKS) == now + minutes(left)


def test_a_total_is_its_lines_less_the_tax_they_contain() -> None:
    lines = [
        Line("fare", "place", 1000, item=0),
        Line("modifier", "front", 150, item=0),
        Line("discount", "early", -100, item=0),
        Line("tax", "inside", 92, item=0, tax_bps=900, inclusive=True),
        Line("fare", "place", 1000, item=1),
        Line("fee", "service", 100),
    ]

    assert total_of(lines) == 2150
    assert amounts_of_items(lines) == {None: 100, 0: 1050, 1: 1000}
