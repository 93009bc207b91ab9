"""A seat map out of memory is that of now, whichever process changed what; a search looks at all its runs at once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kit import clock, ids
from holdfast.kit.db import Database, Transaction
from holdfast.kit.zones import utc_to_local
from holdfast.products.bus import queries, search
from holdfast.products.bus.actions import moves, schedules
from holdfast.products.bus.schemas import ScheduleChange
from holdfast.products.bus.search import Wanted
from tests.builders_bus import STOPS, SYSTEM, Line, application, browsing, open_line, reserve
from tests.builders_identity import sign_up


@asynccontextmanager
async def two_processes(database: Database, folder: Path) -> AsyncIterator[tuple[httpx2.AsyncClient, ...]]:
    """The platform twice over one database, as far as memory goes."""
    async with browsing(application(database, folder)) as here, browsing(application(database, folder)) as there:
        yield here, there


@contextmanager
def noted_statements(database: Database) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []
    engine = database._reader.sync_engine  # noqa: SLF001 - what is asked, nothing else tells

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def map_of(client: httpx2.AsyncClient, line: Line, **query: str) -> dict[str, Any]:
    answer = await client.get(f"/schedules/{line.schedule_id}/seats", params=query)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def statuses(shown: dict[str, Any]) -> dict[str, str]:
    return {seat["seat_number"]: seat["status"] for seat in shown["seats"] if seat["status"] != "available"}


async def change(database: Database, line: Line, **fields: Any) -> None:
    """Change the schedule in neither of the processes that show it."""
    asked = ScheduleChange(**fields)
    await database.run(lambda db: schedules.update(db, line.schedule_id, asked, expected=None, actor=SYSTEM))


async def depart(db: Transaction, line: Line) -> None:
    schedule = await queries.schedule(db, line.schedule_id)
    await moves.advance(db, schedule, to="in_transit", actor=SYSTEM, now=await clock.moment(db))


async def test_a_seat_held_in_one_process_is_seen_at_once_in_the_other(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)
    person = await sign_up(database)

    async with two_processes(database, tmp_path) as (here, there):
        assert statuses(await map_of(here, line)) == statuses(await map_of(there, line)) == {}
        wish = {"schedule_id": str(line.schedule_id), "seat_numbers": ["1A"]}
        held = await here.post("/reservations/create", json=wish, headers=person.headers)
        shown = [statuses(await map_of(client, line)) for client in (here, there)]

    assert held.status_code == 201
    assert shown == [{"1A": "reserved"}, {"1A": "reserved"}]


async def test_a_part_is_shown_as_it_is_and_another_part_beside_it(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)
    (first, *_), (second, *_), *_, (last, *_) = STOPS
    await reserve(database, line, await sign_up(database), ["1A"], from_stop=first, to_stop=second)

    async with browsing(application(database, tmp_path)) as client:
        shown = [
            statuses(await map_of(client, line, **part))
            for part in ({}, {"from_stop": first, "to_stop": second}, {"from_stop": second, "to_stop": last}, {})
        ]

    assert shown == [{"1A": "reserved"}, {"1A": "reserved"}, {}, {"1A": "reserved"}]


async def test_a_price_changed_in_one_process_is_shown_by_the_other(database: Database, tmp_path: Path) -> None:
    line = await open_line(database, price="320.00")

    async with browsing(application(database, tmp_path)) as client:
        before = await map_of(client, line)
        await change(database, line, base_price="400.00")
        after = await map_of(client, line)

    assert (before["fare"], after["fare"]) == ("320.00", "400.00")
    assert {seat["price"] for seat in after["seats"]} == {"400.00"}


async def test_a_status_that_sells_nothing_less_is_shown_too(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)

    async with browsing(application(database, tmp_path)) as client:
        before = await map_of(client, line)
        await database.run(lambda db: depart(db, line))
        departed = await map_of(client, line)
        await database.run(lambda db: moves.cancel_by_id(db, line.schedule_id, actor=SYSTEM, reason=None))
        cancelled = await map_of(client, line)

    assert [shown["status"] for shown in (before, departed, cancelled)] == ["scheduled", "in_transit", "cancelled"]
    assert [shown["available_seats"] for shown in (before, departed, cancelled)] == [8, 8, 0]


async def test_a_time_changed_in_one_process_is_shown_by_the_other(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)

    async with browsing(application(database, tmp_path)) as client:
        before = await map_of(client, line)
        async with database.reader() as db:
            later = await clock.moment(db) + timedelta(days=8)
        await change(database, line, departure_datetime=later, arrival_datetime=later + timedelta(hours=9))
        after = await map_of(client, line)

    assert before["from_stop"] != after["from_stop"]


async def test_a_schedule_that_was_deleted_is_shown_no_more(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)

    async with browsing(application(database, tmp_path)) as client:
        await map_of(client, line)
        await database.run(lambda db: moves.delete(db, line.schedule_id, expected=None, actor=SYSTEM))
        gone = await client.get(f"/schedules/{line.schedule_id}/seats")

    assert (gone.status_code, gone.json()["code"]) == (404, "schedule_not_found")


async def test_who_has_the_map_is_told_so_until_it_changes(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)
    path = f"/schedules/{line.schedule_id}/seats"

    async with two_processes(database, tmp_path) as (here, there):
        known = {"If-None-Match": (await here.get(path)).headers["etag"]}
        same = [(await client.get(path, headers=known)).status_code for client in (here, there)]
        await reserve(database, line, await sign_up(database), ["1A"])
        other = [(await client.get(path, headers=known)).status_code for client in (here, there)]

    assert (same, other) == ([304, 304], [200, 200])


async def test_a_map_that_is_in_memory_reads_neither_claims_nor_catalogue(database: Database, tmp_path: Path) -> None:
    line = await open_line(database)

    async with browsing(application(database, tmp_path)) as client:
        await map_of(client, line)
        with noted_statements(database) as asked:
            await map_of(client, line)

    assert [statement for statement in asked if "outbox" in statement]
    assert not [statement for statement in asked if "claims" in statement or "bus_" in statement]


@pytest.mark.parametrize("runs", [1, 12])
async def test_a_search_reads_what_is_taken_of_all_its_runs_in_one_scan(database: Database, runs: int) -> None:
    origin, goal = f"Cairo {ids.new_id()}", "Luxor"
    for _ in range(runs):
        line = await open_line(database, stops=((origin, 0, 0), (goal, 540, 655)))
    async with database.reader() as db:
        now = await clock.moment(db)
        departure = (await queries.schedule(db, line.schedule_id)).stops[0]
    day = utc_to_local(departure.at, departure.zone).date()

    with noted_statements(database) as asked:
        async with database.reader() as db:
            found = await search.runs(db, Wanted(origin, goal, day), now=now)

    assert 1 <= len(found) <= runs  # where midnight came between, not all of them
    assert len([statement for statement in asked if "FROM claims" in statement]) == 1
    assert len([statement for statement in asked if "FROM layouts" in statement]) <= 1
    assert len(asked) <= 13, asked
