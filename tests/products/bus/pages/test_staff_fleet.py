"""Buses and routes on pages: drawn, entered, changed."""

import json
import re
from uuid import UUID

import httpx2
import pytest

from holdfast.kit.db import Database
from holdfast.products.bus import queries
from holdfast.products.bus.records import Bus, Route
from tests.builders_bus import Line, layout, manager_of, open_line
from tests.builders_identity import Person, sign_up
from tests.products.bus.pages.conftest import sign_in


@pytest.fixture
async def line(database: Database) -> Line:
    return await open_line(database)


@pytest.fixture
async def manager(browser: httpx2.AsyncClient, database: Database, line: Line) -> Person:
    """A manager of the line's provider looks at the pages."""
    person = await manager_of(database, line.provider)
    await sign_in(browser, person)
    return person


async def bus_at(database: Database, location: str) -> Bus:
    found = re.search(r"/staff/bus/buses/([0-9a-f-]{36})", location)
    assert found is not None
    async with database.reader() as db:
        return await queries.bus(db, UUID(found[1]))


async def route_of(database: Database, line: Line) -> Route:
    async with database.reader() as db:
        return await queries.route(db, line.route_id)


NEW_BUS = {"bus_number": "NB-1", "bus_type": "standard", "layout": "standard", "is_active": "yes"}


@pytest.mark.parametrize(
    ("name", "rows", "seats"),
    [("standard", "12", 49), ("deluxe", "10", 30), ("sleeper", "6", 36), ("semi_sleeper", "9", 46)],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_bus_is_entered_with_one_of_the_usual_layouts(
    *, browser: httpx2.AsyncClient, database: Database, manager: Person, name: str, rows: str, seats: int
) -> None:
    form = {**NEW_BUS, "layout": name, "rows": rows, "surcharge": "40", "amenities": "wifi, , toilet"}

    answer = await browser.post("/staff/bus/buses/new", data=form)
    bus = await bus_at(database, answer.headers["location"])
    page = (await browser.get(answer.headers["location"])).text

    assert bus.total_seats == seats
    assert bus.amenities == ["wifi", "toilet"]
    assert page.count('class="place') == seats
    assert 'class="place better"' in page


async def test_a_bus_is_entered_with_a_layout_of_ones_own(
    browser: httpx2.AsyncClient, database: Database, manager: Person
) -> None:
    form = {**NEW_BUS, "layout": "json", "layout_json": json.dumps(layout(3))}

    answer = await browser.post("/staff/bus/buses/new", data=form)

    assert (await bus_at(database, answer.headers["location"])).total_seats == 12


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"bus_number": ""}, "bus_number", "Please fill this in."),
        ({"bus_type": "tram"}, "bus_type", "This does not fit here."),
        ({"layout": "json", "layout_json": "{"}, "layout", "this is no JSON"),
        ({"layout": "json", "layout_json": '{"decks": []}'}, "layout", "The seat layout is not right at /decks"),
        ({"surcharge": "NaN"}, "layout", "the surcharge is no amount"),
        ({"rows": "1000"}, "rows", "This does not fit here."),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_wrong_with_a_bus_is_told_beside_its_field(
    browser: httpx2.AsyncClient, manager: Person, wrong: dict[str, str], field: str, words: str
) -> None:
    answer = await browser.post("/staff/bus/buses/new", data={**NEW_BUS, **wrong})

    error = re.search(rf'id="{field}-error">([^<]+)<', answer.text)
    assert answer.status_code == 422
    assert error is not None
    assert words in error[1]


async def test_a_bus_is_changed_once_for_the_version_that_was_read(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    path = f"/staff/bus/buses/{line.bus_id}"
    bus = await bus_at(database, path)
    form = {
        "version": str(bus.version),
        "bus_number": bus.bus_number,
        "bus_type": "deluxe",
        "layout": "keep",
        "is_active": "yes",
    }

    saved = await browser.post(path, data=form)
    stale = await browser.post(path, data={**form, "bus_type": "sleeper"})
    changed = await bus_at(database, path)

    assert saved.headers["location"] == f"{path}?done=saved"
    assert stale.status_code == 412
    assert (changed.bus_type, changed.total_seats) == ("deluxe", bus.total_seats)


async def test_a_bus_with_a_number_that_is_taken_is_refused(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    bus = await bus_at(database, f"/staff/bus/buses/{line.bus_id}")

    answer = await browser.post("/staff/bus/buses/new", data={**NEW_BUS, "bus_number": bus.bus_number.lower()})

    assert answer.status_code == 409
    assert 'id="bus_number-error">This provider already has a bus with the number' in answer.text


async def test_a_route_is_opened_stop_by_stop(browser: httpx2.AsyncClient, database: Database, manager: Person) -> None:
    stops = {
        "city": ["Cairo", "", "Minya", "Luxor", ""],
        "city_ar": ["القاهرة", "", "", "الأقصر", ""],
        "minutes": ["0", "", "180", "480", ""],
        "km": ["0", "", "250.5", "670", ""],
    }

    answer = await browser.post("/staff/bus/routes/new", data={**stops, "is_active": "yes"})
    page = await browser.get(answer.headers["location"])
    table = await browser.get("/staff/bus/routes.csv")

    assert answer.status_code == 303
    assert re.findall(r'name="city" value="([^"]+)"', page.text) == ["Cairo", "Minya", "Luxor"]
    assert re.findall(r'name="km" value="([^"]+)"', page.text) == ["0", "250.5", "670"]
    assert "Cairo &gt; Minya" not in table.text
    assert "Cairo > Minya > Luxor" in table.text


async def test_stops_that_go_backwards_are_refused_and_stay_as_they_were_typed(
    browser: httpx2.AsyncClient, manager: Person
) -> None:
    stops = {"city": ["Cairo", "Minya"], "city_ar": ["", ""], "minutes": ["0", "180"], "km": ["10", "5"]}

    backwards = await browser.post("/staff/bus/routes/new", data=stops)
    nonsense = await browser.post("/staff/bus/routes/new", data={**stops, "km": ["0", "far"]})
    lonely = await browser.post("/staff/bus/routes/new", data={"city": ["Cairo"], "minutes": ["0"], "km": ["0"]})

    assert [each.status_code for each in (backwards, nonsense, lonely)] == [422, 422, 422]
    assert "does not lie behind the one before it" in backwards.text
    assert re.findall(r'name="km" value="([^"]+)"', backwards.text) == ["10", "5"]
    assert 'value="far"' in nonsense.text


async def test_a_changed_route_keeps_the_zones_and_names_of_its_stops(
    browser: httpx2.AsyncClient, database: Database
) -> None:
    line = await open_line(database, stops=(("Madrid", 0, 0), ("Lisbon", 450, 628)), zone="Europe/Lisbon")
    await sign_in(browser, await manager_of(database, line.provider))
    route = await route_of(database, line)
    path = f"/staff/bus/routes/{route.id}"
    form = {
        "version": str(route.version),
        "city": ["Madrid", "Badajoz", "Lisbon"],
        "city_ar": ["مدريد", "", ""],
        "minutes": ["0", "240", "450"],
        "km": ["0", "400", "628"],
        "is_active": "yes",
    }

    saved = await browser.post(path, data=form)
    stale = await browser.post(path, data=form)
    changed = await route_of(database, line)

    assert saved.headers["location"] == f"{path}?done=saved"
    assert stale.status_code == 412
    assert [stop.city for stop in changed.stops] == ["Madrid", "Badajoz", "Lisbon"]
    assert changed.origin.zone == "Europe/Lisbon"
    assert changed.origin.names == {"ar": "مدريد"}


async def test_a_clerk_sees_buses_and_routes_and_changes_none(
    browser: httpx2.AsyncClient, database: Database, line: Line
) -> None:
    await sign_in(browser, await sign_up(database, members={line.provider.id: "clerk"}))

    pages = [await browser.get(f"/staff/bus/{what}") for what in (f"buses/{line.bus_id}", f"routes/{line.route_id}")]
    acts = [
        await browser.post(f"/staff/bus/buses/{line.bus_id}", data=NEW_BUS),
        await browser.post(f"/staff/bus/routes/{line.route_id}", data={"city": ["A", "B"]}),
        await browser.post("/staff/bus/buses/new", data=NEW_BUS),
    ]

    assert [page.status_code for page in pages] == [200, 200]
    assert [act.status_code for act in acts] == [403, 403, 403]


async def test_buses_and_routes_of_others_are_not_to_be_found(
    browser: httpx2.AsyncClient, database: Database, line: Line
) -> None:
    await sign_in(browser, await manager_of(database, (await open_line(database)).provider))

    answers = [await browser.get(f"/staff/bus/{what}") for what in (f"buses/{line.bus_id}", f"routes/{line.route_id}")]

    assert [answer.status_code for answer in answers] == [404, 404]
