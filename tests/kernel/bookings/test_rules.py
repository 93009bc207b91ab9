from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.bookings import Booking, CancellationClosed, amounts_due
from holdfast.kernel.bookings.rules import REFERENCE_LENGTH, REFERENCE_LETTERS, new_reference, percent_due
from holdfast.kernel.holds import Hold, Item, Line
from holdfast.kernel.inventory import Step, Terms

LEAST = timedelta(microseconds=1)
NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)
DEFAULT = Terms(version=1, steps=(Step(86_400, 100), Step(7_200, 50)))
BUS = Terms(version=1, steps=DEFAULT.steps, closed_within=7_200)
FLEXIBLE = Terms(version=1, steps=(Step(604_800, 100), Step(86_400, 80), Step(3_600, 30)))


@pytest.mark.parametrize(
    ("terms", "left", "percent"),
    [
        (DEFAULT, timedelta(hours=24) + LEAST, 100),
        (DEFAULT, timedelta(hours=24), 50),
        (DEFAULT, timedelta(hours=2), 50),
        (DEFAULT, timedelta(hours=2) - LEAST, 0),
        (DEFAULT, -timedelta(days=1), 0),
        (BUS, timedelta(hours=2), 50),
        (FLEXIBLE, timedelta(days=7) + LEAST, 100),
        (FLEXIBLE, timedelta(days=7), 80),
        (FLEXIBLE, timedelta(days=1), 30),
        (FLEXIBLE, timedelta(hours=1), 30),
        (FLEXIBLE, timedelta(hours=1) - LEAST, 0),
        (Terms(version=1, steps=()), timedelta(days=99), 0),
        (Terms(version=1, steps=(Step(0, 100),)), timedelta(0), 100),
        (Terms(version=1, steps=(Step(0, 100),)), -LEAST, 0),
    ],
)
def test_an_edge_between_two_steps_belongs_to_the_later_one(terms: Terms, left: timedelta, percent: int) -> None:
    assert percent_due(terms, left=left) == percent


def test_terms_that_close_refuse_what_is_nearer() -> None:
    with pytest.raises(CancellationClosed):
        percent_due(BUS, left=timedelta(hours=2) - LEAST)


@given(st.lists(st.integers(0, 10**7), min_size=2, max_size=2))
def test_waiting_never_gives_more_back(seconds: list[int]) -> None:
    later, sooner = sorted(seconds)

    assert percent_due(FLEXIBLE, left=timedelta(seconds=later)) <= percent_due(FLEXIBLE, left=timedelta(seconds=sooner))


def booked(prices: list[int], *, terms: Terms, fee: int) -> Booking:
    items = tuple(
        Item(number, number, f"C{number}", (number,), (), price, "kept") for number, price in enumerate(prices)
    )
    lines = (*(Line("fare", "place", item.amount, item=item.number) for item in items), Line("fee", "service", fee))
    inventory_id, provider_id, owner_id = uuid4(), uuid4(), uuid4()
    hold = Hold(
        id=uuid4(),
        inventory_id=inventory_id,
        provider_id=provider_id,
        owner_id=owner_id,
        expires_at=NOON,
        ended_at=None,
        product="toy",
        placed_by=owner_id,
        channel="web",
        state="converted",
        first_claimed_at=NOON,
        placed_at=NOON,
        starts_at=NOON,
        ends_at=NOON,
        sold_starts_at=NOON,
        zone="UTC",
        terms=terms,
        description={},
        currency="EGP",
        total=sum(prices) + fee,
        items=items,
        lines=lines,
    )
    return Booking(
        id=uuid4(),
        inventory_id=inventory_id,
        provider_id=provider_id,
        owner_id=owner_id,
        expires_at=NOON,
        ended_at=None,
        hold_id=hold.id,
        product="toy",
        reference="R",
        state="confirmed",
        refund_state="none",
        total=hold.total,
        currency="EGP",
        created_at=NOON,
        confirmed_at=NOON,
        updated_at=NOON,
        hold=hold,
    )


@given(
    prices=st.lists(st.integers(0, 10**9), min_size=1, max_size=8),
    percent=st.integers(0, 100),
    fee=st.integers(0, 1000),
    fees_refundable=st.booleans(),
    random=st.randoms(use_true_random=False),
)
def test_parts_given_back_equal_the_whole_in_any_order(
    prices: list[int], percent: int, fee: int, fees_refundable: bool, random: Random
) -> None:
    terms = Terms(version=1, steps=(), fees_refundable=fees_refundable)
    whole = booked(prices, terms=terms, fee=fee)
    at_once = amounts_due(whole, whole.hold.kept, percent=percent, why="by_terms").total

    parts, left = 0, list(whole.hold.kept)
    for item in random.sample(left, len(left)):
        rest = replace(whole, hold=replace(whole.hold, items=tuple(left)))
        parts += amounts_due(rest, [item], percent=percent, why="by_terms").total
        left.remove(item)

    assert parts == at_once <= sum(prices) + fee


def test_terms_travel_as_json_and_come_back_the_same() -> None:
    assert Terms.from_json(BUS.to_json()) == BUS


def test_references_have_no_letters_that_are_taken_for_another() -> None:
    references = {new_reference() for _ in range(200)}

    assert len(references) == 200
    assert all(len(reference) == REFERENCE_LENGTH for reference in references)
    assert not set("".join(references)) - set(REFERENCE_LETTERS)
    assert not set(REFERENCE_LETTERS) & set("IO01")
