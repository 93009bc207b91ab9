"""Search: by the local day where one boards, legs included, counted at this moment."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from holdfast.kit import clock, ids
from holdfast.kit.db import Database
from holdfast.kit.zones import local_day, local_to_utc, zone_of
from holdfast.products.bus import search
from holdfast.products.bus.actions import generation, routes, service
from holdfast.products.bus.models import bus_stop_keys
from holdfast.products.bus.schemas import RouteChange
from holdfast.products.bus.search import Run, Wanted
from tests.builders_bus import SYSTEM, Line, application, browsing, layout, offer_of, open_line, reserve
from tests.builders_identity import sign_up


async def test_a_leg_of_a_longer_run_is_found_whatever_the_case_and_accents(database: Database) -> None:
    suez = f"Suéz {ids.new_id()}"
    line = await open_line(database, stops=(("Cairo", 0, 0), (suez, 110, 134), ("Hurghada", 390, 530)))
    await reserve(database, line, await sign_up(database), ["1A"], to_stop=suez)
    day = await _day_of(database, line, 1)

    found = await _runs(database, Wanted(suez.upper().replace("É", "E"), "HURGHADA", day))
    backwards = await _runs(database, Wanted("Hurghada", suez, day))
    other_day = await _runs(database, Wanted(suez, "Hurghada", day + timedelta(days=1)))

    assert [run.offer.schedule.id for run in found] == [line.schedule_id]
    assert (found[0].available, found[0].price_from, found[0].minutes) == (8, 23909, 280)
    assert (backwards, other_day) == ([], [])


async def test_the_day_is_that_of_the_place_on_the_days_the_clocks_change(database: Database) -> None:
    zone, tag = "Africa/Cairo", str(ids.new_id())
    line = await open_line(database, stops=((f"Cairo {tag}", 0, 0), ("Luxor", 540, 655)), zone=zone)
    for wall in _walls_around_changes(zone):
        await _departs(database, line, local_to_utc(wall, zone, fold=0))
        day = wall.date()

        found = [
            each
            for each in (day - timedelta(days=1), day, day + timedelta(days=1))
            if await _runs(database, Wanted(f"Cairo {tag}", "Luxor", each))
        ]

        assert found == [day], wall


async def test_what_is_no_longer_on_sale_is_not_found(database: Database) -> None:
    tag = str(ids.new_id())
    line = await open_line(database, stops=((f"Cairo {tag}", 0, 0), ("Luxor", 540, 655)))
    wanted = Wanted(f"cairo {tag}", "luxor", await _day_of(database, line, 0))
    assert len(await _runs(database, wanted)) == 1

    async with database.transaction() as db:
        await service.follow(db, is_active=False, route_id=line.route_id, actor=SYSTEM, now=await clock.moment(db))

    assert await _runs(database, wanted) == []


async def test_results_are_sorted_filtered_and_paged(database: Database, tmp_path: Path) -> None:
    tag = str(ids.new_id())
    stops = ((f"Giza {tag}", 0, 0), ("Minya", 240, 250))
    now = datetime.now(UTC)
    noon = datetime.combine(now.date(), time(12), tzinfo=UTC) + timedelta(days=7)
    cheap = await open_line(database, stops=stops, price="90.00", seats=layout(1), departs_in=noon - now)
    dear = await open_line(database, stops=stops, price="150.00", departs_in=noon - now - timedelta(hours=1))
    await reserve(database, cheap, await sign_up(database), ["1B"])
    await reserve(database, cheap, await sign_up(database), ["1C"])
    day = await _day_of(database, cheap, 0)
    query: dict[str, Any] = {
        "origin_city": f"giza {tag}",
        "destination_city": "minya",
        "departure_date": day.isoformat(),
    }

    async with browsing(application(database, tmp_path)) as guest:

        async def ask(**more: Any) -> dict[str, Any]:
            answer = await guest.get("/schedules/search", params={**query, **more})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        by_price = await ask(sort="price", limit=1)
        next_page = await ask(sort="price", limit=1, cursor=by_price["next_cursor"])
        by_departure = await ask()
        together = await ask(seats_together=2)
        sleepers = await ask(bus_type="sleeper")
        forged = await guest.get("/schedules/search", params={**query, "cursor": "abc"})
        undated = await guest.get("/schedules/search", params={**query, "departure_date": "2026-02-30"})

    assert _ids(by_price) == [str(cheap.schedule_id)]
    assert by_price["items"][0]["price_from"] == "90.00"
    assert by_price["items"][0]["available_seats"] == 2
    assert _ids(next_page) == [str(dear.schedule_id)]
    assert next_page["next_cursor"] is None
    assert _ids(by_departure) == [str(dear.schedule_id), str(cheap.schedule_id)]
    assert _ids(together) == [str(dear.schedule_id)]
    assert _ids(sleepers) == []
    assert (forged.status_code, undated.status_code) == (400, 422)


async def test_names_in_any_language_are_found(database: Database) -> None:
    tag = str(ids.new_id())
    line = await open_line(database, stops=((f"Aswan {tag}", 0, 0), ("Edfu", 90, 105)), is_generated=False)
    async with database.transaction() as db:
        change = RouteChange(origin_names={"ar": f"أسوان {tag}"})
        await routes.update(db, line.route_id, change, expected=None, actor=SYSTEM, now=await clock.moment(db))
        await generation.generate_seats(db, line.schedule_id, actor=SYSTEM)

    found = await _runs(database, Wanted(f"اسوان {tag}", "edfu", await _day_of(database, line, 0)))

    assert len(found) == 1


async def _runs(database: Database, wanted: Wanted) -> list[Run]:
    async with database.snapshot() as db:
        return await search.runs(db, wanted, now=await clock.moment(db))


async def _day_of(database: Database, line: Line, position: int) -> date:
    stop = (await offer_of(database, line)).schedule.stops[position]
    return local_day(stop.at, stop.zone)


async def _departs(database: Database, line: Line, at: datetime) -> None:
    """As if it had been planned for then."""
    async with database.transaction() as db:
        mine = bus_stop_keys.c.schedule_id == line.schedule_id
        await db.execute(sa.update(bus_stop_keys).where(mine, bus_stop_keys.c.position == 0).values(at=at))


def _walls_around_changes(zone: str) -> list[datetime]:
    """The first and last minutes that clocks show around the next two days on which they change."""
    days = [date(2030, 1, 1) + timedelta(days=number) for number in range(365)]
    noon = {day: datetime(day.year, day.month, day.day, 12, tzinfo=zone_of(zone)).utcoffset() for day in days}
    changes = [day for day in days[1:] if noon[day] != noon[day - timedelta(days=1)]]
    assert len(changes) == 2
    walls = []
    for day in changes:
        for text in ("01:30", "23:59"):
            walls += [datetime.fromisoformat(f"{each}T{text}") for each in (day - timedelta(days=1), day)]
    return walls


def _ids(found: dict[str, Any]) -> list[str]:
    return [run["id"] for run in found["items"]]
