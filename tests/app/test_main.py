"""The platform put together: its routes, its health, and what each setting opens."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

import holdfast
from holdfast.app import health, house, worker
from holdfast.app.main import create_app
from holdfast.app.settings import Settings, UnfitForProductionError
from holdfast.kernel import retention
from holdfast.kernel.holds import HoldPlaced
from holdfast.kit import clock, http, outbox
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders_identity import SECRET, sign_up

ID = "0b4e7f3c-0000-7000-8000-000000000000"


def settings(folder: Path, **changes: Any) -> Settings:
    known = {"environment": "test", "data_folder": folder, "bcrypt_cost": 4}
    return Settings(_env_file=None, **{**known, **changes})


@asynccontextmanager
async def calling(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.fixture(params=[None, "bus"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> FastAPI:
    """With no product at the root, and with one."""
    return create_app(settings(tmp_path, root_product=request.param))


def routes(app: FastAPI) -> list[tuple[str, str]]:
    return [
        (method, str(context.path))
        for context in iter_route_contexts(app.routes)
        if context.endpoint is not None
        for method in sorted(context.methods or ())
    ]


# Routes


def test_every_route_declares_who_may_call_it(app: FastAPI) -> None:
    declared = http.routes_with_policies(app)

    assert len(declared) > 50
    assert {path for _, path, policy in declared if policy == "public" and "/admin/" in path} == set()


def test_no_route_stands_in_the_light_of_another(app: FastAPI) -> None:
    known = routes(app)

    hidden = [
        (method, path, before)
        for number, (method, path) in enumerate(known)
        for other, before in known[:number]
        if other == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", before), re.sub(r"{\w+}", ID, path))
    ]

    assert hidden == []


def test_a_product_stands_under_its_name_and_at_the_root_where_it_is_so_set(tmp_path: Path) -> None:
    plain = {path for _, path in routes(create_app(settings(tmp_path)))}
    rooted = {path for _, path in routes(create_app(settings(tmp_path, root_product="bus")))}

    assert "/api/v1/bus/schedules/search" in plain & rooted
    assert "/api/v1/schedules/search" in rooted - plain


def test_a_root_that_is_no_product_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there are: bus"):
        create_app(settings(tmp_path, root_product="trains"))


def test_the_description_is_the_same_with_a_root_and_without(tmp_path: Path) -> None:
    plain, rooted = create_app(settings(tmp_path)), create_app(settings(tmp_path, root_product="bus"))

    assert plain.openapi() == rooted.openapi()
    assert plain.openapi()["info"]["version"] == holdfast.__version__
    assert plain.openapi()["info"]["license"]["identifier"] == "MIT"
    assert "servers" not in plain.openapi()


# The sandbox


async def test_without_a_sandbox_nothing_can_be_simulated(tmp_path: Path, database: Database) -> None:
    with_it = create_app(settings(tmp_path), database=database)
    without = create_app(settings(tmp_path), database=database, gateways={})

    assert ("POST", "/api/v1/payments/simulate/{session_id}") in routes(with_it)
    assert ("POST", "/api/v1/payments/simulate/{session_id}") not in routes(without)
    assert without.state.sandbox_inside is None


def test_production_does_not_start_with_the_sandbox(tmp_path: Path) -> None:
    with pytest.raises(UnfitForProductionError, match="sandbox"):
        create_app(settings(tmp_path, environment="production"))


async def test_the_sandbox_stands_inside_where_no_other_is_named(tmp_path: Path, database: Database) -> None:
    app = create_app(settings(tmp_path), database=database)

    async with app.router.lifespan_context(app), calling(app) as client:
        inside = await client.get("/sandbox/checkout/none", headers={"Accept-Language": "en"})

    assert inside.status_code == 404
    assert inside.headers["content-type"].startswith("text/html")


async def test_a_sandbox_of_its_own_leaves_none_inside(tmp_path: Path, database: Database) -> None:
    app = create_app(settings(tmp_path, sandbox_url="http://127.0.0.1:9"), database=database)

    async with calling(app) as client:
        assert (await client.get("/sandbox/checkout/none")).json()["code"] == "not_found"


# Health


@pytest.mark.alone
async def test_a_process_that_answers_is_alive_and_ready(tmp_path: Path, database: Database) -> None:
    await worker.beat(database, new_id())

    async with calling(create_app(settings(tmp_path), database=database)) as client:
        alive = await client.get("/api/v1/health")
        ready = await client.get("/api/v1/health/ready")

    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "database": database.dialect,
        "migrations": "in order",
        "cache": "none",
        "worker": "beating",
        "relay": "in time",
    }


@pytest.mark.alone
async def test_without_a_worker_or_a_relay_it_goes_on_but_says_so(tmp_path: Path, database: Database) -> None:
    app = create_app(settings(tmp_path), database=database)

    async with calling(app) as client:
        without_a_worker = await client.get("/api/v1/health/ready")
        await worker.beat(database, new_id())
        async with database.transaction() as db:
            long_ago = await clock.moment(db) - 2 * health.RELAY_LATE
            await outbox.publish(db, HoldPlaced(new_id(), new_id(), "toy", None), now=long_ago)
        without_a_relay = await client.get("/api/v1/health/ready")

    assert without_a_worker.status_code == without_a_relay.status_code == 200
    assert without_a_worker.json()["status"] == without_a_relay.json()["status"] == "degraded"
    assert without_a_worker.json()["worker"] == "silent"
    assert (without_a_relay.json()["worker"], without_a_relay.json()["relay"]) == ("beating", "late")


async def test_a_database_without_its_migrations_is_not_ready(tmp_path: Path) -> None:
    app = create_app(settings(tmp_path))
    async with app.router.lifespan_context(app), calling(app) as client:
        alive = await client.get("/api/v1/health")
        ready = await client.get("/api/v1/health/ready")

    assert alive.status_code == 200
    assert (ready.status_code, ready.json()["code"]) == (503, "not_migrated")
    assert ready.headers["retry-after"] == "2"


@pytest.mark.alone
async def test_a_database_of_another_version_is_not_ready(tmp_path: Path, database: Database) -> None:
    async with database.transaction() as db:
        await db.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    async with calling(create_app(settings(tmp_path), database=database)) as client:
        answer = await client.get("/api/v1/health/ready")

    assert (answer.status_code, answer.json()["present"]) == (503, "0000")


# What is wired


async def test_pages_of_others_call_only_where_they_are_listed(tmp_path: Path, database: Database) -> None:
    preflight = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}

    async with calling(create_app(settings(tmp_path), database=database)) as client:
        closed = await client.options("/api/v1/health", headers=preflight)
    listed = settings(tmp_path, cors_origins="https://shop.example")
    async with calling(create_app(listed, database=database)) as client:
        opened = await client.options("/api/v1/health", headers=preflight)
        stranger = await client.options("/api/v1/health", headers={**preflight, "Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in closed.headers
    assert opened.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-credentials" not in opened.headers
    assert "access-control-allow-origin" not in stranger.headers


async def test_the_address_behind_a_trusted_proxy_counts(tmp_path: Path, database: Database) -> None:
    app = create_app(settings(tmp_path, trusted_proxies="203.0.113.0/24"), database=database)
    body = {
        "email": "proxied@example.org",
        "password": "Correct-Horse-7",
        "first_name": "Amal",
        "last_name": "Hassan",
        "phone_number": "+201001112223",
    }

    async with calling(app) as client:
        sent = await client.post("/api/v1/users", json=body, headers={"X-Forwarded-For": "198.51.100.7"})

    assert sent.status_code == 201
    async with database.reader() as db:
        origin = await db.scalar(
            sa.text(
                "SELECT o.address FROM activity_origins o JOIN activity_logs l ON l.id = o.log_id"
                " WHERE l.entity_type = 'user' ORDER BY l.timestamp DESC LIMIT 1"
            )
        )
    assert str(origin) == "198.51.100.7"


async def test_an_account_with_a_hold_or_a_booking_cannot_be_erased(tmp_path: Path, database: Database) -> None:
    person = await sign_up(database)
    room = await builders.room(database)
    app = create_app(settings(tmp_path, secret=SECRET), database=database)

    async with calling(app) as client:
        held = await builders.hold(database, room, owner=person.actor)
        refused = await client.delete(f"/api/v1/users/{person.id}", headers=person.headers)

    assert (refused.status_code, refused.json()["code"]) == (409, "unfinished")
    assert refused.json()["reasons"] == ["holds"]
    assert held.owner_id == person.id


async def test_a_server_may_do_the_jobs_itself(tmp_path: Path, database: Database) -> None:
    app = create_app(settings(tmp_path, with_worker=True), database=database)
    person = await sign_up(database, is_verified=False, settings=app.state.house.identity)

    async with app.router.lifespan_context(app):
        for _ in range(500):
            letters = [path.read_text() for path in (tmp_path / "letters").glob("*.json")]
            if any(person.email in letter for letter in letters):
                break
            await asyncio.sleep(0.02)

    assert any(person.email in letter for letter in letters)


async def test_the_clocks_of_the_house_are_those_of_the_settings(tmp_path: Path, database: Database) -> None:
    quick = house.build(settings(tmp_path, demo_fast=True), database=database)
    usual = house.build(settings(tmp_path), database=database)
    await asyncio.gather(quick.close(), usual.close())

    assert quick.till.clocks.too_late_to_pay.total_seconds() == 12
    assert quick.till.clocks.sweep_every.total_seconds() == 3
    assert usual.till.clocks.cap.total_seconds() == 1_800


async def test_a_former_secret_still_reads_tickets(tmp_path: Path, database: Database) -> None:
    old, new = "a secret of last year that was good then", "a secret of this year that is much better"
    before = house.build(settings(tmp_path, secret=old), database=database)
    after = house.build(settings(tmp_path, secret=new, former_secrets=old), database=database)
    await asyncio.gather(before.close(), after.close())

    assert before.ticket_keys[0] in after.ticket_keys[1:]
    assert before.ticket_keys[0] != after.ticket_keys[0]


async def test_nobody_is_unfinished_who_has_nothing(database: Database) -> None:
    person = await sign_up(database)

    async with database.reader() as db:
        assert await retention.unfinished_business(db, person.id) == []
