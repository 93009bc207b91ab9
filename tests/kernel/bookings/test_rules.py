from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.bookings import CancellationClosed
from holdfast.kernel.bookings.rules import REFERENCE_LENGTH, REFERENCE_LETTERS, new_reference, percent_due
from holdfast.kernel.inventory import Step, Terms

LEAST = timedelta(microseconds=1)
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


def test_terms_travel_as_json_and_come_back_the_same() -> None:
    assert Terms.from_json(BUS.to_json()) == BUS


def test_references_have_no_letters_that_are_taken_for_another() -> None:
    references = {new_reference() for _ in range(200)}

    assert len(references) == 200
    assert all(len(reference) == REFERENCE_LENGTH for reference in references)
    assert not set("".join(references)) - set(REFERENCE_LETTERS)
    assert not set(REFERENCE_LETTERS) & set("IO01")
