"""What is read most is answered past the layers, and nobody can tell: the ordinary way says the same."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders_bus import application

#: Makes a request unusual without changing what it asks.
ORDINARY = {"X-Unheard-Of": "yes"}
OF_EACH_ANSWER = {"x-request-id", "date"}


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=application(database, tmp_path))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


@pytest.mark.parametrize("what", ["states", "layout"])
async def test_both_ways_say_the_same(database: Database, client: httpx2.AsyncClient, what: str) -> None:
    room = await builders.room(database, places=3)
    await builders.hold(database, room, [1])
    path = f"/inventories/{room.inventory.id}/{what}"
    tag = (await client.get(path)).headers["etag"]

    for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": f'"other", {tag}'}, {"If-None-Match": '"other"'}):
        quick = await client.get(path, headers=headers)
        ordinary = await client.get(path, headers={**headers, **ORDINARY})

        assert quick.status_code == ordinary.status_code
        assert _without_moment(quick) == _without_moment(ordinary)
        assert _headers(quick) == _headers(ordinary)


async def test_both_ways_refuse_alike(database: Database, client: httpx2.AsyncClient) -> None:
    draft = await builders.room(database)
    await builders.set_state(database, draft, "draft")

    for word in (str(new_id()), str(draft.inventory.id), "nonsense", f"{{{draft.inventory.id}}}", new_id().hex):
        quick = await client.get(f"/inventories/{word}/states")
        ordinary = await client.get(f"/inventories/{word}/states", headers=ORDINARY)

        assert quick.status_code == ordinary.status_code in {404, 422}
        assert quick.json()["code"] == ordinary.json()["code"]


async def test_bad_credentials_are_refused_though_none_are_needed(
    database: Database, client: httpx2.AsyncClient
) -> None:
    room = await builders.room(database)

    answer = await client.get(f"/inventories/{room.inventory.id}/states", headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_the_request_id_is_the_callers(database: Database, client: httpx2.AsyncClient) -> None:
    room = await builders.room(database)

    answer = await client.get(f"/inventories/{room.inventory.id}/states", headers={"X-Request-ID": "mine-1234567890"})

    assert answer.headers["x-request-id"] == "mine-1234567890"


def _without_moment(answer: httpx2.Response) -> dict[str, object]:
    return {} if not answer.content else {**answer.json(), "server_time": None}


def _headers(answer: httpx2.Response) -> dict[str, str]:
    told = {name: value for name, value in answer.headers.items() if name not in OF_EACH_ANSWER}
    if "content-length" in told and answer.content:
        told["content-length"] = str(len(answer.content))
    return told
