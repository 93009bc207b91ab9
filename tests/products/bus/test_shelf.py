"""Offers at hand: read together by those who ask at once, the layout once for all, no more than there is room for."""

import asyncio

import pytest

from holdfast.kit import ids
from holdfast.kit.db import Database
from holdfast.products.bus.shelf import KEPT_SECONDS, Shelf
from holdfast.products.bus.values import ScheduleNotFound, SeatNotFound
from tests.builders_bus import Line, open_line
from tests.products.bus.test_seat_maps import noted_statements


async def open_lines(database: Database, count: int) -> list[Line]:
    return [await open_line(database) for _ in range(count)]


async def test_those_who_ask_at_once_are_read_together(database: Database) -> None:
    lines = await open_lines(database, 6)

    async def statements_for(some: list[Line]) -> int:
        shelf = Shelf(database)
        with noted_statements(database) as asked:
            found = await asyncio.gather(*[shelf.offer(line.schedule_id) for line in some])
        assert [(each.offer.schedule.id, at_hand) for each, at_hand in found] == [
            (line.schedule_id, False) for line in some
        ]
        return len(asked)

    await statements_for(lines)  # reads the layouts
    alone = await statements_for(lines[:1])

    assert await statements_for(lines) == alone > 0


async def test_who_asks_for_what_is_not_there_disturbs_nobody(database: Database) -> None:
    (line,) = await open_lines(database, 1)
    shelf = Shelf(database)

    found, missing = await asyncio.gather(
        shelf.offer(line.schedule_id), shelf.offer(ids.new_id()), return_exceptions=True
    )

    assert isinstance(missing, ScheduleNotFound)
    assert not isinstance(found, BaseException)
    assert found[0].labelled("1b").label == "1B"
    assert found[0].numbered(found[0].labelled("1B").number).label == "1B"
    with pytest.raises(SeatNotFound):
        found[0].labelled("99Z")
    with pytest.raises(SeatNotFound):
        found[0].numbered(9_999)


async def test_the_least_recently_used_makes_room(database: Database) -> None:
    one, two, three = await open_lines(database, 3)
    shelf = Shelf(database, offers_max=2)

    for line in (one, two, one, three):
        await shelf.offer(line.schedule_id)

    at_hand = {name: (await shelf.offer(line.schedule_id))[1] for name, line in (("one", one), ("three", three))}
    assert at_hand == {"one": True, "three": True}
    assert not (await shelf.offer(two.schedule_id))[1]


async def test_it_is_read_anew_after_a_minute_and_when_that_is_asked(database: Database) -> None:
    (line,) = await open_lines(database, 1)
    moment = 1_000.0
    shelf = Shelf(database, clock=lambda: moment)
    first, _ = await shelf.offer(line.schedule_id)

    moment += KEPT_SECONDS - 1
    kept, _ = await shelf.offer(line.schedule_id)
    asked_anew, _ = await shelf.offer(line.schedule_id, is_fresh=True)
    moment += KEPT_SECONDS
    expired, _ = await shelf.offer(line.schedule_id)

    assert kept is first
    assert asked_anew is not first
    assert expired is not asked_anew


async def test_offers_of_one_layout_share_its_places(database: Database) -> None:
    (line,) = await open_lines(database, 1)
    shelf, other = Shelf(database), Shelf(database)

    one, two = (await shelf.offer(line.schedule_id))[0], (await other.offer(line.schedule_id))[0]

    assert one.offer is not two.offer
    assert one.labelled("1A") is two.labelled("1A")
