"""Holds over HTTP: spread and hot, against the peers and the database's own limit."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from bench.ground import (
    CONFLICT,
    CREATED,
    Bench,
    Outcome,
    Row,
    line,
    peer_reserve,
    reserve,
    wrong_of,
)
from bench.measure import Measured
from bench.peers import orm_world
from bench.peers.orm_world import PeerCaller
from bench.site import Process
from bench.world import Caller, Schedule, allowing_more

PLACES_A_HOLD = 2
_ROOM = 1.5
_RATE_AT_FIRST = 4_000.0


@dataclass
class Spread:
    """Our side of holds over many occurrences: each request other places, never the same person twice on one."""

    bench: Bench
    server: Process
    database: str = "holdfast"
    by: str = "seat_ids"
    processes: int = 1
    _callers: list[Caller] = field(default_factory=list)
    _rate: float = _RATE_AT_FIRST
    _looks: list[bytes] = field(default_factory=list)

    def __call__(self) -> Measured:
        return self.measured()

    def measured(self, *, seconds: float | None = None) -> Measured:
        scale = self.bench.scale
        lasts = seconds or scale.seconds
        requests = self.requests(int((lasts + 1) * self._rate * _ROOM))
        self.look_at_all()
        job = self.bench.job(self.server, requests, seconds=lasts)
        found = self.bench.under_load(self.server, job, good=[CREATED])
        self._rate = max(found.rate, 100.0)
        return found

    def warm(self) -> None:
        self.measured(seconds=min(1.0, self.bench.scale.seconds))

    def look_at_all(self) -> None:
        """One hold of each new schedule, unmeasured: what is on sale has been looked at before anybody holds.

        Of several processes each has to look: the same is asked for so often that nearly all have.
        """
        some, self._looks = self._looks, []
        if some:
            often = 1 if self.processes == 1 else 4 * self.processes
            job = self.bench.job(self.server, some * often, seconds=120.0, warm=0.0)
            self.bench.under_load(self.server, job, good=[CREATED])

    def requests(self, count: int) -> list[bytes]:
        """So many, or a few more; what a run has left over is not used again."""
        if not self._callers:
            self._callers = self.bench.callers(database=self.database)
        found: list[bytes] = []
        while len(found) < count:
            world = self.bench.world(self.database)
            found += self._of(self.bench.wait(world.schedules(self.bench.scale.spread)))
        return found[: max(count, 1)]

    def _of(self, schedules: Sequence[Schedule]) -> Iterator[bytes]:
        rounds = len(schedules[0].numbers) // PLACES_A_HOLD - 1
        callers = len(self._callers)
        last = range(rounds * PLACES_A_HOLD, (rounds + 1) * PLACES_A_HOLD)
        self._looks += [
            reserve(self._callers[(number + rounds * 37) % callers], schedule, last, by=self.by)
            for number, schedule in enumerate(schedules)
        ]
        for turn in range(rounds):
            places = range(turn * PLACES_A_HOLD, (turn + 1) * PLACES_A_HOLD)
            for number in self.bench.shuffled(range(len(schedules))):
                caller = self._callers[(number + turn * 37) % callers]
                yield reserve(caller, schedules[number], places, by=self.by)


@dataclass
class Hot:
    """Our side of holds of one occurrence, a place each. `strangers`: nobody asks twice, every token is new."""

    bench: Bench
    server: Process
    database: str = "holdfast"
    strangers: bool = False
    _callers: list[Caller] = field(default_factory=list)

    def __call__(self) -> Measured:
        return self.measured()

    def measured(self, *, seconds: float | None = None) -> Measured:
        first, *requests = self.requests()
        self.bench.under_load(self.server, self.bench.job(self.server, [first], seconds=60.0, warm=0.0), good=[CREATED])
        job = self.bench.job(self.server, requests, seconds=seconds or self.bench.scale.seconds)
        return self.bench.under_load(self.server, job, good=[CREATED])

    def requests(self) -> list[bytes]:
        bench, places = self.bench, self.bench.scale.hot
        world = bench.world(self.database)
        limits = None if self.strangers else allowing_more()
        (schedule,) = bench.wait(world.schedules(1, places=places, limits=limits))
        if self.strangers:
            callers = bench.callers(places, database=self.database)
        else:
            callers = self._callers = self._callers or bench.callers(database=self.database)
        return [
            reserve(caller, schedule, [place])
            for place, caller in zip(bench.shuffled(range(places)), itertools.cycle(callers), strict=False)
        ]


@dataclass
class PeerSpread:
    """The ORM peer under the same load."""

    bench: Bench
    server: Process
    _callers: list[PeerCaller] = field(default_factory=list)
    _requests: Iterator[bytes] = field(default_factory=lambda: iter(()))

    def __call__(self) -> Measured:
        return self.measured()

    def measured(self, *, seconds: float | None = None) -> Measured:
        lasts = seconds or self.bench.scale.seconds
        job = self.bench.job(self.server, self.requests(int((lasts + 1) * 900)), seconds=lasts)
        return self.bench.under_load(self.server, job, good=[CREATED])

    def requests(self, count: int) -> list[bytes]:
        found = list(itertools.islice(self._requests, count))
        if len(found) < count:
            self._callers = self._callers or self.bench.peer_callers()
            labels = [f"{row}{letter}" for row in range(1, 13) for letter in "ABCD"]
            made = self.bench.wait(
                orm_world.occurrences(self.bench.peer_database(), self.bench.scale.spread, seats=labels)
            )
            self._requests = self._of(made, labels)
            found += itertools.islice(self._requests, count - len(found))
        return found

    def _of(self, made: Sequence[UUID], labels: Sequence[str]) -> Iterator[bytes]:
        for turn in range(len(labels) // PLACES_A_HOLD):
            seats = labels[turn * PLACES_A_HOLD : (turn + 1) * PLACES_A_HOLD]
            for number in self.bench.shuffled(range(len(made))):
                caller = self._callers[(number + turn * 37) % len(self._callers)]
                yield peer_reserve(caller, made[number], seats)


@dataclass
class PeerHot:
    """The ORM peer on one occurrence."""

    bench: Bench
    server: Process
    _requests: Iterator[bytes] | None = None

    def __call__(self) -> Measured:
        bench = self.bench
        if self._requests is None:
            callers = bench.peer_callers()
            labels = [f"P{number}" for number in range(bench.scale.hot)]
            (made,) = bench.wait(orm_world.occurrences(bench.peer_database(), 1, seats=labels))
            self._requests = (
                peer_reserve(caller, made, [label])
                for label, caller in zip(bench.shuffled(labels), itertools.cycle(callers), strict=False)
            )
        some = list(itertools.islice(self._requests, int((bench.scale.seconds + 1) * 900)))
        return bench.under_load(self.server, bench.job(self.server, some), good=[CREATED])


def spread_against_orm(bench: Bench) -> Outcome:
    ours, theirs = Spread(bench, bench.ours()), PeerSpread(bench, bench.orm())
    ours.warm()
    theirs.measured(seconds=0.5)
    one, other = bench.in_turns(ours, theirs)
    return _compared(bench, one, other)


def hot_against_orm(bench: Bench) -> Outcome:
    ours, theirs = Hot(bench, bench.ours()), PeerHot(bench, bench.orm())
    one, other = bench.in_turns(ours, theirs)
    return _compared(bench, one, other)


def hot_strangers(bench: Bench) -> Outcome:
    ours, theirs = Hot(bench, bench.ours(), strangers=True), PeerHot(bench, bench.orm())
    one, other = bench.in_turns(ours, theirs)
    return _compared(bench, one, other)


def hot_against_spread(bench: Bench) -> Outcome:
    hot, spread = Hot(bench, bench.ours()), Spread(bench, bench.ours())
    spread.warm()
    one, other = bench.in_turns(hot, spread)
    return _compared(bench, one, other, names=("hot", "spread"), with_peer=False)


def spread_against_trivial(bench: Bench) -> Outcome:
    ours, theirs = Spread(bench, bench.ours()), Trivial(bench, bench.trivial())
    ours.warm()
    one, other = bench.in_turns(ours, theirs)
    return _compared(bench, one, other, names=("ours", "trivial"), with_peer=False)


def refusals(bench: Bench) -> Outcome:
    """Everybody wants one place; exactly one gets it."""
    server, trivial = bench.ours(), Trivial(bench, bench.trivial())
    callers = bench.callers()
    winners: list[str] = []

    def ours() -> Measured:
        (schedule,) = bench.wait(bench.world().schedules(1))
        count = int((bench.scale.seconds + 1) * 25_000) if bench.scale.is_full else 20_000
        requests = [
            reserve(caller, schedule, [7]) for caller, _ in zip(itertools.cycle(callers), range(count), strict=False)
        ]
        found = bench.under_load(server, bench.job(server, requests), good=[CONFLICT, CREATED])
        query = f"SELECT count(*) FROM claims WHERE inventory_id = '{schedule.id}'"
        many = bench.wait(_scalar(bench, query))
        if many != 1:
            winners.append(f"{many} won the one place")
        return found

    one, other = bench.in_turns(ours, trivial)
    outcome = _compared(bench, one, other, names=("refusals", "trivial"), with_peer=False)
    outcome.wrong += winners
    return outcome


def tail(bench: Bench) -> Outcome:
    """p99 against p99, at as many clients."""
    ours, theirs = Spread(bench, bench.ours()), PeerSpread(bench, bench.orm())
    ours.warm()
    one, other = bench.in_turns(ours, theirs)
    outcome = _compared(bench, one, other)
    outcome.ours, outcome.theirs, outcome.ratio = one.p99, other.p99, one.p99 / max(other.p99, 1e-9)
    return outcome


def processor(bench: Bench) -> Outcome:
    ours = Spread(bench, bench.ours())
    ours.warm()
    (one,) = bench.in_turns(ours)
    return Outcome(ours=one.microseconds, lines=[line("ours", one)], wrong=wrong_of("ours", one) + bench.oversold())


def two_processes(bench: Bench) -> Outcome:
    """On a machine with two cores the load and PostgreSQL have nothing to spare for the second process."""
    one = Spread(bench, bench.ours(processes=1))
    two = Spread(bench, bench.ours(processes=2), processes=2)
    one.warm()
    two.warm()
    both, single = bench.in_turns(two, one)
    return _compared(bench, both, single, names=("two processes", "one"), with_peer=False)


@dataclass
class Trivial:
    """The same bodies at an endpoint that only says yes."""

    bench: Bench
    server: Process
    _requests: list[bytes] = field(default_factory=list)

    def __call__(self) -> Measured:
        if not self._requests:
            asked = Spread(self.bench, self.server).requests(2_000)
            self._requests = [each.replace(b"/api/v1/bus/reservations", b"/reservations", 1) for each in asked]
        job = self.bench.job(self.server, self._requests, repeat=True)
        return self.bench.under_load(self.server, job, good=[CREATED])


def _compared(
    bench: Bench,
    one: Measured,
    other: Measured,
    *,
    names: tuple[str, str] = ("ours", "ORM peer"),
    with_peer: bool = True,
) -> Outcome:
    wrong = [*wrong_of(names[0], one), *wrong_of(names[1], other), *bench.oversold()]
    if with_peer:
        wrong += bench.peer_oversold()
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line(names[0], one), line(names[1], other)],
        wrong=wrong,
    )


async def _scalar(bench: Bench, query: str) -> int:
    from bench.site import fetch  # noqa: PLC0415

    return int((await fetch(bench.site.migrated("holdfast"), query))[0][0])


ROWS = (
    Row(
        "holds-spread",
        "holds spread over 1,000 occurrences, against the ORM peer",
        "holds/s",
        18,
        27,
        spread_against_orm,
    ),
    Row(
        "holds-hot",
        "holds of one occurrence of 50,000 places, against the ORM peer",
        "holds/s",
        20,
        35,
        hot_against_orm,
    ),
    Row("holds-hot-strangers", "the same, every buyer new to the server", "holds/s", None, None, hot_strangers),
    Row(
        "holds-trivial",
        "holds, against a trivial FastAPI POST of the same bodies",
        "holds/s",
        0.8,
        1.2,
        spread_against_trivial,
    ),
    Row("hot-spread", "hot, against spread", "holds/s", 0.8, 1.0, hot_against_spread),
    Row("refusals", "refusals when all want one place, against the trivial POST", "refusals/s", 1.0, 1.5, refusals),
    Row("tail", "p99 of a hold at 64 clients, against the ORM peer's", "ms", 1 / 8, 1 / 15, tail, is_most=True),
    Row(
        "processor",
        "processor of a hold, Python and PostgreSQL together",
        "µs",
        180,
        130,
        processor,
        is_most=True,
        compares="ours",
    ),
    Row("two-processes", "two processes, against one (on 2 cores)", "holds/s", 1.0, 1.6, two_processes),
)
