"""What the proof counts is right: else it proves nothing."""

import pytest

from tests.proofs.realtime.measuring import Held, Spread, delays, lapses


def test_a_change_is_seen_with_the_first_message_that_brings_a_client_there_or_beyond() -> None:
    commits = {1: 10.0, 2: 11.0, 3: 12.0, 4: 13.0}

    found = delays(commits, [(1, 10.5), (3, 12.25), (3, 12.5), (4, 13.5)])

    assert found == [1.25, 0.25, 0.5]


def test_an_older_position_again_is_nothing_new() -> None:
    assert delays({2: 11.0, 3: 12.0}, [(1, 10.0), (3, 12.5), (2, 12.6), (3, 12.7)]) == [1.5, 0.5]


def test_the_percentile_is_one_of_the_values() -> None:
    spread = Spread.of(number / 1000 for number in range(1, 201))

    assert (spread.count, spread.p50, spread.p99, spread.most) == (200, 100, 198, 200)
    assert Spread.of([]) == Spread(0, 0.0, 0.0, 0.0)


def test_a_lapse_is_late_by_the_time_until_its_seat_is_shown_as_free() -> None:
    held = Held("1A", 10.0, 20.0, is_lapsed=True)

    found = lapses([held], [[("1A", 20.25)], [("1A", 20.5)]])

    assert (found.late.count, found.late.most, found.early, found.unseen) == (2, 500, 0, 0)


def test_a_lapse_that_is_shown_before_its_moment_or_never_is_counted() -> None:
    early, unseen = Held("1A", 10.0, 20.0, is_lapsed=True), Held("1B", 10.0, 20.0, is_lapsed=True)

    found = lapses([early, unseen], [[("1A", 19.9), ("1A", 20.1)]])

    assert (found.early, found.unseen) == (1, 1)
    assert found.late.count == 1
    assert found.late.most == pytest.approx(100)


def test_a_lapse_that_the_next_buyer_saw_before_its_watchers_is_late_by_that_long_at_least() -> None:
    held = [Held("1A", 10.0, 20.0, is_lapsed=True), Held("1A", 22.0, 40.0, is_lapsed=False)]

    found = lapses(held, [[]])

    assert (found.late.count, found.late.most, found.unseen) == (1, 2000, 0)


@pytest.mark.parametrize(
    "held",
    [
        [Held("1A", 10.0, 20.0, is_lapsed=False)],
        [Held("1A", 10.0, 20.0, is_lapsed=True), Held("1A", 20.1, 30.0, is_lapsed=False)],
    ],
    ids=["given-back", "taken-at-once"],
)
def test_what_did_not_lapse_for_anybody_to_see_is_not_measured(held: list[Held]) -> None:
    found = lapses(held, [[]])

    assert (found.late.count, found.early, found.unseen) == (0, 0, 0)
