"""Prove that every watcher sees every change, soon: `./run prove realtime [--seconds 60 --sockets 500 --clients 40]`.

Two server processes on one PostgreSQL, no worker. Each part has a schedule of its own, which all sockets watch while
the clients hold, pay, cancel, give back and let lapse. Then: every socket's map equals the database. Three parts: as it
is; with 30 % of all messages lost on the way; with clients beside that never read.

A delay is from the moment that PostgreSQL keeps of the commit (`track_commit_timestamp`: taken before the commit is
written to the disk, so it counts that too) until the client has decoded and applied a message that brought it there.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from uuid import UUID

import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel import inventory
from holdfast.kernel.holds.models import holds, items
from holdfast.kernel.inventory.models import inventories
from holdfast.kit import clock
from holdfast.kit.outbox import INVENTORY_CHANGED, outbox
from tests.journeys.calls import Json, Line, eventually
from tests.journeys.sites import Site
from tests.journeys.world import World, open_world
from tests.proofs.realtime.measuring import Held, Lapses, Spread, delays, lapses
from tests.proofs.realtime.shopping import PEOPLE_A_CLIENT, Diary, Shopper
from tests.proofs.realtime.site import SERVERS, processor_seconds, proving_site
from tests.proofs.realtime.sockets import Wish, shown

ROWS = 40  # 161 seats
#: At the site's pace a tenth of it: 24 s, of which the last 12 are too late to begin to pay.
HOLD_SECONDS = 240
LAPSE_SECONDS_MAX = 60.0
LOST = 0.3
DEAF = 6
#: A heartbeat, which tells who lost the last message of all, and the time to ask.
CONVERGE_SECONDS = 30.0
#: Who never reads is cut off by then, however late it filled its buffers.
GONE_SECONDS = 60.0
LINE_BYTES_MAX = 64_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """One run on one schedule. `is_timed`: whether its delays are held to the limit."""

    name: str
    lost: float = 0.0
    deaf: int = 0
    is_timed: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    part: Part
    changes: int
    commits: Spread
    turns: Spread
    lapses: Lapses
    resyncs: int
    unequal: int
    deaf_gone_after: Sequence[float | None]
    processor: float | None
    diary: Diary

    def failures(self, *, p99_ms: float) -> list[str]:
        """What is not as promised, in words."""
        wrong = {
            f"{self.unequal} sockets show another map than the database": self.unequal > 0,
            "nothing changed": not self.changes,
            "nothing lapsed": not self.lapses.late.count,
            f"{self.lapses.early} lapses were shown too early": self.lapses.early > 0,
            f"{self.lapses.unseen} lapses were never shown": self.lapses.unseen > 0 and self.part.is_timed,
            f"p99 of the delays is above {p99_ms:.0f} ms": self.part.is_timed and self.commits.p99 > p99_ms,
            f"p99 of the lapses is above {p99_ms:.0f} ms": self.part.is_timed and self.lapses.late.p99 > p99_ms,
            "no message was lost": self.part.lost > 0 and not self.resyncs,
            "who never reads was not let go": None in self.deaf_gone_after,
        }
        return [f"{self.part.name}: {words}" for words, is_so in wrong.items() if is_so]


PARTS = (
    Part("as it is"),
    Part("30 % lost", lost=LOST, is_timed=False),
    Part(f"{DEAF} never read", deaf=DEAF),
)


class Watchers:
    """A process of sockets, seen from here."""

    def __init__(self, process: asyncio.subprocess.Process, told: Path) -> None:
        self._process, self._told = process, told

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(cls, wish: Wish) -> AsyncIterator["Watchers"]:
        with tempfile.TemporaryDirectory() as folder:
            told = Path(folder) / "told.json"
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.proofs.realtime.sockets",
                str(told),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_BYTES_MAX,
            )
            try:
                watchers = cls(process, told)
                await watchers._ask(json.dumps(asdict(wish)))
                yield watchers
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def maps(self) -> Counter[str]:
        """What the clients show, and how many of them show it."""
        return Counter((await self._ask("maps"))["maps"])

    async def deaf_gone_after(self) -> list[float | None]:
        """After how many seconds those who never read were let go; None: not yet."""
        return cast("list[float | None]", (await self._ask("deaf"))["deaf"])

    async def heal(self) -> None:
        await self._ask("heal")

    async def end(self) -> Json:
        await self._ask("end")
        return cast("Json", json.loads(self._told.read_text()))

    async def _ask(self, word: str) -> Json:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        assert line, "a process of sockets has ended"
        return cast("Json", json.loads(line))


async def prove(site: Site, world: World, part: Part, asked: argparse.Namespace) -> Outcome:
    """One part, from an empty schedule to the comparison of every map."""
    line = await world.line(rows=ROWS)
    await _hold_for(world, line, HOLD_SECONDS)
    people = await world.crowd(asked.clients * PEOPLE_A_CLIENT)
    urls = [f"{site.urls[number % SERVERS]}/ws/schedules/{line.id}/seats" for number in range(asked.sockets)]
    urls = [url.replace("http", "ws", 1) for url in urls]
    diary = Diary()
    async with contextlib.AsyncExitStack() as stack:
        watchers = [
            await stack.enter_async_context(
                Watchers.opened(Wish(urls[at :: asked.processes], part.lost, part.deaf if at == 0 else 0, seed=at + 1))
            )
            for at in range(asked.processes)
        ]
        used, began = processor_seconds(site), time.monotonic()
        shoppers = [
            Shopper(world, line, people[at :: asked.clients], seed=at, diary=diary) for at in range(asked.clients)
        ]
        await asyncio.gather(*(shopper.shop(until=began + asked.seconds) for shopper in shoppers))
        now_used, lasted = processor_seconds(site), time.monotonic() - began
        for each in watchers:
            await each.heal()
        await _all_lapsed(world, line)
        unequal = await _unequal(world, line, watchers)
        gone = await _gone(watchers)
        told = [await each.end() for each in watchers]
    commits, turns = await _commits(world, line)
    learned = [client for each in told for client in each["learned"]]
    return Outcome(
        part=part,
        changes=len(commits),
        commits=Spread.of(delay for client in learned for delay in delays(commits, client)),
        turns=Spread.of(delay for client in learned for delay in delays(turns, client)),
        lapses=lapses(await _held(world, line), [client for each in told for client in each["freed"]]),
        resyncs=sum(each["resyncs"] for each in told),
        unequal=unequal,
        deaf_gone_after=gone,
        processor=None if used is None or now_used is None else (now_used - used) / lasted,
        diary=diary,
    )


async def _hold_for(world: World, line: Line, seconds: int) -> None:
    """Holds here last so long, before the site's pace."""
    mine = inventories.c.id == UUID(line.id)
    async with world.database.transaction() as db:
        limits = await db.scalar(sa.select(inventories.c.limits).where(mine))
        await db.execute(sa.update(inventories).where(mine).values(limits={**limits, "hold_seconds": seconds}))


async def _all_lapsed(world: World, line: Line) -> None:
    """Wait until nothing is held any more: what is taken then stays so, and can be compared."""

    async def look() -> bool:
        return "reserved" not in (await _database_map(world, line)).values()

    await eventually(look, "every hold is over", patience=LAPSE_SECONDS_MAX)


async def _unequal(world: World, line: Line, watchers: Sequence[Watchers]) -> int:
    """How many clients show something else than the database, once they had the time to hear."""
    seats = await _database_map(world, line)
    expected = shown(seats, available=list(seats.values()).count("available"))
    ends = time.monotonic() + CONVERGE_SECONDS
    while True:
        maps = sum([await each.maps() for each in watchers], Counter[str]())
        unequal = maps.total() - maps[expected]
        if not unequal or time.monotonic() > ends:
            return unequal
        await asyncio.sleep(1)


async def _gone(watchers: Sequence[Watchers]) -> list[float | None]:
    """After how long each of those who never read was let go."""
    ends = time.monotonic() + GONE_SECONDS
    while True:
        gone = [after for each in watchers for after in await each.deaf_gone_after()]
        if None not in gone or time.monotonic() > ends:
            return gone
        await asyncio.sleep(1)


async def _database_map(world: World, line: Line) -> dict[str, str]:
    """By the claims, without any server or memory between: the line has one leg, so a place is a slot."""
    words = {"held": "reserved", "blocked": "reserved", "sold": "booked"}
    async with world.database.snapshot() as db:
        now = await clock.moment(db)
        found = await inventory.find(db, UUID(line.id))
        layout = await inventory.layout(db, found.layout_id)
        states = await inventory.slot_states(db, found.id, now=now)
    assert layout.slots_per_place == 1
    return {place.label: words.get(states.get(place.number, "free"), "available") for place in layout.places}


async def _commits(world: World, line: Line) -> tuple[dict[int, float], dict[int, float]]:
    """By seq, when each change was committed, and when its transaction had taken its turn."""
    committed = sa.func.pg_xact_commit_timestamp(sa.literal_column("xmin")).label("committed")
    async with world.database.reader() as db:
        rows = await db.all(
            sa.select(outbox.c.seq, outbox.c.at, committed).where(
                outbox.c.kind == INVENTORY_CHANGED, outbox.c.inventory_id == UUID(line.id)
            )
        )
    return {row.seq: row.committed.timestamp() for row in rows}, {row.seq: row.at.timestamp() for row in rows}


async def _held(world: World, line: Line) -> list[Held]:
    """Every seat that was held, with how it ended: by time alone, or otherwise."""
    async with world.database.reader() as db:
        now = await clock.moment(db)
        rows = await db.all(
            sa.select(items.c.label, holds.c.placed_at, holds.c.expires_at, holds.c.state, holds.c.paid_at)
            .join_from(
                items, holds, sa.and_(items.c.inventory_id == holds.c.inventory_id, items.c.hold_id == holds.c.id)
            )
            .where(holds.c.inventory_id == UUID(line.id))
        )
    return [
        Held(
            seat=row.label,
            placed_at=row.placed_at.timestamp(),
            expires_at=row.expires_at.timestamp(),
            is_lapsed=row.paid_at is None and row.state != "cancelled" and row.expires_at <= now,
        )
        for row in rows
    ]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def show(outcomes: Sequence[Outcome]) -> None:
    """The table, in milliseconds."""
    head = ("", "changes", "p50", "p99", "most", "turn p99", "lapses", "p50", "p99", "resyncs", "unequal", "servers")
    rows = [
        (
            each.part.name,
            str(each.changes),
            *(f"{value:.0f}" for value in (each.commits.p50, each.commits.p99, each.commits.most, each.turns.p99)),
            str(each.lapses.late.count),
            *(f"{value:.0f}" for value in (each.lapses.late.p50, each.lapses.late.p99)),
            str(each.resyncs),
            str(each.unequal),
            "-" if each.processor is None else f"{each.processor:.0%}",
        )
        for each in outcomes
    ]
    for row in (head, *rows):
        say("  ".join([row[0].ljust(14), *(cell.rjust(8) for cell in row[1:])]))
    say("\np50 … most: ms from the commit to the client; turn p99: the same from the moment the turn was taken;")
    say("lapses: times that a client saw one, ms after its moment; servers: share of one core, both together")
    for each in outcomes:
        gone = ", ".join("never" if after is None else f"{after:.0f} s" for after in each.deaf_gone_after)
        asking = Spread.of(each.diary.asking)
        words = ", ".join(f"{count} {what}" for what, count in each.diary.done.most_common())
        say(f"{each.part.name}: {words}; asking for seats took {asking.p50:.0f} ms (p99 {asking.p99:.0f})")
        if gone:
            say(f"  who never read was let go after {gone}")


async def run(site: Site, asked: argparse.Namespace) -> int:
    outcomes = []
    async with open_world(site) as world:
        for part in PARTS:
            if asked.part in {None, part.name}:
                say(f"{part.name} …")
                outcomes.append(await prove(site, world, part, asked))
        breaches = await check(world.database)
    show(outcomes)
    failures = [words for each in outcomes for words in each.failures(p99_ms=asked.p99)]
    failures += [f"breach of the contract: {breach}" for breach in breaches]
    for words in failures:
        say(f"FAILED  {words}")
    say("" if failures else "proven")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run prove realtime", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="of shopping, in each part")
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--clients", type=int, default=40, help="over HTTP")
    parser.add_argument("--processes", type=int, default=2, help="that the sockets are spread over")
    parser.add_argument("--p99", type=float, default=250.0, help="the limit of the delays, in milliseconds")
    parser.add_argument("--part", choices=[part.name for part in PARTS], help="this one alone")
    asked = parser.parse_args()
    random.seed(1)
    with proving_site() as site:
        return asyncio.run(run(site, asked))


if __name__ == "__main__":
    sys.exit(main())
