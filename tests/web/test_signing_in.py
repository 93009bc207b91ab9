"""How a person signs in on a page, and how the pages know them afterwards."""

from dataclasses import replace
from datetime import UTC, datetime

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.responses import Response

from holdfast.kernel import identity
from holdfast.kernel.identity import Tokens
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.builders_identity import PASSWORD, SETTINGS, sign_up


async def signed_in(browser: httpx2.AsyncClient, database: Database) -> str:
    email = (await sign_up(database)).email
    answer = await browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303
    return email


async def test_who_signs_in_is_known_by_a_cookie_that_no_script_reads(
    browser: httpx2.AsyncClient, database: Database
) -> None:
    email = (await sign_up(database)).email

    answer = await browser.post("/sign-in", data={"email": email, "password": PASSWORD, "next": "/account"})
    account = await browser.get("/account")

    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == "/account"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert account.status_code == 200
    assert email in account.text


def test_over_https_the_cookie_is_bound_to_this_host() -> None:
    tokens = Tokens("access", 1, "refresh", datetime.now(UTC), "hfp_x", datetime.now(UTC))
    response = Response()

    identity.put_page_login(response, replace(SETTINGS, are_cookies_secure=True), tokens)

    assert response.headers["set-cookie"].startswith("__Host-holdfast_login=hfp_x")
    assert "Secure" in response.headers["set-cookie"]


async def test_the_cookie_is_kept_only_as_a_hash(browser: httpx2.AsyncClient, database: Database) -> None:
    await signed_in(browser, database)

    token = browser.cookies["holdfast_login"]
    async with database.reader() as db:
        hashes = await db.all(sa.text("SELECT page_token_hash FROM logins WHERE page_token_hash IS NOT NULL"))

    assert token not in {row[0] for row in hashes}


async def test_the_api_does_not_know_the_cookie(browser: httpx2.AsyncClient, database: Database) -> None:
    await signed_in(browser, database)

    by_cookie = await browser.get("/api/v1/users/me")
    as_bearer = await browser.get(
        "/api/v1/users/me", headers={"Authorization": f"Bearer {browser.cookies['holdfast_login']}"}
    )

    assert by_cookie.status_code == 401
    assert as_bearer.json()["code"] == "invalid_token"


async def test_who_signs_out_is_known_no_more_even_with_a_kept_cookie(
    browser: httpx2.AsyncClient, database: Database
) -> None:
    await signed_in(browser, database)
    kept = browser.cookies["holdfast_login"]

    await browser.post("/sign-out")
    browser.cookies.set("holdfast_login", kept)
    answer = await browser.get("/account")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=/account"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_what_another_site_sends_is_refused(
    app: FastAPI, browser: httpx2.AsyncClient, database: Database, headers: dict[str, str]
) -> None:
    await signed_in(browser, database)
    del browser.headers["Sec-Fetch-Site"]

    answer = await browser.post("/sign-out", headers=headers)
    account = await browser.get("/account")

    assert answer.status_code == 403
    assert account.status_code == 200


async def test_a_browser_that_says_only_the_origin_is_believed(browser: httpx2.AsyncClient, database: Database) -> None:
    await signed_in(browser, database)
    del browser.headers["Sec-Fetch-Site"]

    answer = await browser.post("/sign-out", headers={"Origin": "http://test"})

    assert answer.status_code == 303


@pytest.mark.parametrize(
    "next_path", ["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "x"]
)
async def test_nobody_is_sent_to_another_site_after_signing_in(
    browser: httpx2.AsyncClient, database: Database, next_path: str
) -> None:
    email = (await sign_up(database)).email

    answer = await browser.post("/sign-in", data={"email": email, "password": PASSWORD, "next": next_path})

    assert answer.headers["location"] == "/"


async def test_a_wrong_password_is_told_in_words_and_keeps_what_was_typed(
    browser: httpx2.AsyncClient, database: Database
) -> None:
    email = (await sign_up(database)).email

    answer = await browser.post("/sign-in", data={"email": email, "password": "Wrong-pass-1"})

    assert answer.status_code == 401
    assert "don&#39;t belong together" in answer.text
    assert f'value="{email}"' in answer.text
    assert "Wrong-pass-1" not in answer.text


async def test_who_opens_an_account_is_signed_in_to_it(browser: httpx2.AsyncClient) -> None:
    email = f"{new_id()}@example.org"

    answer = await browser.post(
        "/register",
        data={
            "first_name": "Amal",
            "last_name": "Hassan",
            "email": email,
            "phone_number": "01001234567",
            "password": PASSWORD,
        },
    )
    account = await browser.get("/account")

    assert answer.status_code == 303
    assert email in account.text


async def test_an_empty_field_is_named_where_it_stands(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post(
        "/register", data={"first_name": "Amal", "last_name": " ", "email": f"{new_id()}@example.org"}
    )

    assert answer.status_code == 422
    assert 'id="last_name-error">Please fill this in.' in answer.text
    assert 'id="first_name-error"' not in answer.text


async def test_a_changed_password_ends_every_login(browser: httpx2.AsyncClient, database: Database) -> None:
    await signed_in(browser, database)
    kept = browser.cookies["holdfast_login"]

    answer = await browser.post("/account/password", data={"old_password": PASSWORD, "new_password": "Another-1-word"})
    browser.cookies.set("holdfast_login", kept)

    assert answer.headers["location"] == "/sign-in"
    assert (await browser.get("/account")).status_code == 303


async def test_a_profile_that_somebody_else_changed_meanwhile_is_not_overwritten(
    browser: httpx2.AsyncClient, database: Database
) -> None:
    await signed_in(browser, database)
    edit = {"first_name": "Mona", "last_name": "Hassan", "locale": "ar", "version": "1"}

    first = await browser.post("/account/profile", data=edit)
    second = await browser.post("/account/profile", data={**edit, "first_name": "Other"})
    account = await browser.get("/account")

    assert first.status_code == 303
    assert second.status_code == 412
    assert 'value="Mona"' in account.text
    assert 'lang="ar" dir="rtl"' in account.text
