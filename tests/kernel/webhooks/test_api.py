"""Webhook endpoints over HTTP: whose they are, what they may be, and that a secret is told once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from holdfast.kernel.audit.models import activity_logs
from holdfast.kernel.webhooks import WebhookSettings
from holdfast.kernel.webhooks import api as webhooks_api
from holdfast.kit import http
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.outgoing import Calls
from tests import builders
from tests.builders_identity import SECRET, Person, application, browsing, open_provider, sign_up
from tests.kernel.webhooks.telling import deliver, receiving, relay

URL = "https://hooks.example/in"
STRICT = WebhookSettings(secrets=(SECRET,), endpoints_max=3)


def app_of(database: Database, settings: WebhookSettings = STRICT) -> FastAPI:
    app = application(database)
    app.include_router(webhooks_api.router, prefix="/api/v1")
    app.state.webhooks = settings
    http.check_routes(app)
    return app


@asynccontextmanager
async def client_of(
    database: Database, person: Person | None, settings: WebhookSettings = STRICT
) -> AsyncIterator[httpx2.AsyncClient]:
    async with browsing(app_of(database, settings), person) as client:
        yield client


async def manager(database: Database, **members: Any) -> tuple[UUID, Person]:
    provider = await open_provider(database)
    return provider.id, await sign_up(database, members={provider.id: members.get("role", "manager")})


async def created(client: httpx2.AsyncClient, **body: Any) -> Any:
    answer = await client.post("/webhook-endpoints", json={"url": URL, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


def refused(answer: httpx2.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


async def test_the_secret_is_told_when_it_is_made_and_nowhere_else(database: Database) -> None:
    provider_id, person = await manager(database)
    async with client_of(database, person) as client:
        made = await created(client, facts=["BookingConfirmed"], description="Our ERP")
        shown = (await client.get(f"/webhook-endpoints/{made['id']}")).json()
        listed = (await client.get("/webhook-endpoints")).json()["items"]
        rotated = await client.post(f"/webhook-endpoints/{made['id']}/rotate-secret")
        changed = await client.patch(f"/webhook-endpoints/{made['id']}", json={"description": None})

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert shown == made == listed[0]
    assert (made["provider_id"], made["state"], made["facts"]) == (str(provider_id), "active", ["BookingConfirmed"])
    assert rotated.json()["secret"] not in {secret, None}
    assert rotated.json()["former_secret_until"] is not None
    assert "secret" not in changed.json()
    assert changed.json()["description"] is None
    async with database.reader() as db:
        rows = await db.all(
            sa.select(activity_logs).where(activity_logs.c.entity_id == UUID(made["id"])).order_by(activity_logs.c.id)
        )
    assert [row.action_type for row in rows] == [
        "webhook_endpoint_created",
        "webhook_secret_rotated",
        "webhook_endpoint_changed",
    ]
    assert {row.provider_id for row in rows} == {provider_id}
    assert secret not in str([tuple(row) for row in rows])
    assert "/in" not in str([row.after for row in rows])  # the path may be a secret of the receiver's


async def test_a_repeat_with_the_same_key_opens_one_and_tells_its_secret_again(database: Database) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        key = {"Idempotency-Key": f"open-{new_id()}"}
        first = await client.post("/webhook-endpoints", json={"url": URL}, headers=key)
        again = await client.post("/webhook-endpoints", json={"url": URL}, headers=key)
        listed = (await client.get("/webhook-endpoints")).json()["items"]

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert len(listed) == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://hooks.example/", "https_only"),
        ("https://127.0.0.1/", "private_address"),
        ("https://[::1]/", "private_address"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://2130706433/", "malformed"),
        ("https://me:word@hooks.example/", "holds_credentials"),
        ("https://hooks.example:5432/", "port"),
        ("javascript:alert(1)", "malformed"),
    ],
)
async def test_addresses_that_are_not_public_are_refused(database: Database, url: str, reason: str) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        made = await created(client)
        at_opening = await client.post("/webhook-endpoints", json={"url": url})
        at_change = await client.patch(f"/webhook-endpoints/{made['id']}", json={"url": url})

    for answer in (at_opening, at_change):
        assert refused(answer, 422, "url_refused")["reason"] == reason


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "https://hooks.example/" + "a" * 600},
        {"url": 7},
        {"url": URL, "facts": []},
        {"url": URL, "facts": ["x"] * 101},
        {"url": URL, "facts": "HoldPlaced"},
        {"url": URL, "facts": ["inventory.changed"]},
        {"url": URL, "secret": "whsec_mine"},
        {"url": URL, "state": "active"},
        {"url": URL, "description": "a\u0000b"},
        {"url": URL, "provider_id": "mine"},
    ],
)
async def test_what_does_not_fit_is_refused(database: Database, body: dict[str, Any]) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        answer = await client.post("/webhook-endpoints", json=body)
        listed = (await client.get("/webhook-endpoints")).json()["items"]

    assert answer.status_code == 422, answer.text
    assert listed == []


async def test_facts_that_there_are_not_are_named(database: Database) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        answer = await client.post("/webhook-endpoints", json={"url": URL, "facts": ["HoldPlaced", "Nonsense"]})

    assert refused(answer, 422, "unknown_fact")["names"] == ["Nonsense"]


async def test_there_is_a_limit_and_a_deleted_one_makes_room(database: Database) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        made = [await created(client) for _ in range(3)]
        refused(await client.post("/webhook-endpoints", json={"url": URL}), 409, "too_many_endpoints")
        gone = await client.delete(f"/webhook-endpoints/{made[0]['id']}")
        again = await client.get(f"/webhook-endpoints/{made[0]['id']}")
        await created(client)

    assert gone.status_code == 204
    refused(again, 404, "endpoint_not_found")


async def test_only_owners_and_managers_of_the_provider_and_admins_reach_it(database: Database) -> None:
    provider_id, owner = await manager(database, role="owner")
    _, rival = await manager(database)
    clerk = await sign_up(database, members={provider_id: "clerk"})
    admin, customer = await sign_up(database, roles=("admin",)), await sign_up(database)
    async with client_of(database, owner) as client:
        made = await created(client)
        await client.post(f"/webhook-endpoints/{made['id']}/test")
        delivery = (await client.get(f"/webhook-endpoints/{made['id']}/deliveries")).json()["items"][0]
    one, sent = f"/webhook-endpoints/{made['id']}", f"/webhook-deliveries/{delivery['id']}"
    calls: list[tuple[str, str, Any]] = [
        ("GET", one, None),
        ("PATCH", one, {"description": "x"}),
        ("DELETE", one, None),
        ("POST", f"{one}/rotate-secret", {}),
        ("POST", f"{one}/test", None),
        ("POST", f"{one}/resend-failed", {"since": "2027-01-01T00:00:00Z"}),
        ("GET", f"{one}/deliveries", None),
        ("GET", sent, None),
        ("POST", f"{sent}/resend", None),
    ]

    answers: dict[str, list[int]] = {}
    for name, person in {"nobody": None, "customer": customer, "clerk": clerk, "rival": rival}.items():
        async with client_of(database, person) as client:
            told = [await client.request(method, path, json=body) for method, path, body in calls]
        answers[name] = [answer.status_code for answer in told]
    async with client_of(database, rival) as client:
        not_listed = (await client.get("/webhook-endpoints")).json()["items"]
        not_theirs = await client.post("/webhook-endpoints", json={"url": URL, "provider_id": str(provider_id)})
    async with client_of(database, admin) as client:
        by_admin = await client.get(one)
        filtered = (await client.get("/webhook-endpoints", params={"provider_id": str(provider_id)})).json()["items"]

    assert answers == {"nobody": [401] * 9, "customer": [403] * 9, "clerk": [403] * 9, "rival": [404] * 9}
    assert not_listed == []
    refused(not_theirs, 404, "provider_not_found")
    assert by_admin.status_code == 200
    assert [endpoint["id"] for endpoint in filtered] == [made["id"]]


async def test_an_admins_own_endpoint_is_the_platforms_and_who_has_several_providers_names_one(
    database: Database,
) -> None:
    admin = await sign_up(database, roles=("admin",))
    one, two = await open_provider(database), await open_provider(database)
    both = await sign_up(database, members={one.id: "owner", two.id: "manager"})
    async with client_of(database, admin, replace(STRICT, endpoints_max=10_000)) as client:
        platform = await created(client)
        named = await created(client, provider_id=str(one.id))
    async with client_of(database, both) as client:
        ambiguous = await client.post("/webhook-endpoints", json={"url": URL})
        mine = await created(client, provider_id=str(two.id))
        listed = (await client.get("/webhook-endpoints")).json()["items"]

    assert (platform["provider_id"], named["provider_id"]) == (None, str(one.id))
    refused(ambiguous, 422, "endpoint_ambiguous")
    assert [endpoint["id"] for endpoint in listed] == [mine["id"], named["id"]]


async def test_two_who_edit_one_endpoint_do_not_lose_each_others_work(database: Database) -> None:
    _, person = await manager(database)
    async with client_of(database, person) as client:
        made = await created(client)
        path = f"/webhook-endpoints/{made['id']}"
        first = await client.patch(path, json={"facts": ["HoldPlaced"]}, headers={"If-Match": '"1"'})
        second = await client.patch(path, json={"facts": None}, headers={"If-Match": '"1"'})
        third = await client.patch(path, json={"facts": None}, headers={"If-Match": first.headers["etag"]})

    assert (first.status_code, first.json()["facts"]) == (200, ["HoldPlaced"])
    refused(second, 412, "version_stale")
    assert third.json()["facts"] is None


@pytest.mark.alone
async def test_deliveries_are_listed_by_state_page_by_page_and_sent_again(database: Database) -> None:
    provider_id, person = await manager(database)
    room = await builders.room(database, provider_id=provider_id)
    trying = WebhookSettings(secrets=(SECRET,), calls=Calls(are_private_allowed=True))
    async with receiving(500) as receiver, client_of(database, person, trying) as client:
        made = await created(client, url=receiver.url)
        for place in range(3):
            await builders.hold(database, room, [place])
        await _all(database)
        path = f"/webhook-endpoints/{made['id']}/deliveries"
        waiting = (await client.get(path, params={"state": "waiting"})).json()["items"]
        delivered = (await client.get(path, params={"state": "delivered"})).json()["items"]
        pages, cursor = [], None
        while True:
            page = (await client.get(path, params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
            pages.append([row["id"] for row in page["items"]])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        again = await client.post(f"/webhook-deliveries/{waiting[0]['id']}/resend")
        await _all(database)
        after = (await client.get(f"/webhook-deliveries/{waiting[0]['id']}")).json()
        bad_state = await client.get(path, params={"state": "lost"})

    assert (len(waiting), len(delivered)) == (1, 2)
    assert (waiting[0]["last_status"], waiting[0]["last_reason"], waiting[0]["attempts_max"]) == (500, "refused", 10)
    assert [len(page) for page in pages] == [2, 1]
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    assert (after["state"], after["resends"], after["payload"]["product"]) == ("delivered", 1, "toy")
    assert bad_state.status_code == 422


async def test_a_disabled_endpoint_says_why_gets_nothing_and_can_be_enabled(database: Database) -> None:
    provider_id, person = await manager(database)
    room = await builders.room(database, provider_id=provider_id)
    async with client_of(database, person) as client:
        made = await created(client)
        path = f"/webhook-endpoints/{made['id']}"
        off = (await client.patch(path, json={"state": "disabled"})).json()
        refused(await client.post(f"{path}/test"), 409, "endpoint_disabled")
        await builders.hold(database, room)
        await relay(database)
        nothing = (await client.get(f"{path}/deliveries")).json()["items"]
        on = (await client.patch(path, json={"state": "active"})).json()
        tested = await client.post(f"{path}/test")
        twice = await client.post(f"{path}/test")

    assert (off["state"], off["disabled_because"]) == ("disabled", "owner")
    assert nothing == []
    assert (on["state"], on["disabled_because"], on["disabled_at"]) == ("active", None, None)
    assert (tested.status_code, tested.json()["fact"]) == (202, "webhook.test")
    refused(twice, 409, "webhook_test_waiting")


async def _all(database: Database) -> None:
    while await relay(database):
        pass
    await deliver(database)
