"""Reservations and the bookings made of them, over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from httpx2 import AsyncClient

from holdfast.kit import ids
from holdfast.kit.db import Database
from holdfast.kit.ratelimit import LocalBucket
from holdfast.products.bus.models import bus_booking_receipts
from holdfast.products.bus.schemas_reservations import ReservationView
from tests.builders_bus import (
    Line,
    application,
    browsing,
    hold_again,
    layout,
    manager_of,
    offer_of,
    open_line,
    pay,
    reserve,
)
from tests.builders_identity import Person, sign_up

CREATE = "/reservations/create"


@dataclass
class World:
    app: FastAPI
    line: Line
    person: Person
    customer: AsyncClient

    def wish(self, **values: Any) -> dict[str, Any]:
        return {"schedule_id": str(self.line.schedule_id), **values}


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:
    line = await open_line(database, price="100.00", seats=layout(modifier="15.00"))
    app, person = application(database, tmp_path), await sign_up(database)
    async with browsing(app, person) as customer:
        yield World(app, line, person, customer)


async def test_a_reservation_is_what_the_seed_says(world: World) -> None:
    made = await world.customer.post(CREATE, json=world.wish(seat_numbers=["1A", "1b"]))
    reservation = made.json()

    assert made.status_code == 201
    assert reservation["status"] == "active"
    assert reservation["user_id"] == str(world.person.id)
    assert (reservation["total_amount"], reservation["currency"]) == ("215.00", "EGP")
    assert [(seat["seat_number"], seat["price"]) for seat in reservation["seats"]] == [
        ("1A", "115.00"),
        ("1B", "100.00"),
    ]
    assert [line["kind"] for line in reservation["price_lines"]] == ["fare", "modifier", "fare"]
    assert reservation["seconds_left"] in {898, 899, 900}
    begun, ends = reservation["reservation_datetime"], reservation["expiry_datetime"]
    assert _seconds_between(begun, ends) == 900
    shown = (await world.customer.get(f"/reservations/{reservation['id']}")).json()
    assert shown["seats"] == reservation["seats"]
    active = (await world.customer.get("/reservations/active")).json()["items"]
    assert [each["id"] for each in active] == [reservation["id"]]
    details = (await world.customer.get(f"/reservations/{reservation['id']}/details")).json()
    assert details["user"]["id"] == str(world.person.id)
    assert details["bus"]["id"] == str(world.line.bus_id)


async def test_a_scan_whose_answer_got_lost_is_answered_again(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person, numbers=["1A"])
    await pay(database, hold, world.person)
    booking = (await world.customer.post("/bookings/create", json={"reservation_id": str(hold.id)})).json()
    ticket = (await world.customer.get(f"http://test/api/v1/tickets/{booking['ticket']['id']}")).json()
    verify = "http://test/api/v1/tickets/verify"
    scan, key = {"qr_code": ticket["qr_code"]}, {"Idempotency-Key": "scan-1"}
    scanner = await sign_up(database, members={world.line.provider.id: "scanner"})
    accountant = await sign_up(database, members={world.line.provider.id: "finance"})

    async with browsing(world.app, scanner) as door, browsing(world.app, accountant) as office:
        refused = await office.post(verify, json=scan)
        first = await door.post(verify, json=scan, headers=key)
        repeated = await door.post(verify, json=scan, headers=key)
        again = await door.post(verify, json=scan)

    assert refused.status_code == 403
    assert (first.status_code, first.json()["validity_status"]) == (200, "used")
    assert (repeated.status_code, repeated.json()) == (200, first.json())
    assert (again.status_code, again.json()["code"]) == (409, "ticket_already_used")


async def test_seats_may_be_named_by_id(world: World, database: Database) -> None:
    offer = await offer_of(database, world.line)
    elsewhere = await offer_of(database, await open_line(database))

    foreign = await world.customer.post(CREATE, json=world.wish(seat_ids=[str(elsewhere.seat_id(0))]))
    unknown = await world.customer.post(CREATE, json=world.wish(seat_ids=[str(ids.new_id())]))
    beyond = await world.customer.post(CREATE, json=world.wish(seat_ids=[str(offer.seat_id(99))]))
    nowhere = await world.customer.post(CREATE, json=world.wish(seat_ids=[str(ids.pack(2**40, 0))]))
    made = await world.customer.post(CREATE, json=world.wish(seat_ids=[str(offer.seat_id(5))]))

    assert (foreign.status_code, foreign.json()["code"]) == (422, "place_of_another")
    assert [each.status_code for each in (unknown, beyond, nowhere)] == [404, 404, 404]
    assert made.json()["seats"][0]["seat_number"] == "2B"


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"seat_numbers": []},
        {"seat_numbers": ["1A", "1a"]},
        {"seat_numbers": ["1A"], "count": 1},
        {"seat_numbers": ["1A", "1B", "1C", "1D", "2A", "2B", "2C"]},
        {"count": 7},
        {"count": 0},
        {"count": -1},
        {"count": 1.5},
        {"count": True},
        {"count": 2**63},
        {"seat_ids": ["12"]},
        {"seat_numbers": ["1A"], "total_amount": "1.00"},
        {"seat_numbers": ["1A"], "from_stop": "Paris"},
        {"seat_numbers": ["1A"], "from_stop": "Hurghada", "to_stop": "Cairo"},
        {"count": 1, "preference": "best"},
    ],
)
async def test_what_can_never_succeed_is_422_and_holds_nothing(world: World, wish: dict[str, Any]) -> None:
    refused = await world.customer.post(CREATE, json=world.wish(**wish))

    assert refused.status_code == 422
    assert (await world.customer.get("/reservations/active")).json()["items"] == []


async def test_the_second_buyer_is_told_which_seat_is_gone(world: World, database: Database) -> None:
    await reserve(database, world.line, await sign_up(database), ["1A"])

    refused = await world.customer.post(CREATE, json=world.wish(seat_numbers=["1A", "1B"]))

    assert (refused.status_code, refused.json()["code"], refused.json()["labels"]) == (409, "slots_taken", ["1A"])


async def test_the_best_seats_are_found_for_so_many(world: World) -> None:
    made = (await world.customer.post(CREATE, json=world.wish(count=2))).json()

    assert [seat["seat_number"] for seat in made["seats"]] == ["1C", "1D"], "cheapest, then side by side"
    assert made["why"]["code"] == "side_by_side"


async def test_a_bus_that_has_too_few_says_how_many(world: World, database: Database) -> None:
    await reserve(database, world.line, await sign_up(database), ["1B", "1C", "1D", "2A", "2B"])

    refused = await world.customer.post(CREATE, json=world.wish(count=4))

    assert (refused.status_code, refused.json()["code"], refused.json()["free"]) == (409, "not_enough_seats", 3)


async def test_places_for_wheelchairs_are_given_to_those_who_ask(database: Database, tmp_path: Path) -> None:
    line = await open_line(database, seats=layout(1, flags=["wheelchair"]))
    async with browsing(application(database, tmp_path), await sign_up(database)) as customer:
        wish = {"schedule_id": str(line.schedule_id)}
        all_of_them = await customer.post(CREATE, json={**wish, "count": 4})
        asked = await customer.post(CREATE, json={**wish, "count": 2, "flags": ["wheelchair"]})

    assert all_of_them.json()["code"] == "not_enough_seats"
    assert [seat["seat_number"] for seat in asked.json()["seats"]] == ["1A", "1B"]


async def test_the_same_key_holds_once_and_answers_the_same(world: World, database: Database) -> None:
    headers, wish = {"Idempotency-Key": "mine"}, world.wish(count=6)

    first = await world.customer.post(CREATE, json=wish, headers=headers)
    again = await world.customer.post(CREATE, json=wish, headers=headers)
    other = await world.customer.post(CREATE, json=world.wish(count=2), headers=headers)

    assert (first.status_code, again.status_code) == (201, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert first.json()["id"] == again.json()["id"], "though only two seats are left now"
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")


async def test_a_refused_key_may_win_later(world: World, database: Database) -> None:
    rival = await sign_up(database)
    hold = await reserve(database, world.line, rival, ["1A"])
    headers, wish = {"Idempotency-Key": "again"}, world.wish(seat_numbers=["1A"])

    refused = await world.customer.post(CREATE, json=wish, headers=headers)
    async with browsing(world.app, rival) as client:
        released = await client.delete(f"/reservations/{hold.id}")
    won = await world.customer.post(CREATE, json=wish, headers=headers)

    assert (refused.status_code, released.status_code, won.status_code) == (409, 204, 201)


async def test_what_is_given_back_is_free_and_not_given_back_twice(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person)

    released = await world.customer.delete(f"/reservations/{hold.id}")
    again = await world.customer.delete(f"/reservations/{hold.id}")

    assert (released.status_code, again.status_code, again.json()["code"]) == (204, 409, "hold_ended")
    assert (await world.customer.get(f"/reservations/{hold.id}")).json()["status"] == "cancelled"
    assert (await world.customer.get(f"/schedules/{world.line.schedule_id}")).json()["available_seats"] == 8


async def test_anothers_reservation_is_as_absent(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person)
    strangers = [await sign_up(database), await manager_of(database, world.line.provider)]
    for stranger in strangers:
        async with browsing(world.app, stranger) as client:
            answers = [
                await client.get(f"/reservations/{hold.id}"),
                await client.get(f"/reservations/{hold.id}/details"),
                await client.delete(f"/reservations/{hold.id}"),
                await client.post("/bookings/create", json={"reservation_id": str(hold.id)}),
                await client.get(f"/reservations/{ids.new_id()}"),
            ]
        assert {(each.status_code, each.json()["code"]) for each in answers} == {(404, "reservation_not_found")}
    async with browsing(world.app, await sign_up(database, roles=("admin",))) as admin:
        assert (await admin.get(f"/reservations/{hold.id}")).status_code == 200
    async with browsing(world.app) as guest:
        assert (await guest.get(f"/reservations/{hold.id}")).status_code == 401
        assert (await guest.post(CREATE, json={})).status_code == 401


async def test_a_booking_is_made_once_paid_and_shown_again(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person, ["1A", "1B"])
    wish = {"reservation_id": str(hold.id)}

    unpaid = await world.customer.post("/bookings/create", json=wish)
    paid = await pay(database, hold, world.person)
    first = await world.customer.post("/bookings/create", json=wish)
    again = await world.customer.post("/bookings/create", json=wish)

    assert (unpaid.status_code, unpaid.json()["code"]) == (409, "payment_required")
    assert (first.status_code, again.status_code) == (201, 200)
    booking = first.json()
    assert booking == again.json()
    assert booking["id"] == str(paid.id)
    assert (booking["status"], booking["payment_status"]) == ("confirmed", "completed")
    assert booking["reservation_id"] == str(hold.id)
    assert [seat["seat_number"] for seat in booking["seats"]] == ["1A", "1B"]
    assert len(booking["tickets"]) == 2
    assert booking["ticket"] == booking["tickets"][0]
    assert (await world.customer.get(f"/reservations/{hold.id}")).json()["status"] == "confirmed"
    async with database.reader() as db:
        found = bus_booking_receipts.c.booking_id == paid.id
        assert await db.scalar(sa.select(sa.func.count()).select_from(bus_booking_receipts).where(found)) == 1


async def test_what_ended_unpaid_is_no_booking(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person)
    await world.customer.delete(f"/reservations/{hold.id}")

    refused = await world.customer.post("/bookings/create", json={"reservation_id": str(hold.id)})

    assert (refused.status_code, refused.json()["code"]) == (409, "hold_expired")
    assert (await hold_again(database, hold)).state == "cancelled"


async def test_the_kernels_answers_speak_of_seats(world: World, database: Database) -> None:
    hold = await reserve(database, world.line, world.person, ["1A"])
    booking = await pay(database, hold, world.person)
    root = str(world.customer.base_url).replace("/bus/", "/")

    details = (await world.customer.get(f"{root}bookings/{booking.id}/details")).json()
    payment = (await world.customer.get(f"{root}payments/{details['payments'][0]['id']}")).json()
    cancelled = (await world.customer.post(f"{root}bookings/{booking.id}/cancel", json={})).json()
    after = (await world.customer.get(f"{root}bookings/{booking.id}")).json()

    assert UUID(details["seats"][0]["seat_id"]).version == 8
    assert details["schedule"]["id"] == str(world.line.schedule_id)
    assert details["route"]["origin_city"] == "Cairo"
    assert (payment["status"], payment["reservation_id"]) == ("completed", str(hold.id))
    assert (cancelled["refund_amount"], cancelled["refund_status"]) == ("115.00", "pending")
    assert (after["status"], after["payment_status"]) == ("cancelled", "completed"), "until the refund is processed"
    assert after["cancellation"]["id"] == cancelled["id"]


async def test_holds_are_asked_for_so_often_and_no_oftener(world: World) -> None:
    world.app.state.hold_bucket = LocalBucket(rate=0.01, burst=2)

    answers = [await world.customer.post(CREATE, json=world.wish(seat_numbers=["7Z"])) for _ in range(3)]

    assert [each.status_code for each in answers] == [404, 404, 429]
    assert int(answers[2].headers["Retry-After"]) > 0


def _seconds_between(begin: str, end: str) -> float:

    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


async def test_what_is_sent_leanly_is_what_the_model_would_send(database: Database) -> None:
    line, person = await open_line(database), await sign_up(database)
    hold = await reserve(database, line, person, ["1A", "1B"])

    sent = ReservationView.json_of(hold, None, serial=7, now=hold.placed_at)

    assert sent == ReservationView.of(hold, None, serial=7, now=hold.placed_at).model_dump_json().encode()
