"""An inventory in memory: changes and time bring it on, and nothing else does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.inventory import Layout, Place, SlotState
from holdfast.kernel.realtime.audience import Audience, Watcher
from holdfast.kernel.realtime.values import Channel, PlaceLook, Position
from holdfast.kernel.realtime.views import GapInStreamError, View
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Change

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
LAYOUT = Layout(new_id(), "toy", 1, 1, 4, tuple(Place(number, f"C{number + 1}") for number in range(4)))
INVENTORY = new_id()


def a_view(
    *claims: tuple[int, SlotState, datetime | None],
    seq: int = 7,
    layout: Layout = LAYOUT,
    counted: Iterable[tuple[int, int, datetime | None]] = (),
) -> View:
    return View(
        inventory_id=INVENTORY,
        serial=5,
        seq=seq,
        state="on_sale",
        layout=layout,
        claims=claims,
        counted=counted,
        capacities={},
        now=NOW,
    )


def change(
    seq: int, *states: tuple[int, str, datetime | None], state: str = "on_sale", layout: UUID = LAYOUT.id
) -> Change:
    return Change(INVENTORY, seq, states, state, layout, NOW)


def looks(view: View, channel: Channel | None = None) -> list[str]:
    return [look.status for look in view.look(channel or Channel(INVENTORY)).values()]


def test_a_view_shows_what_is_claimed() -> None:
    view = a_view((1, "held", SOON), (2, "sold", None), (3, "blocked", None))

    assert looks(view) == ["free", "held", "sold", "blocked"]


def test_a_claim_that_is_over_when_the_view_is_read_is_free() -> None:
    view = a_view((1, "held", NOW))

    assert looks(view)[1] == "free"
    assert view.lapsed_unswept == {1}


def test_a_claim_is_free_at_its_moment_and_not_before() -> None:
    view = a_view((1, "held", SOON))

    before = view.lapse(SOON - timedelta(microseconds=1))
    at_its_end = view.lapse(SOON)

    assert (before, at_its_end) == (set(), {1})
    assert looks(view)[1] == "free"


def test_a_claim_that_was_paid_meanwhile_does_not_lapse() -> None:
    view = a_view((1, "held", SOON))

    view.apply(change(8, (1, "sold", None)))
    lapsed = view.lapse(SOON)

    assert lapsed == set()
    assert looks(view)[1] == "sold"


def test_a_claim_that_was_taken_over_lapses_at_its_new_end() -> None:
    view = a_view((1, "held", SOON))
    later = SOON + timedelta(minutes=15)

    view.lapse(SOON)
    view.apply(change(8, (1, "held", later)))

    assert view.lapse(later - timedelta(seconds=1)) == set()
    assert view.lapse(later) == {1}


def test_a_change_seen_before_touches_nothing() -> None:
    view = a_view((1, "sold", None), seq=8)

    assert view.apply(change(8, (1, "held", SOON))) == set()
    assert looks(view)[1] == "sold"


@pytest.mark.parametrize("gap", [change(9, (1, "held", SOON)), change(8, (1, "held", SOON), layout=new_id())])
def test_a_missing_change_or_a_new_layout_asks_for_reading_anew(gap: Change) -> None:
    with pytest.raises(GapInStreamError):
        a_view().apply(gap)


def test_a_place_of_several_parts_is_free_only_where_all_parts_looked_at_are() -> None:
    layout = Layout(new_id(), "toy", 1, 3, 2, (Place(0, "C1"), Place(1, "C2")))
    view = a_view((4, "held", SOON), layout=layout)

    assert looks(view) == ["free", "held"]
    assert looks(view, Channel(INVENTORY, parts=range(1))) == ["free", "free"]
    assert looks(view, Channel(INVENTORY, parts=range(1, 3))) == ["free", "held"]


def test_a_counted_place_says_how_many_are_left_until_their_claims_run_out() -> None:
    layout = Layout(new_id(), "toy", 1, 1, 1, (Place(0, "standing", counted=10),))
    view = a_view(layout=layout, counted=[(0, 3, SOON), (0, 2, None)])
    channel = Channel(INVENTORY)

    before = view.look(channel)
    view.lapse(SOON)
    after = view.look(channel)

    assert before == {0: PlaceLook("free", 5)}
    assert after == {0: PlaceLook("free", 8)}
    assert view.available(after, channel) == 8


def test_nothing_is_available_of_what_is_not_on_sale() -> None:
    view = a_view()

    view.apply(change(8, state="cancelled"))

    assert view.available(view.look(Channel(INVENTORY)), Channel(INVENTORY)) == 0


Assigned = st.tuples(st.integers(0, 3), st.sampled_from(["free", "held", "sold", "blocked"]))


@given(st.lists(st.lists(Assigned, max_size=3), max_size=12), st.data())
def test_who_sees_changes_twice_ends_where_who_saw_them_once_does(
    rows: list[list[tuple[int, str]]], data: st.DataObject
) -> None:
    changes = [
        change(8 + number, *[(slot, looks, SOON if looks == "held" else None) for slot, looks in dict(row).items()])
        for number, row in enumerate(rows)
    ]
    once, twice = a_view(), a_view()

    for number, each in enumerate(changes):
        once.apply(each)
        twice.apply(each)
        for again in data.draw(st.lists(st.integers(0, number), max_size=2)):
            twice.apply(changes[again])

    assert looks(once) == looks(twice)
    assert once.lapse(SOON) == twice.lapse(SOON)
    assert "held" not in looks(once)


@pytest.mark.parametrize("text", ["", "1", "1.", "x.2", "1.-2", "1.2.3", "٣.٤", "1" * 50])
def test_what_is_no_position_is_none(text: str) -> None:
    assert Position.parse(text) is None


async def test_who_does_not_keep_up_is_sent_one_snapshot_instead_of_all_it_missed() -> None:
    view = a_view()
    audience = Audience(Channel(INVENTORY), view, epoch=1, clock=lambda: NOW)
    watcher = Watcher(audience, queue_max=3)
    audience.watchers.add(watcher)

    for number in range(5):
        view.apply(change(8 + number, (number % 4, "sold", None)))
        audience.tell({number % 4}, {})
    message = await watcher.next(patience=1)
    nothing = await watcher.next(patience=0.01)

    assert message is not None
    assert '"type":"snapshot"' in message
    assert '"position":"1.12"' in message
    assert nothing is None


def test_a_view_tells_what_was_touched_since_a_change_and_what_lapsed_unswept() -> None:
    view = a_view((3, "held", NOW + timedelta(seconds=1)))
    view.apply(change(8, (0, "held", SOON)))
    view.apply(change(9, (1, "sold", None)))
    view.lapse(NOW + timedelta(seconds=2))

    assert view.touched_since(9) == {3}
    assert view.touched_since(8) == {1, 3}
    assert view.touched_since(7) == {0, 1, 3}


@pytest.mark.parametrize("seq", [6, 10])
def test_what_was_touched_before_a_view_was_read_or_will_be_it_can_not_tell(seq: int) -> None:
    view = a_view()
    view.apply(change(8, (0, "held", SOON)))

    assert view.touched_since(seq) is None
