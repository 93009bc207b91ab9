"""What the turn costs, and how cost grows; these rows only tell."""

import dataclasses
import json
import subprocess
import sys

from bench.ground import CONFLICT, CREATED, Bench, Outcome, Row, line, reserve, wrong_of
from bench.history import History
from bench.measure import Measured
from bench.rows.holds import Hot, Spread
from bench.rows.reads import states
from bench.site import ROOT, execute
from bench.world import allowing_more

#: How the turn may be taken, by the guard that is left out for it. Where it is shared no change can be numbered,
#: so the index of numbers has to go.
_WAYS = {"the turn": "", "none": "turn", "FOR SHARE": "exclusive_turn"}
_NUMBERS = "DROP INDEX IF EXISTS uq_outbox_inventory_id_seq"
#: Places of one map that are asked for: more than are held in a measurement.
_ASKED_MAX = 30_000


def turn(bench: Bench) -> Outcome:
    """Spread and hot, one and two processes: with the turn, and as it would be without."""
    found: dict[tuple[str, str], Measured] = {}
    lines = []
    for processes in (1, 2):
        for load_name in ("spread", "hot"):
            sides: list[Spread | Hot] = []
            for number, guard in enumerate(_WAYS.values()):
                database = f"turn{number}"
                server = bench.ours(database, processes=processes, environment="test", test_without=guard)
                if guard == "exclusive_turn":
                    bench.wait(execute(bench.site.migrated(database), _NUMBERS))
                if load_name == "hot":
                    sides.append(Hot(bench, server, database=database))
                else:
                    sides.append(Spread(bench, server, database=database, processes=processes))
            for name, measured in zip(_WAYS, bench.in_turns(*sides), strict=True):
                found[f"{load_name}, {processes} processes", name] = measured
                lines.append(line(f"{load_name}, {processes} processes, {name}", measured))
    with_turn, without = (found["spread, 1 processes", name] for name in ("the turn", "none"))
    return Outcome(
        ours=with_turn.rate, theirs=without.rate, ratio=with_turn.rate / max(without.rate, 1e-9), lines=lines
    )


def idle(bench: Bench) -> Outcome:
    """One client alone, in milliseconds a hold: through the batch, and by a transaction of its own."""
    alone = dataclasses.replace(bench.scale, clients=1)
    kept, bench.scale = bench.scale, alone
    try:
        ours, plain = Spread(bench, bench.ours()), Spread(bench, bench.plain())  # on the same database
        ours.warm()
        plain.warm()
        one, other = bench.in_turns(ours, plain)
    finally:
        bench.scale = kept
    return Outcome(
        ours=one.p50,
        theirs=other.p50,
        ratio=one.p50 / max(other.p50, 1e-9),
        lines=[line("batch", one), line("plain path", other)],
        wrong=[*wrong_of("batch", one), *wrong_of("plain path", other), *bench.oversold()],
    )


def counter(bench: Bench) -> Outcome:
    """Everybody takes one of the same counter: in batches, and a transaction each; the kernel alone, without HTTP."""
    wrong: list[str] = []

    def side(way: str) -> Measured:
        url, scale = bench.site.migrated("counter"), bench.scale
        words = [url, way, str(scale.clients), str(scale.seconds), str(scale.hot)]
        before = bench.site.postgres_processor
        done = subprocess.run(
            [sys.executable, "-m", "bench.counting", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told = json.loads(done.stdout)
        postgres = bench.site.postgres_processor - before
        if not told["placed"] == told["taken"] <= scale.hot:
            wrong.append(f"{way}: {told['placed']} were placed, {told['taken']} are taken of {scale.hot}")
        return Measured(
            rate=told["rate"],
            p50=told["p50"],
            p99=told["p99"],
            python=told["processor"] * 1_000_000 / told["count"],
            postgres=postgres * 1_000_000 / told["placed"],
            count=told["count"],
        )

    one, other = bench.in_turns(lambda: side("batch"), lambda: side("plain"))
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("batch", one), line("plain path", other)],
        wrong=[*wrong, *bench.oversold("counter")],
    )


def occurrences(bench: Bench) -> Outcome:
    """The same load over ever more schedules."""
    points, lines, wrong = [], [], []
    kept = bench.scale
    try:
        for share in (0.01, 0.1, 1.0, 10.0):
            bench.scale = dataclasses.replace(kept, spread=max(int(kept.spread * share), 1))
            # Ever more schedules a day: as many sets as the load needs are made, each of so many.
            side = Spread(bench, bench.ours("grow"), database="grow")
            side.warm()
            found = side.measured()
            points.append((float(bench.scale.spread), found.rate))
            lines.append(line(f"{bench.scale.spread:,} schedules", found))
            wrong += wrong_of(f"{bench.scale.spread:,} schedules", found)
    finally:
        bench.scale = kept
    return Outcome(ours=points[-1][1], lines=lines, wrong=wrong, series={"holds/s by schedules": points})


def places(bench: Bench) -> Outcome:
    """Ever larger maps: holds of one, and its states."""
    holds, reads, lines, wrong = [], [], [], []
    callers, world = bench.callers(), bench.world()
    for count in sorted({50, 500, 5_000, bench.scale.hot}):
        many = max((20_000 if bench.scale.is_full else 3_000) // count, 1)
        schedules = bench.wait(world.schedules(many, places=count, limits=allowing_more()))
        requests = bench.shuffled(
            [
                reserve(callers[(at * 37 + number) % len(callers)], schedule, [at])
                for number, schedule in enumerate(schedules)
                for at in range(min(count - 1, _ASKED_MAX))
            ]
        )
        server, looks = bench.ours(), [reserve(callers[-1], each, [count - 1]) for each in schedules]
        bench.under_load(server, bench.job(server, looks, seconds=120.0, warm=0.0), good=[CREATED, CONFLICT])
        found = bench.under_load(server, bench.job(server, requests), good=[CREATED])
        holds.append((float(count), found.rate))
        lines.append(line(f"holds, {count:,} places", found))
        wrong += wrong_of(f"{count:,} places", found)
        shown = states(bench, places=count)
        reads.append((float(count), shown.ours))
        lines.append(f"states, {count:,} places: {shown.ours:,.0f}/s")
    return Outcome(ours=holds[-1][1], lines=lines, wrong=wrong, series={"holds/s": holds, "states/s": reads})


def outstanding(bench: Bench) -> Outcome:
    """Ever more live holds beside the load."""
    history = History(bench, database="outstanding")
    points, lines, wrong = [], [], []
    side: Spread | None = None
    for share in (0.001, 0.01, 0.1, 1.0):
        live = int(bench.scale.live_claims * share)
        history.grow(past=0, live=live)
        side = side or Spread(bench, bench.ours("outstanding"), database="outstanding")
        side.warm()
        found = side.measured()
        points.append((float(live), found.rate))
        lines.append(line(f"{live:,} live holds", found))
        wrong += wrong_of(f"{live:,} live holds", found)
    return Outcome(ours=points[-1][1], lines=lines, wrong=wrong, series={"holds/s by live holds": points})


def processes(bench: Bench) -> Outcome:
    """One, two and four server processes on this machine."""
    points, lines, wrong = [], [], []
    for many in (1, 2, 4):
        server = bench.ours("processes", processes=many)
        side = Spread(bench, server, database="processes", processes=many)
        side.warm()
        found = side.measured()
        points.append((float(many), found.rate))
        lines.append(line(f"{many} processes", found))
        wrong += wrong_of(f"{many} processes", found)
        bench.end(server)
    return Outcome(ours=points[-1][1], lines=lines, wrong=wrong, series={"holds/s by processes": points})


ROWS = (
    Row("idle", "one client alone, against the plain path: p50 of a hold", "ms", 1.0, 0.9, idle, is_most=True),
    Row("counter", "one counter of 50,000, against the plain path; no HTTP", "holds/s", None, None, counter),
    Row("turn", "the turn, against none: spread and hot, one and two processes", "holds/s", None, None, turn),
    Row("grow-occurrences", "how the rate changes with the number of schedules", "holds/s", None, None, occurrences),
    Row("grow-places", "how rates change with the size of a map", "/s", None, None, places),
    Row("grow-outstanding", "how the rate changes with the number of live holds", "holds/s", None, None, outstanding),
    Row("grow-processes", "how the rate changes with the number of server processes", "holds/s", None, None, processes),
)
