"""Many who ask for the best seats at once get different ones, together, at the first try; one alone gets the best."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest

from holdfast.kernel import holds
from holdfast.kernel.holds import Hold, SlotsTaken
from holdfast.kernel.inventory import turn
from holdfast.kernel.realtime import Lookout
from holdfast.kit.db import Database, Transaction
from holdfast.products.bus import offers, tasks
from holdfast.products.bus.best_places import Choice
from holdfast.products.bus.choosing import Chooser
from holdfast.products.bus.reservations import Asked, Buyer
from holdfast.products.bus.shelf import Shelf
from holdfast.products.bus.tasks import Counter
from holdfast.products.bus.values import NotEnoughSeats
from tests.builders_bus import CLOCKS, Line, layout, offer_of, open_line, reserve
from tests.builders_identity import Person, sign_up


class Counted(Chooser):
    """Counts how often somebody chose."""

    choices = 0

    async def choose(self, *words: Any, **named: Any) -> Choice:
        self.choices += 1
        return await super().choose(*words, **named)


@asynccontextmanager
async def open_counters(database: Database, number: int) -> AsyncIterator[list[Counter]]:
    """So many processes that sell, as far as memory goes."""
    async with AsyncExitStack() as stack:
        yield [
            Counter(
                database,
                Shelf(database),
                await stack.enter_async_context(holds.Batcher(database, CLOCKS)),
                Counted(Lookout(database)),
            )
            for _ in range(number)
        ]


def asking(line: Line, count: int, **fields: Any) -> Asked:
    words: dict[str, Any] = {
        "schedule_id": line.schedule_id,
        "seat_ids": None,
        "seat_numbers": None,
        "count": count,
        "preference": "together",
        "flags": (),
        "from_stop": None,
        "to_stop": None,
        "document": f"{count}",
    }
    return Asked(**{**words, **fields})


async def buy(counter: Counter, line: Line, person: Person, count: int, **fields: Any) -> Hold:
    hold, _, _ = await tasks.reserve(
        counter, asking(line, count, **fields), buyer=Buyer(person.id, None), actor=person.actor
    )
    return hold


def choices(counters: Sequence[Counter]) -> int:
    return sum(each.chooser.choices for each in counters if isinstance(each.chooser, Counted))


def numbers(hold: Hold) -> list[str]:
    return [item.label for item in hold.items]


async def _release(db: Transaction, hold: Hold, person: Person) -> None:
    async with turn(db, hold.inventory_id) as taken:
        assert await holds.release(taken, hold, actor=person.actor)


@pytest.mark.parametrize("processes", [1, 2])
async def test_all_get_seats_side_by_side_while_there_are_any(database: Database, processes: int) -> None:
    line = await open_line(database, seats=layout(12))  # twelve rows of two pairs
    people = [await sign_up(database) for _ in range(24)]

    async with open_counters(database, processes) as counters:
        got = await asyncio.gather(
            *[buy(counters[number % processes], line, person, 2) for number, person in enumerate(people)]
        )
        tries = choices(counters)

    taken = [number for hold in got for number in numbers(hold)]
    assert len(set(taken)) == len(taken) == 48
    assert all(hold.description["why"]["code"] == "side_by_side" for hold in got)
    assert tries == 24 or processes > 1


async def test_whoever_comes_alone_gets_the_best_that_is_left(database: Database) -> None:
    line = await open_line(database, seats=layout(3))
    people = [await sign_up(database) for _ in range(3)]

    async with open_counters(database, 1) as (counter,):
        got = [numbers(await buy(counter, line, person, 2)) for person in people]

    assert got == [["1A", "1B"], ["1C", "1D"], ["2A", "2B"]]


async def test_what_somebody_else_took_or_gave_back_is_known(database: Database) -> None:
    line = await open_line(database, seats=layout(3))
    offer = await offer_of(database, line)
    chooser = Chooser(Lookout(database))

    async def best() -> list[str]:
        with ExitStack() as promises:
            whole = offers.part_of(offer.schedule, None, None)
            choice = await chooser.choose(offer, whole, asked=asking(line, 2), promises=promises)
        return [seat.number for seat in choice.seats]

    first = await best()
    person = await sign_up(database)
    hold = await reserve(database, line, person, ["1B"])
    while_held = await best()
    await database.run(partial(_release, hold=hold, person=person))
    given_back = await best()

    assert (first, while_held, given_back) == (["1A", "1B"], ["1C", "1D"], ["1A", "1B"])


async def test_what_is_promised_for_one_leg_is_free_on_the_others(database: Database) -> None:
    line = await open_line(database, seats=layout(1))
    offer = await offer_of(database, line)
    chooser = Chooser(Lookout(database))
    early, late = (offers.part_of(offer.schedule, *ends) for ends in (("Cairo", "Suez"), ("Suez", "Hurghada")))

    with ExitStack() as promises:
        got = [
            await chooser.choose(offer, part, asked=asking(line, 2), promises=promises) for part in (early, late, early)
        ]

    assert [[seat.number for seat in choice.seats] for choice in got] == [["1A", "1B"], ["1A", "1B"], ["1C", "1D"]]


async def test_at_the_end_of_a_sale_those_who_are_too_many_are_told(database: Database) -> None:
    line = await open_line(database, seats=layout(1))
    people = [await sign_up(database) for _ in range(6)]

    async with open_counters(database, 2) as counters:
        got = await asyncio.gather(
            *[buy(counters[number % 2], line, person, 1) for number, person in enumerate(people)],
            return_exceptions=True,
        )

    sold = [each for each in got if isinstance(each, Hold)]
    assert len({numbers(hold)[0] for hold in sold}) == len(sold) == 4
    refused = {type(each) for each in got if not isinstance(each, Hold)}
    assert refused <= {NotEnoughSeats, SlotsTaken}


async def test_after_a_collision_one_begins_elsewhere_among_equals(database: Database) -> None:
    line = await open_line(database, seats=layout(40))
    offer = await offer_of(database, line)
    whole = offers.part_of(offer.schedule, None, None)
    chooser = Chooser(Lookout(database))

    rows = set()
    for _ in range(12):
        with ExitStack() as promises:
            choice = await chooser.choose(offer, whole, asked=asking(line, 2), promises=promises, is_again=True)
        assert choice.why.code == "side_by_side"
        rows.add(choice.seats[0].row)

    assert len(rows) > 3
