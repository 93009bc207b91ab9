"""The sockets of the proof of realtime, in a process of their own, so that nobody else's work delays them.

Reads its wish as one line of JSON, says when all sockets have their snapshot, then answers one line a word with what
the clients show and after how long the deaf were let go: `maps`, `deaf`; `heal` loses nothing any more; `end` writes
down what each client was told, and when.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from holdfast.kernel.realtime.client import Watching
from tests.journeys.deaf import Deaf

_OPENING_AT_ONCE = 40
#: How many of the clients also write down when each seat became free: for the moments of lapses, every tenth is enough.
_NOTED_EVERY = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """`lost`: the share of messages that get lost on the way. `deaf`: sockets besides that never read anything."""

    urls: list[str]
    lost: float
    deaf: int
    seed: int


@dataclass
class Client:
    """One reference client. `learned`: (seq it had reached, when); `freed`: (seat, when it became free)."""

    live: Watching
    is_noting: bool
    learned: list[tuple[int, float]] = field(default_factory=list)
    freed: list[tuple[str, float]] = field(default_factory=list)
    has_snapshot: asyncio.Event = field(default_factory=asyncio.Event)
    _shown: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        async for message in self.live:
            at = time.time()
            self.learned.append((seq_of(message["position"]), at))
            self.has_snapshot.set()
            if self.is_noting:
                self._note(message, at)

    def _note(self, message: dict[str, Any], at: float) -> None:
        for seat in message.get("seats") or ():
            number, status = seat["seat_number"], seat["status"]
            if status == "available" and self._shown.get(number, status) != status:
                self.freed.append((number, at))
            self._shown[number] = status

    @property
    def map(self) -> str:
        taken = {seat["seat_number"]: seat["status"] for seat in self.live.places.values()}
        return shown(taken, available=self.live.available)


def shown(seats: Mapping[str, str], *, available: int) -> str:
    """A map as a text: equal maps are equal texts."""
    return json.dumps([available, seats], sort_keys=True)


def seq_of(position: str) -> int:
    """Clients must not look inside a position; who measures may."""
    return int(position.rpartition(".")[2])


async def main() -> None:
    wish = Wish(**json.loads(await _line()))
    dice = random.Random(wish.seed)
    is_lossy = False  # until everybody watches: before anything happens only a heartbeat tells what was lost

    def loses(_message: dict[str, Any]) -> bool:
        return is_lossy and dice.random() < wish.lost

    clients = [
        Client(Watching(url, loses=loses), is_noting=number % _NOTED_EVERY == 0) for number, url in enumerate(wish.urls)
    ]
    async with asyncio.TaskGroup() as group:
        tasks = []
        for at in range(0, len(clients), _OPENING_AT_ONCE):
            opening = clients[at : at + _OPENING_AT_ONCE]
            tasks += [group.create_task(client.run()) for client in opening]
            await asyncio.gather(*(client.has_snapshot.wait() for client in opening))
        deaf = [Deaf(wish.urls[number], is_greedy=number % 2 == 0) for number in range(wish.deaf)]
        tasks += [group.create_task(each.run()) for each in deaf]
        is_lossy = wish.lost > 0
        _say({"ready": len(clients)})
        while (word := await _line()) != "end":
            is_lossy = is_lossy and word != "heal"
            maps = Counter(client.map for client in clients) if word == "maps" else None
            _say({"maps": maps, "deaf": [each.gone_after for each in deaf]})
        for task in tasks:
            task.cancel()
    told = {
        "learned": [client.learned for client in clients],
        "freed": [client.freed for client in clients if client.is_noting],
        "resyncs": sum(client.live.resyncs for client in clients),
    }
    Path(sys.argv[1]).write_text(json.dumps(told))
    _say({})


async def _line() -> str:
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main())
