"""The rest of a sale passes by the layers too: opening a payment, its gateway's notice, collecting the booking."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from starlette.types import Message, Receive, Scope, Send

from holdfast.kernel.identity.models import users
from holdfast.kernel.payments import (
    BadSignature,
    Capabilities,
    CheckoutRequest,
    CheckoutSession,
    GatewayPayment,
    GatewayRefund,
    Notice,
)
from holdfast.kit.db import Database
from holdfast.kit.express import Express
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from tests.app.both_ways import ORDINARY, headers_of, told
from tests.builders_bus import Line, application, open_line
from tests.builders_identity import Person, sign_up

#: The same as ORDINARY, where any header may stand.
ORDINARY_BYTES = {"Cookie": "a=b"}
RESERVE, PAY, COLLECT, TELL = (
    "/bus/reservations/create",
    "/payments/initiate",
    "/bus/bookings/create",
    "/payments/webhook",
)
SIGNED = {"X-Signed": "yes"}


@dataclass
class Obedient:
    """A gateway where every checkout is paid as soon as it is open."""

    name: str = "sandbox"
    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities("native", partial_refund=True, currencies=None)
    )
    open_ones: dict[str, CheckoutRequest] = field(default_factory=dict)

    async def open(self, request: CheckoutRequest) -> CheckoutSession:
        self.open_ones[request.key] = request
        return CheckoutSession(reference=f"ref-{request.key}", url=f"https://pay.example/{request.key}")

    async def end(self, reference: str) -> GatewayPayment:
        raise NotImplementedError(reference)

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        if headers.get("x-signed") != "yes":
            raise BadSignature(self.name, "nobody signed it")
        told = json.loads(body)
        return Notice(told["id"], "payment.completed", "payment", told["key"], None, sent_at=now, body=told)

    async def payment(self, *, key: str) -> GatewayPayment | None:
        whole = self.open_ones[key].amount
        return GatewayPayment(
            key, f"ref-{key}", "completed", whole, whole, Money.zero(whole.currency), datetime.now().astimezone()
        )

    async def refund(self, *, key: str, payment_reference: str, amount: Money) -> GatewayRefund:
        raise NotImplementedError(key, payment_reference, amount)

    async def refund_state(self, *, key: str) -> GatewayRefund | None:
        raise NotImplementedError(key)

    async def since(self, moment: datetime) -> list[GatewayPayment]:
        raise NotImplementedError(moment)

    async def close(self) -> None:
        """It has no connections."""


@dataclass
class Door:
    """Where requests come in; `layers` counts those that took the ordinary way."""

    client: httpx2.AsyncClient
    line: Line
    layers: list[str]

    async def post(self, path: str, body: Any, person: Person | None = None, /, **headers: str) -> httpx2.Response:
        own = {"Content-Type": "application/json"}
        if person is not None:
            own["Authorization"] = f"Bearer {person.token}"
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(path, content=content, headers={**own, **headers})

    async def reserve(self, person: Person, seat: str) -> str:
        wish = {"schedule_id": str(self.line.schedule_id), "seat_numbers": [seat]}
        return str((await self.post(RESERVE, wish, person)).json()["id"])

    async def paid(self, person: Person, seat: str) -> str:
        """A reservation of which the gateway has told that it is paid."""
        reservation = await self.reserve(person, seat)
        opened = await self.post(PAY, {"reservation_id": reservation}, person)
        told = await self.post(TELL, _notice(opened.json()["payment_id"]), None, **SIGNED)
        assert (opened.status_code, told.status_code) == (201, 200)
        return reservation


@pytest.fixture
async def door(database: Database, tmp_path: Path) -> AsyncIterator[Door]:
    app = application(database, tmp_path)
    app.state.till = replace(app.state.till, gateways={"sandbox": Obedient()})
    passed: list[str] = []
    installed = next(each for each in app.user_middleware if str(each.cls) == str(Express))

    async def layers(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["path"])
        await app(scope, receive, send)

    lane = Express(layers, **dict[str, Any](installed.kwargs))

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        await lane({**scope, "app": app}, receive, send)

    transport = httpx2.ASGITransport(app=outside)
    async with (
        app.state.batcher,
        app.state.till.batch,
        httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client,
    ):
        yield Door(client, await open_line(database), passed)


@pytest.fixture
async def person(database: Database) -> Person:
    return await sign_up(database)


async def test_a_plain_sale_passes_by_the_layers_from_its_hold_to_its_ticket(door: Door, person: Person) -> None:
    reservation = await door.paid(person, "1A")
    booking = await door.post(COLLECT, {"reservation_id": reservation}, person)

    assert booking.status_code == 201
    assert booking.json()["ticket"]["seat_number"] == "1A"
    assert door.layers == []


async def test_both_ways_open_the_same_payment(door: Door, person: Person) -> None:
    wish = {"reservation_id": await door.reserve(person, "1A"), "payment_method": "wallet"}
    quick = await door.post(PAY, wish, person)
    again = await door.post(PAY, wish, person, **ORDINARY)
    once_more = await door.post(PAY, wish, person)

    assert (quick.status_code, again.status_code, once_more.status_code) == (201, 200, 200)
    assert _but_time(quick) == _but_time(again) == _but_time(once_more)
    assert headers_of(quick) == headers_of(again)


async def test_a_key_used_on_one_way_is_known_on_the_other(door: Door, person: Person) -> None:
    key = {"Idempotency-Key": str(new_id())}
    wish = {"reservation_id": await door.reserve(person, "1A")}
    spaced = json.dumps(wish, indent=1).encode()
    first = await door.post(PAY, wish, person, **key)
    answers = [await door.post(PAY, body, person, **key, **way) for body in (wish, spaced) for way in ({}, ORDINARY)]
    other = [await door.post(PAY, {**wish, "payment_method": "wallet"}, person, **key, **way) for way in ({}, ORDINARY)]

    assert first.status_code == 201
    assert "idempotent-replayed" not in first.headers
    for answer in answers:
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
        assert _but_time(answer) == _but_time(first)
    assert {(each.status_code, each.json()["code"]) for each in other} == {(422, "key_reused")}


async def test_a_key_is_free_again_where_nothing_came_of_it(door: Door, person: Person) -> None:
    key = {"Idempotency-Key": str(new_id())}
    refused = await door.post(PAY, {"reservation_id": str(new_id())}, person, **key)
    paid = await door.post(PAY, {"reservation_id": await door.reserve(person, "1A")}, person, **key)

    assert (refused.status_code, paid.status_code) == (404, 201)
    assert door.layers == []


async def test_who_was_locked_out_a_moment_ago_pays_nothing_more(
    database: Database, door: Door, person: Person
) -> None:
    wish = {"reservation_id": await door.reserve(person, "1A")}
    async with database.transaction() as db:
        await db.execute(sa.update(users).where(users.c.id == person.id).values(is_active=False))

    quick = await door.post(PAY, wish, person)
    ordinary = await door.post(PAY, wish, person, **ORDINARY)

    assert (quick.status_code, ordinary.status_code) == (401, 401)
    assert told(quick) == told(ordinary)


@pytest.mark.parametrize("path", [PAY, COLLECT])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"reservation_id":"nonsense"}',
        b'{"reservation_id":"%s"}',
        b'{"reservation_id":"%s","reservation_id":"%s"}',
        b'{"reservation_id":"%s","more":1}',
        b'{"reservation_id":"%s","amount":1.5}',
        b'{"reservation_id":"%s","amount":"1e3"}',
        b'{"reservation_id":"%s","payment_method":"barter"}',
        b'{"reservation_id":"%s","return_url":"https://elsewhere.example/"}',
        b'{"reservation_id":"\xff"}',
    ],
)
async def test_both_ways_refuse_alike(door: Door, person: Person, path: str, content: bytes) -> None:
    body = content.replace(b"%s", str(new_id()).encode())
    quick, ordinary = await door.post(path, body, person), await door.post(path, body, person, **ORDINARY)

    assert quick.status_code in {400, 404, 422}
    assert told(quick) == told(ordinary)
    assert headers_of(quick) == headers_of(ordinary)


@pytest.mark.parametrize("path", [PAY, COLLECT])
async def test_nobody_known_is_refused_alike(door: Door, path: str) -> None:
    body = {"reservation_id": str(new_id())}
    quick, ordinary = await door.post(path, body), await door.post(path, body, None, **ORDINARY)

    assert (quick.status_code, ordinary.status_code) == (401, 401)
    assert told(quick) == told(ordinary)


async def test_both_ways_take_and_refuse_the_same_notices(door: Door, person: Person) -> None:
    opened = await door.post(PAY, {"reservation_id": await door.reserve(person, "1A")}, person)
    notice = _notice(opened.json()["payment_id"])
    for sent, status in ((SIGNED, 200), ({}, 401)):
        quick = await door.post(TELL, notice, None, **sent)
        ordinary = await door.post(TELL, notice, None, **sent, **ORDINARY_BYTES)

        assert (quick.status_code, ordinary.status_code) == (status, status)
        assert told(quick) == told(ordinary)
        assert headers_of(quick) == headers_of(ordinary)
    assert door.layers == [f"/api/v1{TELL}"] * 2


async def test_a_notice_too_long_for_the_lane_is_read_whole_and_one_too_long_for_all_is_refused(
    door: Door, person: Person
) -> None:
    opened = await door.post(PAY, {"reservation_id": await door.reserve(person, "1A")}, person)
    notice = _notice(opened.json()["payment_id"])
    long = await door.post(TELL, {**notice, "more": "x" * 100_000}, None, **SIGNED)
    too_long = await door.post(TELL, {**notice, "more": "x" * 300_000}, None, **SIGNED)

    assert (long.status_code, too_long.status_code) == (200, 413)


async def test_of_many_who_collect_one_booking_at_once_exactly_one_is_the_first(door: Door, person: Person) -> None:
    body = {"reservation_id": await door.paid(person, "1A")}
    answers = await asyncio.gather(*(door.post(COLLECT, body, person) for _ in range(20)))
    later = await door.post(COLLECT, body, person, **ORDINARY)

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert later.status_code == 200
    assert {json.dumps(answer.json()) for answer in answers} == {json.dumps(later.json())}


async def test_a_body_that_breaks_off_is_handed_on(database: Database, tmp_path: Path, person: Person) -> None:
    app = application(database, tmp_path)
    installed = next(each for each in app.user_middleware if str(each.cls) == str(Express))
    handed: list[Message] = []

    async def layers(scope: Scope, receive: Receive, send: Send) -> None:
        handed.append(await receive())

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    headers = [(b"authorization", f"Bearer {person.token}".encode()), (b"content-type", b"application/json")]
    for path in (PAY, TELL):
        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": f"/api/v1{path}", "query_string": b""}
        sent = headers if path == PAY else []
        lane = Express(layers, **dict[str, Any](installed.kwargs))
        await lane({**scope, "app": app, "headers": sent, "client": None}, receive, send)

    assert [each["type"] for each in handed] == ["http.disconnect"] * 2


def _notice(payment_id: str) -> dict[str, Any]:
    return {"id": f"evt_{new_id().hex}", "key": payment_id}


def _but_time(answer: httpx2.Response) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "server_time"}
