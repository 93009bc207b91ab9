"""The best places together, for whoever says how many rather than which."""

import itertools
import uuid
from dataclasses import dataclass, field

from bench.ground import CREATED, Bench, Outcome, Row, line, reserve, wrong_of
from bench.load import RESERVE, request
from bench.measure import Measured
from bench.world import Caller, Schedule, allowing_more

TOGETHER = 2


@dataclass
class Together:
    """Holds of two places each of one large schedule: which, the server says, or the request."""

    bench: Bench
    is_named: bool = False
    _callers: list[Caller] = field(default_factory=list)

    def __call__(self) -> Measured:
        bench, places = self.bench, self.bench.scale.hot
        (schedule,) = bench.wait(bench.world().schedules(1, places=places, limits=allowing_more()))
        self._callers = self._callers or bench.callers()
        pairs = bench.shuffled(range(0, places - 1, TOGETHER))
        first, *requests = [
            reserve(caller, schedule, [at, at + 1]) if self.is_named else _so_many(caller, schedule)
            for at, caller in zip(pairs, itertools.cycle(self._callers), strict=False)
        ]
        server = bench.ours()
        bench.under_load(server, bench.job(server, [first], seconds=60.0, warm=0.0), good=[CREATED])
        return bench.under_load(server, bench.job(server, requests), good=[CREATED])


def _so_many(caller: Caller, schedule: Schedule) -> bytes:
    body = f'{{"schedule_id":"{schedule.id}","count":{TOGETHER}}}'.encode()
    headers = {"Authorization": f"Bearer {caller.token}", "Idempotency-Key": str(uuid.uuid4())}
    return request("POST", RESERVE, headers=headers, body=body)


def best_places(bench: Bench) -> Outcome:
    """Chosen for them against chosen by them; whoever is told that places were gone makes the row wrong."""
    one, other = bench.in_turns(Together(bench), Together(bench, is_named=True))
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("chosen for them", one), line("named by them", other)],
        wrong=[*wrong_of("chosen for them", one), *wrong_of("named by them", other), *bench.oversold()],
    )


ROWS = (
    Row(
        "best-places",
        "the best two places together of 50,000, against holds that name theirs",
        "holds/s",
        None,
        None,
        best_places,
    ),
)
