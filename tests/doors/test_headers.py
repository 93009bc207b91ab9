"""What every answer wears, what cookies are made of, and who else's pages may call."""

import http.cookies
import re
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.kit.db import Database
from holdfast.kit.http import _routes
from tests import builders_identity
from tests.builders_identity import PASSWORD
from tests.doors.conftest import application
from tests.doors.population import populate
from tests.doors.rows import digests
from tests.doors.test_matrix import API, declared, pages_of, urls_of
from tests.doors.test_unreadable import _as, _let_in

OWN = "https://shop.example"


@pytest.mark.alone
async def test_every_answer_protects_itself(database: Database, app: FastAPI, client: httpx2.AsyncClient) -> None:
    population = await populate(app)
    wrong, asked = [], 0

    for method, path, policy in declared(app):
        if method != "GET" or not path.startswith(API):
            continue
        route = f"{method} {path}"
        there, absent = urls_of(route, path, population)
        for url, headers in ((there, _as(_let_in(route, policy), population)), (absent, {}), (there + "%00", {})):
            answer = await client.get(url, headers=headers)
            asked += 1
            wrong += [
                f"{route} {answer.status_code}: {what}" for what in _lacks(answer, is_anybodys=policy == "public")
            ]

    assert wrong == []
    assert asked >= 100


@pytest.mark.alone
async def test_no_page_writes_what_another_site_sends(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population, pages = await populate(app), pages_of(app)
    before = await digests(database)
    wrong, asked = [], 0

    for method, path, _ in declared(app):
        if method == "GET" or path not in pages:
            continue
        url, _absent = urls_of(f"{method} {path}", path, population)
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "http://test"},
            {},
        ):
            answer = await client.request(method, url, data={"key": "x"}, headers=headers | _as("owner", population))
            asked += 1
            wrong += [] if answer.status_code == 403 else [f"{method} {path} {headers}: {answer.status_code}"]

    assert wrong == []
    assert asked >= 60
    assert await digests(database) == before


@pytest.mark.alone
async def test_pages_run_nothing_but_files_of_their_own(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population, pages = await populate(app), pages_of(app)
    seen = 0

    for method, path, _ in declared(app):
        if method != "GET" or path not in pages:
            continue
        url, _absent = urls_of(f"{method} {path}", path, population)
        answer = await client.get(url, headers=_as("owner", population))
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        seen += 1
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        assert "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert answer.headers["cache-control"] in {"no-store", "no-cache"}, path
        inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|\sstyle=|javascript:", answer.text)
        assert [each for each in inline if "application/json" not in each] == [], path

    assert seen >= 10


async def test_only_what_is_everybodys_may_be_kept_by_others(app: FastAPI) -> None:
    kept = [
        declared.policy.name
        for _, _, declared in _routes(app)
        if declared is not None and declared.cache is not None and declared.policy is not None
    ]

    assert len(kept) >= 3
    assert set(kept) == {"public"}


async def test_over_https_browsers_are_told_to_stay_there(
    client: httpx2.AsyncClient, database: Database, tmp_path: Path
) -> None:
    app = application(database, tmp_path, public_url="https://tickets.example")
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://tickets.example") as secure:
        for path in ("/api/v1/health", "/api/v1/users/me", "/nowhere"):
            assert (await secure.get(path)).headers["strict-transport-security"].startswith("max-age=31536000")
            assert "strict-transport-security" not in (await client.get(path)).headers


async def test_the_cookie_of_a_login_is_for_this_host_over_https_and_no_script(
    database: Database, tmp_path: Path
) -> None:
    app = application(database, tmp_path, public_url="https://tickets.example")
    person = await builders_identity.sign_up(database, settings=app.state.house.identity)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="https://tickets.example") as client:
        answer = await client.post("/api/v1/users/login", json={"email": person.email, "password": PASSWORD})
        refreshed = await client.post("/api/v1/auth/refresh-token")
        out = await client.post("/api/v1/auth/logout")

    assert "refresh_token" not in {name for name, value in answer.json().items() if value}
    for each in (answer, refreshed):
        name, cookie = _cookie(each)
        assert name.startswith("__Host-")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert (cookie["samesite"].lower(), cookie["path"], cookie["domain"]) == ("strict", "/", "")
    assert _cookie(out)[1]["max-age"] == "0"


@pytest.mark.parametrize("origin", [OWN, "https://evil.example", "null", "https://shop.example.evil.example"])
async def test_pages_of_others_read_nothing_where_none_are_listed(client: httpx2.AsyncClient, origin: str) -> None:
    preflight = {"Origin": origin, "Access-Control-Request-Method": "POST"}

    answers = [
        await client.options("/api/v1/users/login", headers=preflight),
        await client.get("/api/v1/health", headers={"Origin": origin}),
        await client.get("/api/v1/users/me", headers={"Origin": origin}),
    ]

    assert [name for answer in answers for name in answer.headers if name.startswith("access-control-")] == []


async def test_listed_pages_read_without_cookies_and_no_others_do(database: Database, tmp_path: Path) -> None:
    transport = httpx2.ASGITransport(app=application(database, tmp_path, cors_origins=OWN))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        listed = await client.get("/api/v1/health", headers={"Origin": OWN})
        refused = await client.get("/api/v1/nowhere", headers={"Origin": OWN})
        for other in ("https://evil.example", "null", f"{OWN}.evil.example", OWN.replace("https", "http")):
            preflight = {"Origin": other, "Access-Control-Request-Method": "POST"}
            for answer in (
                await client.options("/api/v1/users/login", headers=preflight),
                await client.get("/api/v1/health", headers={"Origin": other}),
            ):
                assert "access-control-allow-origin" not in answer.headers

    for answer in (listed, refused):
        assert answer.headers["access-control-allow-origin"] == OWN
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]


async def test_nothing_is_uploaded_anywhere_yet(app: FastAPI) -> None:
    """The day something is: by magic bytes, re-encoded, with limits, and this test becomes one of those."""
    takes_files = [
        f"{method} {path}"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    ]

    assert takes_files == []


def _lacks(answer: httpx2.Response, *, is_anybodys: bool) -> list[str]:
    headers = answer.headers
    wanted = {
        "nosniff": headers.get("x-content-type-options") == "nosniff",
        "referrer": headers.get("referrer-policy") in {"no-referrer", "same-origin", "strict-origin-when-cross-origin"},
        "frames": headers.get("x-frame-options") == "DENY",
        "CSP": "default-src 'none'" in headers.get("content-security-policy", ""),
        "CSP frames": "frame-ancestors 'none'" in headers.get("content-security-policy", ""),
        "cache": is_anybodys or headers.get("cache-control") == "no-store",
        "request id": bool(headers.get("x-request-id")),
        "no server": "server" not in headers and "x-powered-by" not in headers,
        "failures are not kept": answer.is_success or headers.get("cache-control") == "no-store",
    }
    return [name for name, is_so in wanted.items() if not is_so]


def _cookie(answer: httpx2.Response) -> tuple[str, http.cookies.Morsel[str]]:
    jar = http.cookies.SimpleCookie(answer.headers["set-cookie"])
    return next(iter(jar.items()))
