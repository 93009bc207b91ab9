"""Ask for one, read for many: while one read is under way, whoever asks waits for the next one, made for all of them.

Never joins a read that began before: an answer is always read after it was asked for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

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
