import asyncio
import gc
from collections.abc import Mapping, Sequence
from weakref import WeakSet

import pytest

from holdfast.kit.db import Database
from holdfast.kit.together import Together, TogetherIn


class Reader:
    """Reads numbers as words when it is let."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.may_go_on = asyncio.Event()

    async def read(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(sorted(keys))
        await self.may_go_on.wait()
        if 13 in keys:
            message = "unlucky"
            raise ValueError(message)
        return {key: f"number {key}" for key in keys if key}


async def test_who_asks_during_a_read_is_read_for_in_the_next_together_with_the_others() -> None:
    reader = Reader()
    numbers = Together(reader.read)
    first = asyncio.create_task(numbers.find(1))
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(numbers.find(number)) for number in (2, 3, 1, 2)]
    await asyncio.sleep(0.01)

    reader.may_go_on.set()
    answers = await asyncio.gather(first, *others)

    assert answers == ["number 1", "number 2", "number 3", "number 1", "number 2"]
    assert reader.asked == [[1], [1, 2, 3]]


async def test_what_is_not_there_is_none_and_a_failure_is_that_of_those_who_asked() -> None:
    reader = Reader()
    reader.may_go_on.set()
    numbers = Together(reader.read, at_once=1)

    absent, unlucky, found = await asyncio.gather(
        numbers.find(0), numbers.find(13), numbers.find(7), return_exceptions=True
    )

    assert (absent, found) == (None, "number 7")
    assert isinstance(unlucky, ValueError)


async def test_one_who_leaves_takes_nobody_along() -> None:
    reader = Reader()
    numbers = Together(reader.read)
    leaving, staying = asyncio.create_task(numbers.find(5)), asyncio.create_task(numbers.find(5))
    await asyncio.sleep(0.01)

    leaving.cancel()
    reader.may_go_on.set()

    assert await staying == "number 5"
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_each_database_is_asked_for_its_own_and_kept_no_longer_than_it_is_used(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    asked: list[tuple[Database, list[int]]] = []

    async def read(there: Database, keys: Sequence[int]) -> Mapping[int, str]:
        asked.append((there, sorted(keys)))
        return {key: f"number {key}" for key in keys}

    numbers = TogetherIn(read)
    answers = await asyncio.gather(numbers.find(database, 1), numbers.find(other, 2), numbers.find(database, 3))

    assert list(answers) == ["number 1", "number 2", "number 3"]
    assert asked == [(database, [1, 3]), (other, [2])]
    await other.close()
    asked.clear()
    left = WeakSet([other])
    del other
    gc.collect()
    assert not left
