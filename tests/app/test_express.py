"""A plain reservation is placed past the layers, and nobody can tell: the ordinary way answers and refuses the same."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from starlette.types import Message, Receive, Scope, Send

from holdfast.kernel.holds.models import holds
from holdfast.kit.db import Database
from holdfast.kit.express import Express
from holdfast.kit.ids import new_id
from tests.app.both_ways import ORDINARY, headers_of, told
from tests.builders_bus import Line, application, open_line
from tests.builders_identity import Person, sign_up

CREATE = "/bus/reservations/create"


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = application(database, tmp_path)
    transport = httpx2.ASGITransport(app=app)
    async with app.state.batcher, httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


@pytest.fixture
async def line(database: Database) -> Line:
    return await open_line(database)


@pytest.fixture
async def person(database: Database) -> Person:
    return await sign_up(database)


async def test_both_ways_place_the_same(
    database: Database, client: httpx2.AsyncClient, line: Line, person: Person
) -> None:
    other = await sign_up(database)
    quick = await _reserve(client, person, _wish(line, ["1A", "1B"]))
    ordinary = await _reserve(client, other, _wish(line, ["2A", "2B"]), ORDINARY)

    assert (quick.status_code, ordinary.status_code) == (201, 201)
    assert headers_of(quick) == headers_of(ordinary)
    assert quick.json().keys() == ordinary.json().keys()
    assert [seat["price"] for seat in quick.json()["seats"]] == [seat["price"] for seat in ordinary.json()["seats"]]


async def test_a_key_used_on_one_way_is_known_on_the_other(
    client: httpx2.AsyncClient, line: Line, person: Person
) -> None:
    key, wish = {"Idempotency-Key": "the-same-key"}, _wish(line, ["1A"])
    first = await _reserve(client, person, wish, key)
    again = await _reserve(client, person, wish, {**key, **ORDINARY})
    once_more = await _reserve(client, person, wish, key)

    assert [each.json()["id"] for each in (again, once_more)] == [first.json()["id"]] * 2
    assert again.headers["idempotent-replayed"] == once_more.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"schedule_id":"nonsense","seat_numbers":["1A"]}',
        b'{"schedule_id":"%s","seat_numbers":["1A"],"seat_numbers":["1B"]}',
        b'{"schedule_id":"%s","seat_numbers" : ["1A"], "seat_numbers":["1B"]}',
        b'{"schedule_id":"%s","seat_numbers":["1A\\u0000"]}',
        b'{"schedule_id":"%s","seat_numbers":["1A"],"more":1}',
        b'{"schedule_id":"%s","seat_numbers":["9Z"]}',
        b'{"schedule_id":"%s","count":2.0}',
        b'{"schedule_id":"%s","count":NaN}',
        b'{"schedule_id":"%s","count":0}',
        b'{"schedule_id":"%s","count":true}',
        b'{"schedule_id":"%s"}',
        b'{"schedule_id":"%s","seat_numbers":["\xff"]}',
        b'\xef\xbb\xbf{"schedule_id":"%s","seat_numbers":["1A"]}',
    ],
)
async def test_both_ways_refuse_alike(client: httpx2.AsyncClient, line: Line, person: Person, content: bytes) -> None:
    body = content.replace(b"%s", str(line.schedule_id).encode())

    quick = await _post(client, person, body)
    ordinary = await _post(client, person, body, ORDINARY)

    assert quick.status_code in {400, 404, 422}
    assert told(quick) == told(ordinary)
    assert headers_of(quick) == headers_of(ordinary)


async def test_what_is_taken_is_told_alike_and_in_the_callers_language(
    database: Database, client: httpx2.AsyncClient, line: Line, person: Person
) -> None:
    await _reserve(client, await sign_up(database), _wish(line, ["1A"]))

    for language in ("en", "ar"):
        words = {"Accept-Language": language}
        quick = await _reserve(client, person, _wish(line, ["1A"]), words)
        ordinary = await _reserve(client, person, _wish(line, ["1A"]), {**words, **ORDINARY})

        assert quick.status_code == 409
        assert quick.headers["content-language"] == language
        assert told(quick) == told(ordinary)


async def test_credentials_are_refused_alike(client: httpx2.AsyncClient, line: Line, person: Person) -> None:
    body = json.dumps(_wish(line, ["1A"])).encode()
    for sent in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {person.token}"}):
        quick = await client.post(CREATE, content=body, headers={"Content-Type": "application/json", **sent})
        ordinary = await client.post(
            CREATE, content=body, headers={"Content-Type": "application/json", **sent, **ORDINARY}
        )

        assert quick.status_code == 401
        assert told(quick) == told(ordinary)


@pytest.mark.parametrize("key", ["", "a key with spaces", "k" * 256])
async def test_a_malformed_key_is_refused_alike(
    client: httpx2.AsyncClient, line: Line, person: Person, key: str
) -> None:
    sent = {"Idempotency-Key": key}
    quick = await _reserve(client, person, _wish(line, ["1A"]), sent)
    ordinary = await _reserve(client, person, _wish(line, ["1A"]), {**sent, **ORDINARY})

    assert quick.status_code == 400
    assert told(quick) == told(ordinary)


async def test_a_plain_request_passes_by_the_layers_and_any_other_goes_through_them_whole(
    database: Database, tmp_path: Path, line: Line, person: Person
) -> None:
    app = application(database, tmp_path)
    passed: list[bytes] = []

    async def layers(scope: Scope, receive: Receive, send: Send) -> None:
        first = await receive()
        passed.append(first["body"])
        await send({"type": "http.response.start", "status": 299, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    installed = next(each for each in app.user_middleware if str(each.cls) == str(Express))
    lane = Express(layers, **dict[str, Any](installed.kwargs))

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        await lane({**scope, "app": app}, receive, send)

    async with (
        app.state.batcher,
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=outside), base_url="http://test/api/v1") as client,
    ):
        plain = await _reserve(client, person, _wish(line, ["1A"]))
        unusual = await _reserve(client, person, _wish(line, ["1B"]), ORDINARY)
        unfit = await _post(client, person, b"{}")

    assert [plain.status_code, unusual.status_code, unfit.status_code] == [201, 299, 299]
    assert passed[1:] == [b"{}"]


async def test_where_nothing_more_can_be_taken_on_it_is_said_at_once(
    database: Database, tmp_path: Path, line: Line, person: Person
) -> None:
    app = application(database, tmp_path)
    installed = next(each for each in app.user_middleware if str(each.cls) == str(Express))
    lane = Express(app, **dict[str, Any]({**installed.kwargs, "is_full": lambda: True}))

    async def outside(scope: Scope, receive: Receive, send: Send) -> None:
        await lane({**scope, "app": app}, receive, send)

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=outside), base_url="http://test/api/v1") as client:
        answer = await _reserve(client, person, _wish(line, ["1A"]))

    assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
    assert answer.headers["retry-after"] == "1"
    async with database.reader() as db:
        found = await db.all(sa.select(holds.c.id).where(holds.c.inventory_id == line.schedule_id))
    assert found == []


async def test_a_body_in_pieces_is_read_whole(database: Database, tmp_path: Path, line: Line, person: Person) -> None:
    app = application(database, tmp_path)
    body = json.dumps(_wish(line, ["1A"])).encode()
    pieces = [body[:10], body[10:]]
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/api/v1{CREATE}",
        "root_path": "",
        "query_string": b"",
        "client": ("127.0.0.1", 1234),
        "headers": [
            (b"authorization", f"Bearer {person.token}".encode()),
            (b"content-type", b"application/json"),
            (b"idempotency-key", str(new_id()).encode()),
        ],
    }
    async with app.state.batcher:
        await app(scope, receive, send)

    assert sent[0]["status"] == 201


def _wish(line: Line, seats: list[str]) -> dict[str, Any]:
    return {"schedule_id": str(line.schedule_id), "seat_numbers": seats}


async def _reserve(
    client: httpx2.AsyncClient, person: Person, wish: dict[str, Any], headers: dict[str, str] | None = None
) -> httpx2.Response:
    return await _post(client, person, json.dumps(wish).encode(), headers)


async def _post(
    client: httpx2.AsyncClient, person: Person, content: bytes, headers: dict[str, str] | None = None
) -> httpx2.Response:
    sent = {"Authorization": f"Bearer {person.token}", "Content-Type": "application/json", **(headers or {})}
    return await client.post(CREATE, content=content, headers=sent)
