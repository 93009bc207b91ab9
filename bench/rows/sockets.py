"""A thousand sockets on one inventory that changes fifty times a second."""

import itertools
import json
import math
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence

from bench.ground import CREATED, Bench, Outcome, Row, reserve, wrong_of
from bench.site import ROOT, fetch
from bench.world import allowing_more

CHANGES_A_SECOND = 50
_SETTLE_SECONDS = 1.0


def watched(bench: Bench) -> tuple[Outcome, float]:
    """What came of it, in milliseconds at p99; and the share of a core that the server used."""
    server = bench.ours("sockets")
    (schedule,) = bench.wait(bench.world("sockets").schedules(1, places=5_000, limits=allowing_more()))
    callers = bench.callers(database="sockets")
    count = int((bench.scale.seconds + 2) * CHANGES_A_SECOND)
    requests = [
        reserve(caller, schedule, [place])
        for place, caller in zip(range(count), itertools.cycle(callers), strict=False)
    ]
    host, port = server.address
    path = f"/api/v1/ws/inventories/{schedule.id}"
    watchers = subprocess.Popen(
        [sys.executable, "-m", "bench.watching", host, str(port), path, str(bench.scale.sockets)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert watchers.stdout is not None
    try:
        assert watchers.stdout.readline() == "ready\n", "the sockets could not be opened"
        job = bench.job(server, requests, rate=float(CHANGES_A_SECOND), clients=16)
        measured = bench.under_load(server, job, good=[CREATED])
        time.sleep(_SETTLE_SECONDS)
        said, _ = watchers.communicate("end\n", timeout=60)
    finally:
        watchers.kill()
        watchers.wait()
    told = json.loads(said)
    query = f"""SELECT seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM outbox
                WHERE kind = 'inventory.changed' AND inventory_id = '{schedule.id}'"""
    commits = {row["seq"]: row["at"] for row in bench.wait(fetch(bench.site.migrated("sockets"), query))}
    delays = sorted(delay for learned in told["learned"] for delay in _delays(commits, learned))
    wrong = [*wrong_of("holds", measured), *bench.oversold("sockets")]
    if not delays:
        return Outcome(0.0, wrong=[*wrong, "no socket learned anything"]), 0.0
    share = measured.python * measured.count / 1_000_000 / measured.seconds
    p50, p99 = (delays[math.ceil(len(delays) * part) - 1] * 1000 for part in (0.5, 0.99))
    lines = [
        f"{bench.scale.sockets:,} sockets, {measured.rate:.0f} changes/s, {told['messages']:,} messages",
        f"commit to client p50 {p50:.0f} ms, p99 {p99:.0f} ms, most {delays[-1] * 1000:.0f} ms",
        f"the server used {share:.0%} of a core, the holds over HTTP included",
    ]
    return Outcome(p99, lines=lines, wrong=wrong), share * 100


def delay(bench: Bench) -> Outcome:
    return watched(bench)[0]


def processor(bench: Bench) -> Outcome:
    outcome, share = watched(bench)
    outcome.ours = share
    return outcome


def _delays(commits: Mapping[int, float], learned: Sequence[Sequence[float]]) -> list[float]:
    """How long after each commit the client knew of it: from the first message that brought it there."""
    known = [int(seq) for seq, _ in learned]
    found = []
    for seq, at in commits.items():
        first = bisect_left(known, seq)
        if seq > known[0] and first < len(known):
            found.append(learned[first][1] - at)
    return found


ROWS = (
    Row(
        "sockets",
        "1,000 sockets, 50 changes a second: from the commit to the client, p99",
        "ms",
        150,
        110,
        delay,
        is_most=True,
        compares="ours",
    ),
    Row(
        "sockets-processor",
        "the same: what the server uses of a core",
        "%",
        40,
        15,
        processor,
        is_most=True,
        compares="ours",
    ),
)
