"""What lasts: a large database, minutes of churn, memory, and more load than can be carried."""

import dataclasses

from bench import load
from bench.ground import CREATED, Bench, Outcome, Row, line, wrong_of
from bench.history import History
from bench.rows.holds import Spread
from bench.scripts import Churn
from holdfast.products.bus.actions.schedules import LIMITS

_UNAVAILABLE = 503
#: Places that are asked for again and again, by client: one comes round again after more than it is held for.
_CHURNED = 400
_HELD_SECONDS = 1
_SOON_MS = 100.0
#: Until queues are as long as they become.
_FILLING_SECONDS = 2.0
#: More than wait in the queue of a process and for its answers: else nobody is ever refused.
_CONNECTIONS = 1_500


def large(bench: Bench) -> Outcome:
    """History and live claims grow in three steps; the last is compared with an empty database."""
    small = Spread(bench, bench.ours())
    history = History(bench, database="large")
    series: list[tuple[float, float]] = []
    lines = []
    small.warm()
    grown: Spread | None = None
    for share in (0.01, 0.1, 1.0):
        bench.say(f"filling: {share:.0%}")
        past, live = int(bench.scale.past_bookings * share), int(bench.scale.live_claims * share)
        history.grow(past=past, live=live)
        grown = grown or Spread(bench, bench.ours("large"), database="large")
        grown.warm()
        if share < 1:
            found = grown.measured()
            series.append((past, found.rate))
            lines.append(line(f"{past:,} past bookings, {live:,} live claims", found))
    assert grown is not None
    one, other = bench.in_turns(grown, small)
    series.append((bench.scale.past_bookings, one.rate))
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[*lines, line("large", one), line("empty", other)],
        wrong=[*wrong_of("large", one), *wrong_of("empty", other)],
        series={"holds/s by rows of history": series},
    )


def churn(bench: Bench) -> Outcome:
    """Hold, let lapse, take over, give back, with the sweeper at work: the last seconds against the first."""
    world, clients = bench.world("churn"), bench.scale.clients
    server = bench.ours("churn", with_worker=True)
    callers = bench.callers(database="churn")
    limits = dataclasses.replace(LIMITS, hold_seconds=_HELD_SECONDS)
    wanted = -(-_CHURNED * clients // 48)
    schedules = bench.wait(world.schedules(wanted, limits=limits))
    bodies: list[list[str]] = [[] for _ in range(clients)]
    spots = bench.shuffled([(schedule, at) for schedule in schedules for at in range(48)])
    for number, (schedule, at) in enumerate(spots):
        body = f'{{"schedule_id":"{schedule.id}","seat_ids":["{schedule.seat_id(at)}"]}}'
        bodies[number % clients].append(body)
    given = Churn(bodies, [caller.token for caller in callers], released=5)
    result = load.run(bench.job(server, script="churn", given=given, seconds=bench.scale.churn_seconds, warm=2.0))
    span = max(min(10, int(bench.scale.churn_seconds / 4)), 1)
    whole = result.timeline[: int(result.seconds)]
    first, last = sum(whole[:span]) / span, sum(whole[-span:]) / span
    refused = result.tallies.get("409", 0)
    wrong = [f"{times} x {word}" for word, times in result.tallies.items() if word not in {"done", "409"}]
    tens = [(float(at + span), sum(whole[at : at + span]) / span) for at in range(0, len(whole) - span + 1, span)]
    bench.end(server)
    return Outcome(
        ours=last,
        theirs=first,
        ratio=last / max(first, 1e-9),
        lines=[f"{result.tallies.get('done', 0):,} holds, {refused:,} refused since they had not lapsed yet"],
        wrong=wrong + bench.oversold("churn"),
        series={"holds/s by seconds": tens},
    )


def memory(bench: Bench) -> Outcome:
    server = bench.ours("memory")
    spread = Spread(bench, server, database="memory")
    spread.warm()
    before = server.memory
    requests = spread.requests(bench.scale.memory_holds)
    found = bench.under_load(server, bench.job(server, requests, seconds=3_600.0, warm=0.0), good=[CREATED])
    after = server.memory
    bench.end(server)
    return Outcome(
        ours=after,
        lines=[f"{before:.0f} MB before {len(requests):,} holds", line("ours", found)],
        wrong=wrong_of("ours", found),
    )


def overload(bench: Bench) -> Outcome:
    """Twice what it can carry, whoever waits or not: it keeps most of its peak, and says no to the rest at once."""
    spread = Spread(bench, bench.ours())
    spread.warm()
    peak = spread.measured()
    rate = 2 * peak.rate
    requests = spread.requests(int(rate * (bench.scale.seconds + _FILLING_SECONDS + 1)))
    spread.look_at_all()
    clients = _CONNECTIONS if bench.scale.clients > 8 else bench.scale.clients
    result = load.run(bench.job(spread.server, requests, rate=rate, clients=clients, warm=_FILLING_SECONDS))
    kept = result.rate(CREATED)
    refused, late = result.count(_UNAVAILABLE), result.percentile(0.99, _UNAVAILABLE)
    wrong = [f"answered {status}: {many}" for status, many in result.unexpected(CREATED, _UNAVAILABLE).items()]
    if refused and late > _SOON_MS:
        wrong.append(f"p99 of the refusals is {late:.0f} ms")
    return Outcome(
        ours=kept,
        theirs=peak.rate,
        ratio=kept / max(peak.rate, 1e-9),
        lines=[
            line("peak", peak),
            f"asked for {rate:,.0f}/s over {clients} connections, of which {result.sent_late:,} found none free",
            f"held {kept:,.0f}/s, p99 {result.percentile(0.99, CREATED):.0f} ms",
            f"answered {refused:,} with 503, p99 {late:.0f} ms",
        ],
        wrong=wrong + bench.oversold(),
    )


ROWS = (
    Row("large", "10 million past bookings and 1 million live claims, against empty", "holds/s", 0.77, 0.9, large),
    Row("churn", "after 3 minutes of churn, against the first 10 s", "holds/s", 0.85, 0.95, churn),
    Row(
        "memory", "memory of the API process after 100,000 holds", "MB", 200, 150, memory, is_most=True, compares="ours"
    ),
    Row("overload", "twice the load it can carry, against its peak", "holds/s", 0.8, 1.0, overload),
)
