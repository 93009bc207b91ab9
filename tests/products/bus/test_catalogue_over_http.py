"""Routes and buses over HTTP: who may do what, versions, and what is refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from holdfast.kernel.identity import Provider
from holdfast.kit.db import Database
from tests.builders_bus import application, browsing, layout, manager_of, open_line
from tests.builders_identity import open_provider, sign_up

ROUTE = {"origin_city": "Cairo", "destination_city": "Luxor", "distance_km": 655.5, "estimated_duration_minutes": 540}
BUS = {
    "bus_number": "AB-1",
    "bus_type": "standard",
    "total_seats": 8,
    "seat_layout_config": layout(),
    "amenities": {"wifi": True, "toilet": False},
}


@dataclass
class World:
    app: FastAPI
    provider: Provider
    manager: AsyncClient


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    provider = await open_provider(database)
    app = application(database, tmp_path)
    async with browsing(app, await manager_of(database, provider)) as manager:
        yield World(app, provider, manager)


async def test_a_manager_opens_changes_and_hides_a_route(world: World) -> None:
    made = await world.manager.post("/routes", json=ROUTE)
    route = made.json()
    address = f"/routes/{route['id']}"

    stale = await world.manager.put(address, json={"distance_km": 660}, headers={"If-Match": '"7"'})
    changed = await world.manager.put(address, json={"distance_km": 660}, headers={"If-Match": '"1"'})
    async with browsing(world.app) as guest:
        seen = await guest.get(address)
    hidden = await world.manager.delete(address)
    gone = await world.manager.get(address)

    assert made.status_code == 201
    assert route["provider_id"] == str(world.provider.id)
    assert [stop["city"] for stop in route["stops"]] == ["Cairo", "Luxor"]
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    assert (changed.status_code, changed.headers["ETag"], changed.json()["distance_km"]) == (200, '"2"', 660.0)
    assert (seen.status_code, seen.headers["ETag"]) == (200, '"2"')
    assert (hidden.status_code, gone.status_code) == (204, 404)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"destination_city": "CAIRO"}, "same_city"),
        ({"distance_km": 0}, None),
        ({"distance_km": None}, None),
        ({"origin_zone": "Mars/Base"}, "unknown_zone"),
        ({"status": "open"}, None),
        ({"origin_city": "Cairo\x00"}, None),
        (
            {
                "stops": [
                    {"city": "Cairo", "minutes_from_start": 0, "km": 0},
                    {"city": "Qena", "minutes_from_start": 500, "km": 600},
                    {"city": "Luxor", "minutes_from_start": 480, "km": 655},
                ]
            },
            "stops_out_of_order",
        ),
        (
            {
                "stops": [
                    {"city": "Cairo", "minutes_from_start": 0, "km": 0},
                    {"city": "Qéna", "minutes_from_start": 400, "km": 500},
                    {"city": "qena", "minutes_from_start": 480, "km": 600},
                    {"city": "Luxor", "minutes_from_start": 540, "km": 655},
                ]
            },
            "stop_twice",
        ),
    ],
)
async def test_a_route_that_leads_nowhere_is_refused(world: World, change: dict[str, Any], code: str | None) -> None:
    refused = await world.manager.post("/routes", json={**ROUTE, **change})

    assert refused.status_code == 422
    assert code is None or refused.json()["code"] == code


async def test_the_same_key_opens_one_route(world: World) -> None:
    headers = {"Idempotency-Key": "once"}

    first = await world.manager.post("/routes", json=ROUTE, headers=headers)
    again = await world.manager.post("/routes", json=ROUTE, headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_what_everybody_may_read_others_are_told_they_may_not_change(world: World, database: Database) -> None:
    route = (await world.manager.post("/routes", json=ROUTE)).json()
    bus = (await world.manager.post("/buses", json=BUS)).json()
    other = await manager_of(database, await open_provider(database))
    clerk = await sign_up(database, members={world.provider.id: "clerk"})
    customer = await sign_up(database)
    answers = {}
    for name, person in {"other": other, "clerk": clerk, "customer": customer, "guest": None}.items():
        async with browsing(world.app, person) as client:
            answers[name] = [
                (await client.put(f"/routes/{route['id']}", json={})).status_code,
                (await client.get(f"/buses/{bus['id']}")).status_code,
                (await client.delete(f"/buses/{bus['id']}")).status_code,
                (await client.post("/buses", json={})).status_code,
            ]

    assert answers == {
        "other": [403, 404, 404, 422],
        "clerk": [403, 200, 403, 422],
        "customer": [403, 403, 403, 403],
        "guest": [401, 401, 401, 401],
    }


async def test_a_bus_has_the_seats_it_says_and_a_number_of_its_own(world: World) -> None:
    made = await world.manager.post("/buses", json=BUS)
    twin = await world.manager.post("/buses", json={**BUS, "bus_number": "ab-1"})
    miscounted = await world.manager.post("/buses", json={**BUS, "bus_number": "AB-2", "total_seats": 9})
    twice = layout()
    twice["decks"][0]["rows"][1]["seats"][0]["number"] = "1a"
    doubled = await world.manager.post("/buses", json={**BUS, "bus_number": "AB-3", "seat_layout_config": twice})
    retired = await world.manager.delete(f"/buses/{made.json()['id']}")
    again = await world.manager.post("/buses", json=BUS)

    assert made.status_code == 201
    assert made.json()["amenities"] == {"wifi": True, "toilet": False}
    assert (twin.status_code, twin.json()["code"]) == (409, "bus_number_taken")
    assert (miscounted.status_code, miscounted.json()["code"]) == (422, "seats_miscounted")
    assert (doubled.status_code, doubled.json()["code"]) == (422, "layout_invalid")
    assert doubled.json()["pointer"] == "/decks/0/rows/1/seats/0/number"
    assert (retired.status_code, again.status_code) == (204, 201)


async def test_lists_show_ones_own_buses_page_by_page(world: World) -> None:
    for number in range(3):
        await world.manager.post("/buses", json={**BUS, "bus_number": f"P-{number}"})

    first = (await world.manager.get("/buses?limit=2")).json()
    rest = (await world.manager.get(f"/buses?limit=2&cursor={first['next_cursor']}")).json()

    assert [bus["bus_number"] for bus in first["items"] + rest["items"]] == ["P-2", "P-1", "P-0"]
    assert rest["next_cursor"] is None


async def test_an_admin_makes_rows_of_any_provider(world: World, database: Database) -> None:
    async with browsing(world.app, await sign_up(database, roles=("admin",))) as admin:
        made = await admin.post("/routes", json={**ROUTE, "provider_id": str(world.provider.id)})
        theirs = await admin.put(f"/routes/{made.json()['id']}", json={"is_active": False})

    assert (made.status_code, theirs.status_code) == (201, 200)
    assert theirs.json()["is_active"] is False


async def test_schedules_over_http(world: World, database: Database) -> None:
    line = await open_line(database, provider=world.provider, is_generated=False)
    address = f"/schedules/{line.schedule_id}"

    draft = (await world.manager.get(address)).json()
    generated = await world.manager.post(f"{address}/generate-seats")
    details = (await world.manager.get(f"{address}/details?from_stop=suez")).json()
    listed = (await world.manager.get(f"/schedules?route_id={line.route_id}")).json()["items"]
    busy = await world.manager.post(
        "/schedules",
        json={
            "route_id": str(line.route_id),
            "bus_id": str(line.bus_id),
            "departure_datetime": draft["departure_datetime"],
            "base_price": 10,
        },
    )
    key = {"Idempotency-Key": "cancel-once"}
    cancelled = await world.manager.post(f"{address}/cancel", json={"reason": "no fuel"}, headers=key)
    repeated = await world.manager.post(f"{address}/cancel", json={"reason": "no fuel"}, headers=key)
    again = await world.manager.post(f"{address}/cancel")

    assert (draft["available_seats"], draft["is_generated"], draft["status"]) == (0, False, "scheduled")
    assert (generated.status_code, generated.json()["created_seats"]) == (201, 8)
    assert details["available_seats"] == 8
    assert details["bus"]["id"] == str(line.bus_id)
    assert details["route"]["id"] == str(line.route_id)
    assert {seat["price"] for seat in details["seats"]} == {"239.09"}
    assert [(each["id"], each["available_seats"]) for each in listed] == [(str(line.schedule_id), 8)]
    assert (busy.status_code, busy.json()["code"]) == (409, "bus_busy")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert (repeated.status_code, repeated.headers["idempotent-replayed"]) == (200, "true")
    assert (again.status_code, again.json()["code"]) == (409, "occurrence_cancelled")


async def test_only_an_admin_sets_other_statuses_and_only_forward(world: World, database: Database) -> None:
    line = await open_line(database, provider=world.provider)
    address = f"/schedules/{line.schedule_id}"
    async with browsing(world.app, await sign_up(database, roles=("admin",))) as admin:
        refused = await world.manager.put(address, json={"status": "in_transit"})
        moved = await admin.put(address, json={"status": "in_transit"})
        back = await admin.put(address, json={"status": "scheduled"})

    assert refused.status_code == 403
    assert (moved.status_code, moved.json()["status"]) == (200, "in_transit")
    assert (back.status_code, back.json()["code"]) == (409, "status_backwards")
