"""Single seats of one schedule: each change is a layout of its own, and what is taken keeps number and price."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import AsyncClient

from holdfast.kit import ids
from holdfast.kit.db import Database
from tests.builders_bus import Line, application, browsing, manager_of, offer_of, open_line, reserve
from tests.builders_identity import sign_up


@pytest.fixture
async def line(database: Database) -> Line:
    return await open_line(database, price="100.00")


@pytest.fixture
async def manager(database: Database, line: Line, tmp_path: Path) -> AsyncIterator[AsyncClient]:
    async with browsing(application(database, tmp_path), await manager_of(database, line.provider)) as client:
        yield client


async def test_a_seat_is_added_changed_and_removed_on_one_schedule(
    database: Database, line: Line, manager: AsyncClient
) -> None:
    other = await open_line(database)
    new = {"schedule_id": str(line.schedule_id), "seat_number": "9Z", "price_modifier": "15.00", "seat_type": "premium"}

    added = await manager.post("/seats", json=new)
    seat = f"/seats/{added.json()['id']}"
    changed = await manager.put(seat, json={"price_modifier": "20.00", "seat_number": "9X"})
    twin = await manager.put(seat, json={"seat_number": "1a"})
    removed = await manager.delete(seat)
    gone = await manager.get(seat)
    again = await manager.post("/seats", json=new)

    assert (added.status_code, added.json()["price"], added.json()["status"]) == (201, "115.00", "available")
    assert (changed.json()["seat_number"], changed.json()["price"]) == ("9X", "120.00")
    assert (twin.status_code, twin.json()["code"]) == (409, "seat_number_taken")
    assert (removed.status_code, gone.status_code) == (204, 404)
    assert again.json()["id"] != added.json()["id"], "numbers of places are never used again"
    assert len((await offer_of(database, other)).places.places) == 8


async def test_a_taken_seat_keeps_its_number_and_price(database: Database, line: Line, manager: AsyncClient) -> None:
    await reserve(database, line, await sign_up(database), ["1A"], from_stop="Suez")
    offer = await offer_of(database, line)
    seat = f"/seats/{offer.seat_id(0)}"

    renumbered = await manager.put(seat, json={"seat_number": "1X"})
    repriced = await manager.put(seat, json={"price_modifier": "5.00"})
    removed = await manager.delete(seat)
    flagged = await manager.put(seat, json={"flags": ["wheelchair"]})

    refused = [renumbered, repriced, removed]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(409, "seat_claimed")] * 3
    assert (flagged.status_code, flagged.json()["flags"], flagged.json()["status"]) == (200, ["wheelchair"], "reserved")


async def test_everybody_sees_a_seat_as_it_is_over_a_part(database: Database, line: Line, manager: AsyncClient) -> None:
    await reserve(database, line, await sign_up(database), ["1A"], from_stop="Suez")
    seat = f"/seats/{(await offer_of(database, line)).seat_id(0)}"

    whole = (await manager.get(seat)).json()
    early = (await manager.get(f"{seat}?from_stop=Cairo&to_stop=Suez")).json()
    nowhere = await manager.get(f"{seat}?from_stop=Paris")
    backwards = await manager.get(f"{seat}?from_stop=Suez&to_stop=Cairo")

    assert (whole["status"], early["status"]) == ("reserved", "available")
    assert (nowhere.status_code, nowhere.json()["code"]) == (422, "stop_unknown")
    assert (backwards.status_code, backwards.json()["code"]) == (422, "stops_reversed")


async def test_ids_of_no_seat_are_unknown(manager: AsyncClient) -> None:
    answers = [await manager.get(f"/seats/{seat_id}") for seat_id in (ids.new_id(), ids.pack(2**40, 1))]
    malformed = await manager.get("/seats/12")

    assert [answer.status_code for answer in answers] == [404, 404]
    assert malformed.status_code == 422


async def test_all_seats_are_listed_page_by_page(database: Database, line: Line, manager: AsyncClient) -> None:
    await open_line(database, provider=line.provider)
    found, address = [], "/seats?limit=5"
    cursor = ""
    while True:
        page = (await manager.get(address + cursor)).json()
        found += [seat["id"] for seat in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    of_one = (await manager.get(f"/seats?limit=100&schedule_id={line.schedule_id}")).json()["items"]

    assert len(found) == len(set(found)) == 16
    assert [seat["seat_number"] for seat in of_one] == ["1A", "1B", "1C", "1D", "2A", "2B", "2C", "2D"]
