"""Ask for one, read for many: while one read is under way, whoever asks waits for the next one, made for all of them.

Never joins a read that began before: an answer is always read after it was asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

from holdfast.kit.db import Database

K = TypeVar("K")
V = TypeVar("V")

AT_ONCE = 200


class Together(Generic[K, V]):
    """`read` is handed the keys that were asked for, and returns what there is by key."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], *, at_once: int = AT_ONCE) -> None:
        self._read, self._at_once = read, at_once
        self._waiting: dict[K, asyncio.Future[V | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def find(self, key: K) -> V | None:
        """What there is of that key; None for nothing. Raises what `read` raised."""
        future = self._waiting.get(key)
        if future is None:
            future = self._waiting[key] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all())
        return await asyncio.shield(future)  # others may wait for the same

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                keys = list(self._waiting)[: self._at_once]
                asked = {key: self._waiting.pop(key) for key in keys}
                await self._read_for(asked)
        finally:
            self._reading = None

    async def _read_for(self, asked: Mapping[K, "asyncio.Future[V | None]"]) -> None:
        try:
            found = await self._read(list(asked))
        except Exception as failure:  # noqa: BLE001 - theirs, who asked
            for future in asked.values():
                future.set_exception(failure)
                future.exception()  # looked at here, should everybody have left
        else:
            for key, future in asked.items():
                future.set_result(found.get(key))


class TogetherIn(Generic[K, V]):
    """A `Together` for each database that is asked, for as long as it is open: for what belongs to no application."""

    def __init__(self, work: Callable[[Database, Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._work = work
        self._of: WeakKeyDictionary[Database, Together[K, V]] = WeakKeyDictionary()

    async def find(self, database: Database, key: K) -> V | None:
        """As `Together.find`, with those who ask the same database."""
        if database not in self._of:
            self._of[database] = Together(partial(self._do, ref(database)))
        return await self._of[database].find(key)

    async def _do(self, database: "ref[Database]", keys: Sequence[K]) -> Mapping[K, V]:
        there = database()
        assert there is not None, "who asks holds its database"
        return await self._work(there, keys)
