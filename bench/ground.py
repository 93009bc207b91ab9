"""What the rows share: the site, both worlds, and servers that are started when a row first asks for them."""

import asyncio
import contextlib
import random
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from bench import load, measure
from bench.load import RESERVE, Job
from bench.measure import Measured
from bench.peers import orm_world
from bench.peers.orm_world import PeerCaller
from bench.site import SECRET, Process, Site, checked, execute, fetch
from bench.world import Caller, Schedule, World

T = TypeVar("T")

CREATED, CONFLICT = 201, 409
#: Databases whose servers several rows ask for.
_SHARED = ("holdfast", "reads")
_PEER = "peer"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. The quick one is for looking whether the bench works, and for a first impression."""

    seconds: float
    rounds: int
    clients: int
    callers: int
    spread: int
    hot: int
    live_claims: int
    past_bookings: int
    searched: int
    churn_seconds: float
    sockets: int
    memory_holds: int

    @property
    def is_full(self) -> bool:
        return self == FULL


FULL = Scale(
    seconds=6.0,
    rounds=3,
    clients=64,
    callers=1_000,
    spread=1_000,
    hot=50_000,
    live_claims=1_000_000,
    past_bookings=10_000_000,
    searched=10_000,
    churn_seconds=180.0,
    sockets=1_000,
    memory_holds=100_000,
)
QUICK = Scale(
    seconds=1.5,
    rounds=1,
    clients=64,
    callers=200,
    spread=100,
    hot=5_000,
    live_claims=20_000,
    past_bookings=100_000,
    searched=1_000,
    churn_seconds=6.0,
    sockets=200,
    memory_holds=2_000,
)
#: For the test of the bench itself.
TINY = Scale(
    seconds=1.0,
    rounds=1,
    clients=8,
    callers=40,
    spread=20,
    hot=500,
    live_claims=500,
    past_bookings=1_000,
    searched=100,
    churn_seconds=2.0,
    sockets=10,
    memory_holds=100,
)


@dataclass
class Outcome:
    """What came of a row. `lines`: details for people; `wrong`: what must not have happened."""

    ours: float
    theirs: float | None = None
    ratio: float | None = None
    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    #: (x, y) by the name of a line, for a plot of how cost grows
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    #: why there is nothing to say
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `must` and `aim` bound the ratio, from below unless `is_most`; None: it only tells."""

    name: str
    what: str
    unit: str
    must: float | None
    aim: float | None
    run: Callable[["Bench"], Outcome]
    is_most: bool = False
    #: what is compared with must and aim where there is no other side
    compares: Literal["ratio", "ours"] = "ratio"

    def holds(self, outcome: Outcome) -> bool:
        """Whether it is as it must be."""
        if outcome.wrong or outcome.skipped is not None:
            return False
        value = outcome.ratio if self.compares == "ratio" else outcome.ours
        if self.must is None or value is None:
            return True
        return value <= self.must if self.is_most else value >= self.must


class Bench:
    """Handed to every row."""

    def __init__(self, site: Site, scale: Scale, *, processes: int = 1) -> None:
        self.site, self.scale, self.processes = site, scale, processes
        self._stack = contextlib.ExitStack()
        self._servers: dict[tuple[object, ...], Process] = {}
        self._worlds: dict[str, World] = {}
        self._dice = random.Random(7)  # noqa: S311 - the same order each time, not a secret
        self._told: Callable[[str], None] = lambda _: None
        self.loop = asyncio.new_event_loop()

    def close(self) -> None:
        for world in self._worlds.values():
            self.loop.run_until_complete(world.close())
        self.loop.close()
        self._stack.close()

    def wait(self, work: Awaitable[T]) -> T:
        """Do something that awaits, in the one loop of the bench."""
        return self.loop.run_until_complete(_awaited(work))

    def say(self, line: str) -> None:
        self._told(line)

    def listen(self, told: Callable[[str], None]) -> None:
        self._told = told

    # Ours

    def ours(
        self, database: str = "holdfast", *, processes: int | None = None, with_worker: bool = False, **settings: str
    ) -> Process:
        """The real server on a migrated database; the same one again for the same words."""
        name = ("holdfast", database, processes or self.processes, with_worker, *sorted(settings.items()))
        if name not in self._servers:
            url = self.site.migrated(database) if "://" not in database else database
            self._servers[name] = self._stack.enter_context(
                self.site.holdfast(url, settings, processes=processes or self.processes, with_worker=with_worker)
            )
        return self._servers[name]

    def world(self, database: str = "holdfast") -> World:
        if database not in self._worlds:
            url = self.site.migrated(database) if "://" not in database else database
            self._worlds[database] = World(self.site.settings(url))
        return self._worlds[database]

    def callers(self, count: int | None = None, *, database: str = "holdfast") -> list[Caller]:
        return self.wait(self.world(database).callers(count or self.scale.callers))

    # Theirs

    def end(self, server: Process) -> None:
        """A server that is needed no more; the next who asks gets a new one."""
        server.stop()
        self._servers = {name: each for name, each in self._servers.items() if each is not server}

    def end_unshared(self) -> None:
        """End the servers that were started for one row: the connections they keep are missed by those of the next."""
        for name, server in list(self._servers.items()):
            if name not in {("holdfast", database, self.processes, False) for database in _SHARED} and (
                name[0] == "holdfast" or len(name) > len(("peer", "its application", "its database"))
            ):
                self.end(server)

    def tidy(self) -> None:
        """Let PostgreSQL do now what it would do in the next row for what earlier ones left: theirs and ours alike."""
        for name in self.site.databases & {*_SHARED, _PEER}:
            self.wait(execute(self.site.database(name), "VACUUM (ANALYZE)", "CHECKPOINT"))

    def peer(self, application: str, *, database: str | None = None, **env: str) -> Process:
        name = ("peer", application, database, *sorted(env.items()))
        if name not in self._servers:
            if database is not None:
                env |= {"PEER_DATABASE": self.peer_database(database), "PEER_SECRET": SECRET}
            self._servers[name] = self._stack.enter_context(self.site.peer(application, env))
        return self._servers[name]

    def peer_database(self, name: str = _PEER) -> str:
        is_new = name not in self._worlds_of_peers
        url = self.site.database(name)
        if is_new:
            self.wait(orm_world.make_tables(url))
            self._worlds_of_peers.add(name)
        return url

    @property
    def _worlds_of_peers(self) -> set[str]:
        return self.__dict__.setdefault("_peers_made", set())  # type: ignore[no-any-return]

    def orm(self) -> Process:
        return self.peer("bench.peers.orm:app", database=_PEER)

    def plain(self, database: str = "holdfast") -> Process:
        """The real server, but that each hold is a transaction of its own."""
        settings = self.site.settings(self.site.migrated(database))
        return self.peer(
            "bench.peers.plain:app", **{f"HOLDFAST_{name.upper()}": str(value) for name, value in settings.items()}
        )

    def trivial(self) -> Process:
        return self.peer("bench.peers.trivial:app")

    def peer_callers(self) -> list[PeerCaller]:
        return self.wait(orm_world.callers(self.peer_database(), self.scale.callers))

    # Measuring

    def job(self, server: Process, requests: Sequence[bytes] = (), **changed: Any) -> Job:  # noqa: ANN401 - of a Job
        host, port = server.address
        words = {"clients": self.scale.clients, "seconds": self.scale.seconds, **changed}
        return Job(host, port, requests=requests, **words)

    def under_load(self, server: Process, job: Job, *, good: Sequence[int], count: int | None = None) -> Measured:
        return measure.under_load(self.site, server, job, good=good, count=count)

    def in_turns(self, *sides: Callable[[], Measured], rounds: int | None = None) -> list[Measured]:
        many = rounds or self.scale.rounds
        done = iter(range(1, many * len(sides) + 1))
        return measure.in_turns(
            many, *sides, told=lambda: self.say(f"{next(done)} of {many * len(sides)} measurements")
        )

    def shuffled(self, some: Sequence[T]) -> list[T]:
        return self._dice.sample(some, len(some))

    def oversold(self, database: str = "holdfast") -> list[str]:
        """What is sold twice there, by SQL over claims, holds and counters."""
        url = self.site.migrated(database)
        return [f"{name}: {row[0]}" for name, query in _OVERSOLD.items() if (row := self.wait(fetch(url, query))[0])[0]]

    def peer_oversold(self, database: str = _PEER) -> list[str]:
        from bench.peers import orm  # noqa: PLC0415 - it makes an engine

        many = self.wait(fetch(self.site.database(database), orm.OVERSOLD))[0][0]
        return [f"the peer has sold {many} seats twice"] if many else []

    def checked_all(self) -> list[str]:
        """What `holdfast check` finds where holds were placed by requests alone; [] where none were."""
        if not any("holdfast" in name[:2] for name in self._servers):
            return []
        return [f"holdfast check: {breach}" for breach in checked(self.site.migrated("holdfast"))]


async def _awaited(work: Awaitable[T]) -> T:
    return await work


#: Each must count nothing. The primary key of claims makes two claims of one slot impossible, so these look whether
#: holds and claims say the same: every slot of a live hold is claimed by it and by nobody else.
_OVERSOLD = {
    "slots in two live holds": """
        SELECT count(*) FROM (
          SELECT i.inventory_id, s.slot FROM items i
          JOIN holds h ON h.inventory_id = i.inventory_id AND h.id = i.hold_id,
          LATERAL jsonb_array_elements_text(i.slots) s(slot)
          WHERE i.state = 'kept' AND (h.paid_at IS NOT NULL
            OR (h.state IN ('active', 'converted') AND h.ended_at IS NULL AND h.expires_at > now()))
          GROUP BY 1, 2 HAVING count(*) > 1) twice""",
    "slots of live holds that another claims, or nobody": """
        SELECT count(*) FROM items i
        JOIN holds h ON h.inventory_id = i.inventory_id AND h.id = i.hold_id
        CROSS JOIN LATERAL jsonb_array_elements_text(i.slots) s(slot)
        LEFT JOIN claims c ON c.inventory_id = i.inventory_id AND c.slot = s.slot::int AND c.hold_id = h.id
        WHERE i.state = 'kept' AND h.state = 'active' AND h.expires_at > now() AND c.hold_id IS NULL""",
    "counters above their capacity, or other than their claims": """
        SELECT count(*) FROM counters c LEFT JOIN (
          SELECT inventory_id, slot, sum(quantity) AS quantity FROM quantity_claims GROUP BY 1, 2
        ) q USING (inventory_id, slot)
        WHERE c.taken > c.capacity OR c.taken <> coalesce(q.quantity, 0)""",
}


def reserve(caller: Caller, schedule: Schedule, places: Sequence[int], *, by: str = "seat_ids") -> bytes:
    """A request for these places of a schedule, by their public ids or their numbers, with a key of its own."""
    if by == "seat_ids":
        named = ",".join(f'"{schedule.seat_id(at)}"' for at in places)
    else:
        named = ",".join(f'"{schedule.labels[at]}"' for at in places)
    body = f'{{"schedule_id":"{schedule.id}","{by}":[{named}]}}'.encode()
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": str(uuid.uuid4())}
    return load.request("POST", RESERVE, headers=headers, body=body)


def peer_reserve(caller: PeerCaller, occurrence: uuid.UUID, seats: Sequence[str]) -> bytes:
    named = ",".join(f'"{seat}"' for seat in seats)
    return _peer_request(caller, f'{{"occurrence_id":"{occurrence}","seat_numbers":[{named}]}}')


def peer_reserve_counted(caller: PeerCaller, occurrence: uuid.UUID, count: int) -> bytes:
    return _peer_request(caller, f'{{"occurrence_id":"{occurrence}","count":{count}}}')


def _peer_request(caller: PeerCaller, body: str) -> bytes:
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": str(uuid.uuid4())}
    return load.request("POST", "/reservations", headers=headers, body=body.encode())


def line(side: str, found: Measured) -> str:
    """One side in words."""
    return (
        f"{side}: {found.rate:,.0f}/s, p50 {found.p50:.1f} ms, p99 {found.p99:.1f} ms; processor a request:"
        f" Python {found.python:.0f} µs, PostgreSQL {found.postgres:.0f} µs, load {found.load:.0f} µs"
    )


def wrong_of(side: str, found: Measured) -> list[str]:
    return [f"{side} answered {times} times: {words}" for words, times in found.wrong.items()]


@contextlib.contextmanager
def stopwatch(said: Callable[[float], None]) -> Iterator[None]:
    began = time.monotonic()
    yield
    said(time.monotonic() - began)


def to_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
