"""No secret reaches a log: each is made to be recognized, goes through every flow at DEBUG; all output is searched."""

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest
import sqlalchemy as sa

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kit import clock, migrate
from holdfast.kit.db import Database, Transaction
from tests import builders_identity
from tests.builders_identity import SECRET as PLATFORM_SECRET
from tests.builders_identity import new_email, new_phone
from tests.conftest import cloned_database
from tests.gateways.sandbox.serving import API_KEY as SANDBOX_KEY
from tests.gateways.sandbox.serving import SECRET as WEBHOOK_SECRET
from tests.journeys.calls import Json, eventually, token_in, told
from tests.journeys.sites import Process, Site, open_site
from tests.journeys.world import World, open_world

DATABASE_PASSWORD = "canary-of-the-database-7c1e55"
FIRST_PASSWORD, SECOND_PASSWORD = "Canary-Password-1-b81f", "Canary-Password-2-0c4d"
METRICS_TOKEN = "canary-of-the-metrics-59b2d0"
LOUD: Any = {"log_level": "DEBUG", "metrics_token": METRICS_TOKEN}
WRONG_PASSWORD = "Canary-Wrong-Password-3-77aa"


@pytest.fixture(params=["sqlite", "postgresql"])
def chatty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site of its own that logs all it can."""
    if request.param == "sqlite":
        template = request.getfixturevalue("_sqlite_template")
        url = f"sqlite:///{shutil.copy(template, tmp_path / 'holdfast.sqlite3')}"
        with open_site("sqlite", url, tmp_path, servers=1, **LOUD) as site:
            yield site
        return
    with cloned_database(request.getfixturevalue("postgres_url")) as url:
        address = url
        if not os.environ.get("HOLDFAST_TEST_DATABASE_URL"):  # ours lets in whoever comes, with any password
            address = sa.make_url(url).set(password=DATABASE_PASSWORD).render_as_string(hide_password=False)
        with open_site(
            "postgresql", address, tmp_path, servers=1, log_level="DEBUG", metrics_token=METRICS_TOKEN
        ) as site:
            yield site


@pytest.mark.timeout(180)
async def test_no_secret_of_any_flow_reaches_a_log_or_a_row(chatty: Site) -> None:
    async with open_world(chatty) as world:
        with world.working():
            secrets = await every_flow(world)
        stored = await everything_stored(world.database)
    for server in chatty.servers:
        server.stop()
    logs = "\n".join(path.read_text() for path in chatty.folder.glob("*.log"))

    assert logs.count('"event": "request"') >= 25
    assert '"level": "debug"' in logs, "nothing was logged at DEBUG: this shows nothing"
    assert [name for name, secret in secrets.items() if is_in(secret, logs)] == []
    kept_sealed = [name for name in secrets if "code" not in name]
    assert [name for name in kept_sealed if is_in(secrets[name], stored)] == []


async def test_who_logs_everything_would_be_found_out() -> None:
    """The search itself: a secret in a line is seen, six digits of a moment are no code."""
    assert is_in(FIRST_PASSWORD, f'{{"body": "{FIRST_PASSWORD}"}}')
    assert is_in("701925", '{"code": "701925"}')
    assert not is_in("701925", '"timestamp": "2026-11-21T06:07:24.701925Z"')


def test_a_database_out_of_reach_is_told_without_its_password(tmp_path: Path) -> None:
    settings = {
        "HOLDFAST_ENVIRONMENT": "test",
        "HOLDFAST_SECRET": PLATFORM_SECRET,
        "HOLDFAST_DATABASE_URL": f"postgresql://somebody:{DATABASE_PASSWORD}@127.0.0.1:1/none",
        "HOLDFAST_DATA_FOLDER": str(tmp_path),
        "HOLDFAST_LOG_LEVEL": "DEBUG",
        "HOLDFAST_PORT": "0",
    }
    process = Process(("doctor",), settings, tmp_path / "doctor.log")

    process.begin()
    said, code = process.ended()

    told_all = said + (tmp_path / "doctor.log").read_text()
    assert code != 0
    assert "database" in told_all
    assert DATABASE_PASSWORD not in told_all
    assert PLATFORM_SECRET not in told_all


async def every_flow(world: World) -> dict[str, str]:
    """Go through all that handles a secret, well and badly; the secrets, by what they are."""
    secrets = {
        "platform's secret": PLATFORM_SECRET,
        "sandbox's key": SANDBOX_KEY,
        "webhooks' secret": WEBHOOK_SECRET,
        "database's password": DATABASE_PASSWORD,
        "metrics' token": METRICS_TOKEN,
        "first password": FIRST_PASSWORD,
        "second password": SECOND_PASSWORD,
        "wrong password": WRONG_PASSWORD,
    }
    client, email = world.servers[0], new_email()
    await _accounts(world, client, email, secrets)
    await _sessions(client, email, secrets)
    await _pages(client, email, secrets)
    await _contacts(world, client, email, secrets)
    await _programs(world, client, secrets)
    await _payments(world, client, secrets)
    return secrets


async def _accounts(world: World, client: httpx2.AsyncClient, email: str, secrets: dict[str, str]) -> None:
    profile = {"email": email, "first_name": "Amal", "last_name": "Hassan", "phone_number": new_phone()}
    told(await _post(client, "/users/register", {**profile, "password": FIRST_PASSWORD}), 201)
    for bad in (
        {**profile, "password": FIRST_PASSWORD, "passwrod": SECOND_PASSWORD},
        {**profile, "password": {"text": FIRST_PASSWORD}},
        {**profile, "password": FIRST_PASSWORD * 20},
        {**profile, "email": FIRST_PASSWORD, "password": FIRST_PASSWORD},
    ):
        assert FIRST_PASSWORD not in told(await _post(client, "/users/register", bad), 422)["detail"]
    broken = f'{{"email": "{email}", "password": "{FIRST_PASSWORD}"'.encode()
    answer = await client.post("/api/v1/users/login", content=broken, headers={"Content-Type": "application/json"})
    assert (answer.status_code, FIRST_PASSWORD in answer.text) == (400, False)
    secrets["link to verify"] = token_in(await world.letter_to(email, "verify_email"))
    told(await _post(client, "/auth/verify-email", {"token": secrets["link to verify"], "password": FIRST_PASSWORD}))


async def _sessions(client: httpx2.AsyncClient, email: str, secrets: dict[str, str]) -> None:
    sign_in = {"email": email, "token_delivery": "body"}
    told(await _post(client, "/users/login", {**sign_in, "password": WRONG_PASSWORD}), 401)
    first = told(await _post(client, "/users/login", {**sign_in, "password": FIRST_PASSWORD}))
    secrets |= {"access token": first["access_token"], "refresh token": first["refresh_token"]}
    second = told(await _post(client, "/auth/refresh-token", {"refresh_token": first["refresh_token"]}))
    secrets |= {"second access token": second["access_token"], "second refresh token": second["refresh_token"]}
    with_cookie = await _post(client, "/users/login", {"email": email, "password": FIRST_PASSWORD})
    secrets["cookie"] = with_cookie.cookies["holdfast_refresh"]
    await _post(client, "/auth/refresh-token", None, Cookie=f"holdfast_refresh={secrets['cookie']}")
    for token in (first["access_token"] + "x", first["refresh_token"], "garbage"):
        assert (await client.get("/api/v1/users/me", headers=_bearer(token))).status_code == 401
    query = f"token={first['access_token']}&password={FIRST_PASSWORD}&code=123456"
    await client.get(f"/api/v1/users/me?{query}", headers=_bearer(first["access_token"]))
    await client.get(f"/api/v1/no-such-page/{first['refresh_token']}?{query}")
    told(await client.get("/api/v1/users/me/export", headers=_bearer(second["access_token"])))


async def _pages(client: httpx2.AsyncClient, email: str, secrets: dict[str, str]) -> None:
    own = {"Sec-Fetch-Site": "same-origin"}
    wrong = {"email": email, "password": WRONG_PASSWORD}
    assert (await client.post("/sign-in", data=wrong, headers=own)).status_code in {401, 422}
    right = {"email": email, "password": FIRST_PASSWORD, "next": f"/account?token={secrets['access token']}"}
    answer = await client.post("/sign-in", data=right, headers=own)
    assert answer.status_code == 303
    secrets |= {f"page's cookie {name}": value for name, value in answer.cookies.items() if len(value) > 20}
    assert any(name.startswith("page's cookie") for name in secrets)
    assert (await client.get("/account")).status_code == 200
    client.cookies.clear()
    await client.get(f"/reset-password?token={secrets['refresh token']}")
    assert (await client.get("/metrics", headers=_bearer(METRICS_TOKEN))).status_code == 200
    assert (await client.get("/metrics", headers=_bearer(METRICS_TOKEN[:-1]))).status_code == 401


async def _contacts(world: World, client: httpx2.AsyncClient, email: str, secrets: dict[str, str]) -> None:
    told(await _post(client, "/auth/forgot-password", {"email": email}), 202)
    secrets["link to reset"] = reset = token_in(await world.letter_to(email, "reset_password"))
    told(await _post(client, "/auth/reset-password", {"token": reset, "password": "weak"}), 422)
    told(await _post(client, "/auth/reset-password", {"token": reset + "x", "password": SECOND_PASSWORD}), 400)
    told(await _post(client, "/auth/reset-password", {"token": reset, "password": SECOND_PASSWORD}), 204)
    sign_in = {"email": email, "password": SECOND_PASSWORD, "token_delivery": "body"}
    signed_in = told(await _post(client, "/users/login", sign_in))
    token, phone = signed_in["access_token"], new_phone()
    secrets["third access token"] = token
    asked = {"phone_number": phone, "password": SECOND_PASSWORD}
    sent = told(await _post(client, "/users/me/phone", asked, **_bearer(token)), 202)
    secrets["code by phone"] = code = str(re.search(r"\b\d{6}\b", await world.letter_to(phone, "verify_phone"))[0])  # type: ignore[index]
    proof = {"verification_id": sent["verification_id"]}
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert (await _post(client, "/auth/verify-phone", {**proof, "code": wrong}, **_bearer(token))).status_code == 400
    told(await _post(client, "/auth/verify-phone", {**proof, "code": code}, **_bearer(token)))
    signed_in = told(await _post(client, "/users/login", sign_in))
    token = secrets["fourth access token"] = signed_in["access_token"]
    begun = told(await _post(client, "/users/me/totp", {"password": SECOND_PASSWORD}, **_bearer(token)), 201)
    secrets["app's secret"] = begun["secret"]
    now = pyotp.TOTP(begun["secret"]).at(int((await world.now()).timestamp()))
    secrets["app's code"] = now
    told(await _post(client, "/users/me/totp/confirm", {"code": now}, **_bearer(token)), 204)
    told(await _post(client, "/users/login", {**sign_in, "totp_code": "000000"}), 401)


async def _programs(world: World, client: httpx2.AsyncClient, secrets: dict[str, str]) -> None:
    provider = await builders_identity.open_provider(world.database)

    async def make(db: Transaction) -> str:
        _, key = await identity.create_api_key(
            db,
            provider_id=provider.id,
            name="canary",
            scope="manager",
            actor=Actor.system(),
            now=await clock.moment(db),
        )
        return key

    secrets["API key"] = key = await world.database.run(make)
    told(await client.get("/api/v1/buses", headers=_bearer(key)))
    assert (await client.get("/api/v1/buses", headers=_bearer(key + "x"))).status_code == 401
    hook = {"url": "https://hooks.example.org/holdfast"}
    made = told(await _post(client, "/webhook-endpoints", hook, **_bearer(key)), 201)
    secrets["secret of a webhook"] = made["secret"]
    turned = told(await _post(client, f"/webhook-endpoints/{made['id']}/rotate-secret", {}, **_bearer(key)))
    secrets["next secret of a webhook"] = turned["secret"]
    assert (await client.get("/api/v1/buses", headers={"Authorization": f"Basic {key}"})).status_code == 401


async def _payments(world: World, client: httpx2.AsyncClient, secrets: dict[str, str]) -> None:
    line, person = await world.line(), await world.customer()
    assert person.token is not None
    secrets["token of a customer"] = person.token
    booking = await world.book(person, line, "1A")
    shown = await person.get(f"/tickets/{booking['tickets'][0]['id']}")
    secrets["ticket"] = shown["qr_code"]
    forged = {"X-Holdfast-Signature": f"t={int(time.time())},v1={WEBHOOK_SECRET}"}
    event = json.dumps({"id": "evt", "card": "4242424242424242", "secret": WEBHOOK_SECRET})
    secrets["card"] = "4242424242424242"
    answer = await client.post("/api/v1/payments/webhook", content=event.encode(), headers=forged)
    assert answer.status_code == 401

    async def settled() -> bool:
        return bool((await person.get(f"/bookings/{booking['id']}"))["status"] == "confirmed")

    await eventually(settled, "the booking is confirmed")


async def everything_stored(database: Database) -> str:
    async with database.reader() as db:
        return "\n".join(
            [repr(tuple(row)) for table in migrate.declared().sorted_tables for row in await db.all(sa.select(table))]
        )


def is_in(secret: str, text: str) -> bool:
    """Digits that stand in a moment or a longer number are not the code."""
    if secret.isdigit():
        return re.search(rf"(?<![\d.]){secret}(?!\d)", text) is not None
    return secret in text


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def _post(client: httpx2.AsyncClient, path: str, body: Json | None, **headers: str) -> httpx2.Response:
    sent: Any = {} if body is None else {"json": body}
    return await client.post(f"/api/v1{path}", headers=headers, **sent)
