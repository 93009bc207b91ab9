"""Measure both sides of a row in turns, so that what disturbs the machine disturbs both."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench import load, processors
from bench.load import Job
from bench.processors import Used
from bench.site import Process, Site

#: Measured for less than one part in so many of what was asked for: of such a moment no rate can be told.
_RAN_OUT = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """One side in one round. Microseconds are of processor, a request; `wrong`: answers that nobody expected."""

    rate: float
    p50: float
    p99: float
    python: float = 0.0
    postgres: float = 0.0
    load: float = 0.0
    wrong: Counter[str] = field(default_factory=Counter)
    count: int = 0
    seconds: float = 0.0

    @property
    def microseconds(self) -> float:
        """Of Python and PostgreSQL together."""
        return self.python + self.postgres


def under_load(site: Site, server: Process, job: Job, *, good: Sequence[int], count: int | None = None) -> Measured:
    """Send the load; what counts is answered with one of `good` (or ends a journey: 0)."""
    before: list[Used] = []
    after: list[Used] = []

    def look(into: list[Used]) -> None:
        into.append(Used(server.processor, site.postgres_processor))

    result = load.run(job, begun=lambda: look(before), ended=lambda: look(after))
    counted = (0,) if job.script is not None else tuple(good)
    many = count if count is not None else result.count(*counted)
    each = 1_000_000 / max(many, 1)
    wrong: Counter[str] = Counter()
    for status, times in result.unexpected(0, *good).items():
        sample = result.samples.get(status, [b""])[0].decode(errors="replace")
        wrong[f"{status} {sample[:160]}"] += times
    wrong.update({word: times for word, times in result.tallies.items() if word != "done"})
    if job.warm and result.seconds < job.seconds / _RAN_OUT:
        wrong[f"the requests ran out after {result.seconds:.1f} s"] += 1
    return Measured(
        rate=many / result.seconds,
        p50=result.percentile(0.5, *counted),
        p99=result.percentile(0.99, *counted),
        python=(after[0].python - before[0].python) * each,
        postgres=(after[0].postgres - before[0].postgres) * each,
        load=result.processor * each,
        wrong=wrong,
        count=many,
        seconds=result.seconds,
    )


def in_turns(rounds: int, *sides: Callable[[], Measured], told: Callable[[], None] = lambda: None) -> list[Measured]:
    """Each side `rounds` times, one after the other; the medians of each."""
    kept: list[list[Measured]] = [[] for _ in sides]
    for _ in range(rounds):
        for number, side in enumerate(sides):
            kept[number].append(side())
            told()
    return [together(each) for each in kept]


def together(rounds: Sequence[Measured]) -> Measured:
    """The median of each figure over the rounds; what was wrong in any of them."""

    def middle(name: str) -> float:
        return float(statistics.median(getattr(each, name) for each in rounds))

    wrong: Counter[str] = Counter()
    for each in rounds:
        wrong.update(each.wrong)
    return Measured(
        rate=middle("rate"),
        p50=middle("p50"),
        p99=middle("p99"),
        python=middle("python"),
        postgres=middle("postgres"),
        load=middle("load"),
        wrong=wrong,
        count=sum(each.count for each in rounds),
        seconds=sum(each.seconds for each in rounds),
    )


def memory(server: Process) -> float:
    return processors.memory_of([server.pid])
