"""A search says what is so now, though it keeps words and prices at hand: of the counts, and after every change."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from holdfast.kit import clock, ids
from holdfast.kit.db import Database, Transaction
from holdfast.kit.zones import local_day
from holdfast.products.bus import search
from holdfast.products.bus.actions import buses, routes, seats
from holdfast.products.bus.api.search import RunsView, RunView, written
from holdfast.products.bus.schemas import BusChange, RouteChange, SeatChange
from holdfast.products.bus.search import Run, Wanted
from holdfast.products.bus.timetable import Timetable
from tests.builders_bus import STOPS, SYSTEM, Line, application, browsing, layout, offer_of, open_line, reserve
from tests.builders_identity import sign_up
from tests.products.bus.test_seat_maps import change, noted_statements, two_processes


async def test_the_lean_answer_is_that_of_its_model(database: Database) -> None:
    odd = f'Suez "available_seats":0, {ids.new_id()}'
    line = await open_line(database, stops=((odd, 0, 0), ("القاهرة", 110, 134), ("Hurghada", 390, 530)))
    await reserve(database, line, await sign_up(database), ["1A"])
    timetable = Timetable()
    wanted = await _wanted(database, line, odd, "Hurghada")

    for _ in range(2):  # made, and at hand
        async with database.reader() as db:
            now = await clock.moment(db)
            found = await search.runs(db, wanted, now=now, timetable=timetable)
        lean = written(found, 'a"b', day=wanted.day, now=now)

        model = RunsView(
            items=[_whole(run) for run in found], next_cursor='a"b', departure_date=wanted.day, server_time=now
        )
        assert found[0].available == 7
        assert lean.decode() == model.model_dump_json()
        assert RunsView.model_validate_json(lean) == model


async def test_a_seat_taken_over_several_legs_is_one_seat_less(database: Database) -> None:
    tag = ids.new_id()
    stops = ((f"Cairo {tag}", 0, 0), ("Suez", 110, 134), ("Safaga", 300, 400), ("Hurghada", 390, 530))
    line = await open_line(database, stops=stops)
    await reserve(database, line, await sign_up(database), ["1A"])
    await reserve(database, line, await sign_up(database), ["1B"], to_stop="Suez")

    whole = await _runs(database, line, f"Cairo {tag}", "Hurghada")
    behind = await _runs(database, line, "Suez", "Hurghada")

    assert [run.available for run in whole] == [6]
    assert [run.available for run in behind if run.offer.schedule.id == line.schedule_id] == [7]


async def test_the_price_is_that_of_the_cheapest_seat_that_is_free(database: Database) -> None:
    tag = f"Cairo {ids.new_id()}"
    config = layout(1)
    for seat in config["decks"][0]["rows"][0]["seats"][2:]:
        seat["price_modifier"] = "25.00"
    line = await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655)), price="90.00", seats=config)

    prices = []
    for number in ("1A", "1B", "1C", "1D"):
        await reserve(database, line, await sign_up(database), [number])
        prices += [(run.available, run.price_from) for run in await _runs(database, line, tag, "Luxor")]

    assert prices == [(3, 9000), (2, 11500), (1, 11500), (0, 9000)]


async def _rename_bus(database: Database, line: Line) -> None:
    async def work(db: Transaction) -> None:
        changed = BusChange(bus_number="ZEBRA-9", amenities=["wifi"])
        await buses.update(db, line.bus_id, changed, expected=None, actor=SYSTEM, now=await clock.moment(db))

    await database.run(work)


async def _rename_route(database: Database, line: Line) -> None:
    async def work(db: Transaction) -> None:
        changed = RouteChange(origin_names={"fr": "Le Caire"})
        await routes.update(db, line.route_id, changed, expected=None, actor=SYSTEM, now=await clock.moment(db))

    await database.run(work)


async def _raise_fare(database: Database, line: Line) -> None:
    await change(database, line, base_price="777.00")


async def _price_seats(database: Database, line: Line) -> None:
    for place in (await offer_of(database, line)).places.places:
        dearer = SeatChange(price_modifier="33.00")  # type: ignore[arg-type] # as JSON has it
        await database.run(_pricing(await _seat_id(database, line, place.number), dearer))


def _pricing(seat_id: Any, dearer: SeatChange) -> Callable[[Transaction], Awaitable[Any]]:
    return lambda db: seats.change(db, seat_id, dearer, expected=None, actor=SYSTEM)


async def _seat_id(database: Database, line: Line, number: int) -> Any:
    return (await offer_of(database, line)).seat_id(number)


@pytest.mark.parametrize(
    ("changing", "word"),
    [
        (_rename_bus, "ZEBRA-9"),
        (_rename_route, "Le Caire"),
        (_raise_fare, "777.00"),
        (_price_seats, "353.00"),
    ],
)
async def test_what_changed_in_one_process_is_said_at_once_by_the_other(
    database: Database, tmp_path: Path, changing: Callable[[Database, Line], Awaitable[None]], word: str
) -> None:
    tag = f"Cairo {ids.new_id()}"
    line = await open_line(database, stops=((tag, 0, 0), *STOPS[1:]))
    query = await _query(database, line, tag, "Hurghada")

    async with two_processes(database, tmp_path) as (here, there):
        before = [await _answer(client, query) for client in (here, there)]
        await changing(database, line)
        after = [await _answer(client, query) for client in (here, there)]

    assert not any(word in json.dumps(each) for each in before)
    assert all(word in json.dumps(each) for each in after)


async def test_pages_go_on_behind_runs_that_leave_at_the_same_moment(database: Database, tmp_path: Path) -> None:
    tag = f"Cairo {ids.new_id()}"
    first = await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655)))
    departs_at = (await offer_of(database, first)).schedule.departs_at
    lines = [first, *[await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655))) for _ in range(4)]]
    for line in lines[1:]:
        await change(database, line, departure_datetime=departs_at)
    query: dict[str, Any] = {**await _query(database, first, tag, "Luxor"), "limit": 2}

    pages: list[list[str]] = []
    cursor = None
    async with browsing(application(database, tmp_path)) as guest:
        while not pages or cursor:
            answer = await _answer(guest, query if cursor is None else {**query, "cursor": cursor})
            pages.append([item["id"] for item in answer["items"]])
            cursor = answer["next_cursor"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [each for page in pages for each in page] == sorted(str(line.schedule_id) for line in lines)


async def test_a_query_understood_before_is_answered_as_the_ordinary_way_answers_it(
    database: Database, tmp_path: Path
) -> None:
    tag = f"Cairo {ids.new_id()}"
    line = await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655)))
    await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655)), departs_in=timedelta(days=7, seconds=1))
    query: dict[str, Any] = {**await _query(database, line, tag, "Luxor"), "limit": 1}
    bad = [{**query, "limit": 0}, {**query, "cursor": "abc"}, {**query, "departure_date": "2026-02-30"}]

    async with browsing(application(database, tmp_path)) as guest:
        for asked in (query, query, {**query, "sort": "price"}, {**query, "sort": "price"}, *bad, *bad):
            quick = await guest.get("/schedules/search", params=asked)
            ordinary = await guest.get("/schedules/search", params=asked, headers={"X-Unheard-Of": "yes"})

            assert quick.status_code == ordinary.status_code
            assert _of_both(quick) == _of_both(ordinary)
            assert quick.headers.keys() == ordinary.headers.keys()
            assert quick.headers["cache-control"] == ordinary.headers["cache-control"]


async def test_a_search_that_was_made_before_reads_light_rows_alone(database: Database, tmp_path: Path) -> None:
    tag = f"Cairo {ids.new_id()}"
    line = await open_line(database, stops=((tag, 0, 0), ("Luxor", 540, 655)))
    query = await _query(database, line, tag, "Luxor")

    async with browsing(application(database, tmp_path)) as guest:
        await _answer(guest, query)
        with noted_statements(database) as asked:
            answer = await _answer(guest, query)

    statements = [each for each in asked if "bus_" in each or "inventories" in each]
    assert len(answer["items"]) == 1
    assert len(statements) == 2, asked
    assert not any("seat_layout_config" in each or "places" in each for each in statements)


async def _wanted(database: Database, line: Line, origin: str, goal: str) -> Wanted:
    schedule = (await offer_of(database, line)).schedule
    stop = next(stop for stop in schedule.stops if stop.city == origin)
    return Wanted(origin, goal, local_day(stop.at, stop.zone))


async def _runs(database: Database, line: Line, origin: str, goal: str) -> list[Run]:
    wanted = await _wanted(database, line, origin, goal)
    async with database.reader() as db:
        return await search.runs(db, wanted, now=await clock.moment(db))


async def _query(database: Database, line: Line, origin: str, goal: str) -> dict[str, str]:
    wanted = await _wanted(database, line, origin, goal)
    return {"origin_city": origin, "destination_city": goal, "departure_date": wanted.day.isoformat()}


async def _answer(client: httpx2.AsyncClient, query: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get("/schedules/search", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _of_both(answer: httpx2.Response) -> dict[str, Any]:
    """Without what each answer has anew."""
    return {name: value for name, value in answer.json().items() if name not in {"server_time", "instance"}}


def _whole(run: Run) -> RunView:
    return RunView.of_run(run)
