"""Watch a schedule's seats over a real socket, with the reference client."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from holdfast.kernel.realtime.client import Watching
from tests.journeys.calls import Line
from tests.journeys.world import World

_PATIENCE_SECONDS = 40.0


@dataclass
class Watcher:
    """A client that runs, with every message it was told."""

    live: Watching
    told: list[dict[str, Any]] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def seats(self) -> dict[str, str]:
        """What is not free, by the seat's number."""
        return {
            place["seat_number"]: place["status"]
            for place in self.live.places.values()
            if place["status"] not in {"available", "free"}
        }

    @property
    def mine(self) -> set[str]:
        return {place["seat_number"] for place in self.live.places.values() if place.get("held_by_me")}

    async def sees(self, seats: dict[str, str], *, patience: float = _PATIENCE_SECONDS) -> None:
        """Return once it shows exactly these as taken."""
        await self.until(lambda: self.live.position is not None and self.seats == seats, patience=patience)

    async def until(self, is_so: Callable[[], bool], *, patience: float = _PATIENCE_SECONDS) -> None:
        try:
            async with asyncio.timeout(patience), self._news:
                await self._news.wait_for(is_so)
        except TimeoutError:
            message = f"shows {self.seats} at {self.live.position}; last told {self.told[-3:]}"
            raise AssertionError(message) from None

    async def run(self) -> None:
        async for message in self.live:
            async with self._news:
                self.told.append(message)
                self._news.notify_all()


def address(world: World, line: Line, *, server: int = 0, query: str = "", path: str = "/api/v1/ws") -> str:
    base = world.site.urls[server % len(world.site.urls)].replace("http", "ws", 1)
    return f"{base}{path}/schedules/{line.id}/seats{query}"


@contextlib.asynccontextmanager
async def watching(url: str, **options: Any) -> AsyncIterator[Watcher]:
    """A watcher that has its snapshot."""
    async with Watching(url, **options) as live:
        watcher = Watcher(live)
        task = asyncio.create_task(watcher.run())
        try:
            await watcher.until(lambda: live.position is not None)
            yield watcher
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
