"""Reads over HTTP: seat maps, fresh and unchanged, and the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2

from bench import limit
from bench.ground import Bench, Outcome, Row, line, wrong_of
from bench.load import request
from bench.measure import Measured
from bench.peers import orm_world
from bench.site import Process, execute
from bench.world import Schedule

OK, NOT_MODIFIED = 200, 304
#: Of their own: what is taken here was put there by SQL, which `holdfast check` would not like.
DATABASE = "reads"
ENDS = ("Cheops", "Djoser")


@dataclass
class Getting:
    """One request, again and again."""

    bench: Bench
    server: Process
    requests: Sequence[bytes]
    good: int = OK
    clients: int | None = None

    def __call__(self) -> Measured:
        words = {} if self.clients is None else {"clients": min(self.clients, self.bench.scale.clients)}
        job = self.bench.job(self.server, self.requests, repeat=True, **words)
        return self.bench.under_load(self.server, job, good=[self.good])


def states(bench: Bench, *, places: int, unchanged: bool = False) -> Outcome:
    server = bench.ours(DATABASE)
    schedule = _half_taken(bench, places)
    path = f"/api/v1/inventories/{schedule.id}/states"
    headers = {}
    good = OK
    if unchanged:
        headers["If-None-Match"] = httpx2.get(f"{server.url}{path}", trust_env=False).headers["etag"]
        good = NOT_MODIFIED
    ours = Getting(bench, server, [request("GET", path, headers=headers)], good=good)
    hello = Getting(bench, bench.trivial(), [request("GET", "/hello")])
    ours()
    return _against(bench, ours, hello, "trivial GET")


def map_against_orm(bench: Bench) -> Outcome:
    """What a client polls that has the layout, against the list of seats that such a service answers."""
    places = min(5_000, bench.scale.hot)
    schedule = _half_taken(bench, places)
    ours = Getting(bench, bench.ours(DATABASE), [request("GET", f"/api/v1/inventories/{schedule.id}/states")])
    labels = [f"P{number}" for number in range(places)]
    (made,) = bench.wait(orm_world.occurrences(bench.peer_database(), 1, seats=labels))
    listed = Getting(bench, bench.orm(), [request("GET", f"/occurrences/{made}/seats")], clients=8)
    ours()
    outcome = _against(bench, ours, listed, "ORM list")
    whole = Getting(
        bench, bench.ours(DATABASE), [request("GET", f"/api/v1/bus/schedules/{schedule.id}/seats")], clients=8
    )()
    outcome.lines.append(line("ours, every seat with all its words", whole))
    return outcome


def search(bench: Bench) -> Outcome:
    """A hundred days of a road, as many departures a day: pages of 20 of any of those days."""
    days = 100 if bench.scale.is_full else 10
    found: list[list[Schedule]] = []
    world = bench.world(DATABASE)
    firsts: list[datetime] = []
    for _ in range(days):
        found.append(bench.wait(world.schedules(bench.scale.searched // days, cities=ENDS, apart=timedelta(minutes=5))))
        firsts.append(world.last_day)
    bench.wait(execute(bench.site.migrated(DATABASE), "VACUUM ANALYZE"))
    path = f"/api/v1/bus/schedules/search?origin_city={ENDS[0]}&destination_city={ENDS[1]}&limit=20&departure_date="
    ours = Getting(bench, bench.ours(DATABASE), [request("GET", path + f"{first:%Y-%m-%d}") for first in firsts])
    variables = {
        "origin": ENDS[0].lower(),
        "destination": ENDS[1].lower(),
        "first": firsts[0].replace(hour=0).isoformat(),
        "days": days,
    }

    def theirs() -> Measured:
        return limit.pgbench(bench, "search", variables, database=DATABASE)

    ours()
    one, other = bench.in_turns(ours, theirs)
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("ours", one), line("pgbench", other)],
        wrong=[*wrong_of("ours", one), *wrong_of("pgbench", other)],
    )


def _half_taken(bench: Bench, places: int) -> Schedule:
    """A schedule of which every second place is held for an hour."""
    (schedule,) = bench.wait(bench.world(DATABASE).schedules(1, places=places))
    bench.wait(
        execute(
            bench.site.migrated(DATABASE),
            f"""INSERT INTO claims (inventory_id, slot, hold_id, kind, expires_at)
                SELECT '{schedule.id}', slot, gen_random_uuid(), 'block', NULL
                FROM generate_series(0, {places - 1}, 2) slot""",
        )
    )
    return schedule


def _against(bench: Bench, ours: Getting, theirs: Getting, name: str) -> Outcome:
    one, other = bench.in_turns(ours, theirs)
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("ours", one), line(name, other)],
        wrong=[*wrong_of("ours", one), *wrong_of(name, other)],
    )


ROWS = (
    Row(
        "states-50",
        "states of 50 places, fresh, against the trivial GET",
        "answers/s",
        0.7,
        0.95,
        lambda bench: states(bench, places=50),
    ),
    Row(
        "states-5000",
        "states of 5,000 places, fresh, against the trivial GET",
        "answers/s",
        0.5,
        0.7,
        lambda bench: states(bench, places=5_000),
    ),
    Row(
        "states-304",
        "states of 5,000 places, unchanged (304), against the trivial GET",
        "answers/s",
        0.7,
        0.95,
        lambda bench: states(bench, places=5_000, unchanged=True),
    ),
    Row(
        "map-orm",
        "states of 5,000 places, against the ORM peer's list of seats",
        "answers/s",
        300,
        1_000,
        map_against_orm,
    ),
    Row(
        "search",
        "a page of the search over 10,000 occurrences, against pgbench of the query",
        "answers/s",
        0.1,
        0.2,
        search,
    ),
)
