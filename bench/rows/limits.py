"""Against the database's own limit, and SQLite against one commit a hold."""

import itertools
import json
import sqlite3
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from bench import limit
from bench.ground import CREATED, Bench, Outcome, Row, line, reserve, wrong_of
from bench.load import request
from bench.measure import Measured
from bench.peers import sqlite_world
from bench.rows.holds import PLACES_A_HOLD, Spread
from bench.site import Process, checked, execute
from bench.world import Caller, World
from holdfast.kit import migrate

#: Holds a second that one process on SQLite will not reach on any machine of today.
_RATE_MAX = 4_000.0
_LIMIT = "limit"


@dataclass
class Limit:
    """pgbench on a database of its own, with the same tables."""

    bench: Bench

    def __call__(self) -> Measured:
        bench = self.bench
        url = bench.site.migrated(_LIMIT)
        world = bench.world(_LIMIT)
        people = 20_011 if bench.scale.is_full else 2_003  # primes: nobody holds twice of one inventory
        schedules = bench.wait(world.schedules(bench.scale.spread, places=100))
        callers = bench.callers(people, database=_LIMIT)
        bench.wait(limit.prepare_holds(url, schedules, callers))
        bench.wait(execute(url, "VACUUM ANALYZE inventories, claims, holds"))
        variables = {"spread": len(schedules), "people": len(callers)}
        return limit.pgbench(bench, "hold", variables, database=_LIMIT)


def spread_against_limit(bench: Bench) -> Outcome:
    ours, theirs = Spread(bench, bench.ours()), Limit(bench)
    ours.warm()
    one, other = bench.in_turns(ours, theirs)
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("ours", one), line("pgbench", other)],
        wrong=[*wrong_of("ours", one), *wrong_of("pgbench", other), *bench.oversold(), *bench.oversold(_LIMIT)],
    )


@dataclass
class OnSqlite:
    """Our server on a file of SQLite."""

    bench: Bench
    server: Process
    url: str
    _callers: list[Caller] = field(default_factory=list)

    def __call__(self) -> Measured:
        requests, looks = self.bench.wait(self._requests())
        looking = self.bench.job(self.server, looks, seconds=120.0, warm=0.0, clients=8)
        self.bench.under_load(self.server, looking, good=[CREATED])
        return self.bench.under_load(self.server, self.bench.job(self.server, requests), good=[CREATED])

    async def _requests(self) -> tuple[list[bytes], list[bytes]]:
        """More than it can answer, of new schedules; and a hold of each, so that all have been looked at before."""
        bench, wanted = self.bench, (self.bench.scale.seconds + 1) * _RATE_MAX
        world = World(bench.site.settings(self.url))
        self._callers = self._callers or await world.callers(bench.scale.callers)
        callers, requests, looks = self._callers, list[bytes](), list[bytes]()
        while len(requests) < wanted:
            schedules = await world.schedules(bench.scale.spread)
            rounds = len(schedules[0].numbers) // PLACES_A_HOLD - 1
            looks += [
                reserve(callers[number % len(callers)], schedule, [rounds * PLACES_A_HOLD])
                for number, schedule in enumerate(schedules)
            ]
            for turn in range(1, rounds):  # 0 would be by who has looked
                places = range(turn * PLACES_A_HOLD, (turn + 1) * PLACES_A_HOLD)
                requests += [
                    reserve(callers[(number + turn * 37) % len(callers)], schedules[number], places)
                    for number in bench.shuffled(range(len(schedules)))
                ]
        await world.close()
        return requests, looks


@dataclass
class PeerOnSqlite:
    """FastAPI with aiosqlite, one commit a hold."""

    bench: Bench
    server: Process
    file: Path
    _left: list[bytes] = field(default_factory=list)

    def __call__(self) -> Measured:
        bench = self.bench
        if not self._left:
            labels = [f"{row}{letter}" for row in range(1, 13) for letter in "ABCD"]
            occurrences, callers = sqlite_world.fill(
                self.file, occurrences=bench.scale.spread, seats=labels, people=bench.scale.callers
            )
            for turn in range(len(labels) // PLACES_A_HOLD):
                seats = labels[turn * PLACES_A_HOLD : (turn + 1) * PLACES_A_HOLD]
                self._left += [
                    _peer_reserve(caller, occurrence, seats)
                    for occurrence, caller in zip(
                        bench.shuffled(occurrences),
                        itertools.islice(itertools.cycle(callers), turn * 37, None),
                        strict=False,
                    )
                ]
        share = max(len(self._left) // max(bench.scale.rounds, 1), 1)
        some, self._left = self._left[:share], self._left[share:]
        return bench.under_load(self.server, bench.job(self.server, some), good=[CREATED])


def sqlite_against_aiosqlite(bench: Bench) -> Outcome:
    folder = bench.site.folder / "sqlite"
    folder.mkdir(exist_ok=True)
    url = f"sqlite:///{folder / f'holdfast-{uuid.uuid4().hex}.sqlite3'}"
    file = folder / f"peer-{uuid.uuid4().hex}.sqlite3"
    bench.wait(migrate.upgrade(url))
    sqlite_world.make_tables(file)
    ours = OnSqlite(bench, bench.ours(url), url)
    theirs = PeerOnSqlite(bench, bench.peer("bench.peers.sqlite:app", PEER_FILE=str(file)), file)
    one, other = bench.in_turns(ours, theirs)
    with sqlite3.connect(file) as connection:
        (twice,) = connection.execute(sqlite_world.OVERSOLD).fetchone()
    wrong = [*wrong_of("ours", one), *wrong_of("aiosqlite", other), *checked(url)]
    if twice:
        wrong.append(f"the peer has sold {twice} seats twice")
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("ours", one), line("aiosqlite", other)],
        wrong=wrong,
    )


def _peer_reserve(caller: sqlite_world.Caller, occurrence: str, seats: list[str]) -> bytes:
    body = json.dumps({"occurrence_id": occurrence, "seat_numbers": seats}).encode()
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": str(uuid.uuid4())}
    return request("POST", "/reservations", headers=headers, body=body)


ROWS = (
    Row("holds-pgbench", "holds, against pgbench: one such hold a commit", "holds/s", 0.6, 0.9, spread_against_limit),
    Row("sqlite", "SQLite: holds, against one commit a hold by aiosqlite", "holds/s", 6, 8, sqlite_against_aiosqlite),
)
