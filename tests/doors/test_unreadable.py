"""Whatever is sent to whichever route: a named refusal, the same everywhere and on both databases, and no row changed.

Generated from the routes; each is asked by somebody it lets in, so that it is the body or the address that is refused.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.doors import expected
from tests.doors.population import Population, populate
from tests.doors.rows import digests
from tests.doors.test_matrix import API, declared, urls_of

JSON = "application/json"
TWO_MEGABYTES = b'{"a": "' + b"x" * 2_000_000 + b'"}'


@dataclass(frozen=True, slots=True)
class Body:
    name: str
    content: bytes
    status: int
    #: None where a body without fields and one with them are refused by two names
    code: str | None
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


BODIES = [
    Body("broken", b'{"a": ', 400, "malformed_json"),
    Body("of another language", b"<a>1</a>", 400, "malformed_json"),
    Body("with a comma too many", b'{"a": 1,}', 400, "malformed_json"),
    Body("two values", b"{} {}", 400, "malformed_json"),
    Body("with a byte order mark", b"\xef\xbb\xbf{}", 400, "malformed_json"),
    Body("a field twice", b'{"a": 1, "a": 2}', 400, "duplicate_key"),
    Body("a field twice, deep inside", b'{"a": [{"b": 1, "b": 1}]}', 400, "duplicate_key"),
    Body("NaN", b'{"a": NaN}', 400, "non_finite_number"),
    Body("Infinity", b'{"a": Infinity}', 400, "non_finite_number"),
    Body("-Infinity", b"[-Infinity]", 400, "non_finite_number"),
    Body("10,000 lists deep", b"[" * 10_000 + b"]" * 10_000, 400, "too_deep"),
    Body("10,000 objects deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "too_deep"),
    Body("a number of 50 digits", b'{"a": ' + b"9" * 50 + b"}", 400, "number_too_long"),
    Body("an exponent of 1,000", b'{"a": 1e1000}', 400, "number_too_long"),
    Body("invalid UTF-8", b'{"a": "\xff"}', 400, "not_unicode"),
    Body("UTF-16", '{"a": 1}'.encode("utf-16"), 400, "not_unicode"),
    Body("a lone surrogate", b'{"a": "\\ud800"}', 400, "not_unicode"),
    Body("a lone surrogate as a name", b'{"\\udfff": 1}', 400, "not_unicode"),
    Body("two megabytes", TWO_MEGABYTES, 413, "body_too_large"),
    Body("text", b'{"a": 1}', 415, "media_type_unsupported", {"Content-Type": "text/plain"}),
    Body("of no type", b'{"a": 1}', 415, "media_type_unsupported", {}),
    Body("XML", b"<a/>", 415, "media_type_unsupported", {"Content-Type": "application/xml"}),
    Body("a form", b"a=1", 415, "media_type_unsupported", {"Content-Type": "application/x-www-form-urlencoded"}),
    Body("in another charset", b"{}", 415, "media_type_unsupported", {"Content-Type": f"{JSON}; charset=latin-1"}),
    Body("compressed", b"\x1f\x8b", 415, "encoding_unsupported", {"Content-Type": JSON, "Content-Encoding": "gzip"}),
    Body("2^63", b'{"a": 9223372036854775808}', 422, "number_out_of_range"),
    Body("NUL", b'{"a": "\\u0000"}', 422, "nul_character"),
    Body("NUL as a name", b'{"\\u0000": 1}', 422, "nul_character"),
    Body("a field that there is not", b'{"a_field_of_no_route": 1}', 422, None),
    Body("a role", b'{"is_admin": true, "roles": ["admin"], "owner_id": "x", "price": "0.00"}', 422, None),
    Body("a list", b"[1]", 422, None),
    Body("a text", b'"text"', 422, None),
    Body("a number", b"1", 422, None),
]
NO_IDS = ["no-id", "1", "-1", "0", "null", "%00", "%F0%9F%8D%9E", "'%20OR%201=1", "{}", "..%2F", "9" * 300]
NO_CURSORS = ["x", "AAAA", "%F0%9F%8D%9E", "bnVsbA", "e30", "a" * 900]
NO_LIMITS = ["0", "-1", "101", str(10**9), str(2**63), "ten", "1.5", "true", "1e2", ""]


@pytest.mark.alone
async def test_no_body_that_cannot_be_read_does_anything_anywhere(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population = await populate(app)
    before = await digests(database)
    wrong, asked = [], 0

    for method, path, policy in declared(app):
        if not _reads_json(method, path):
            continue
        route = f"{method} {path}"
        url, _ = urls_of(route, path, population)
        for body in BODIES:
            headers = {**_as(_let_in(route, policy), population), **body.headers}
            answer = await client.request(method, url, content=body.content, headers=headers)
            wrong += _complaints(f"{route}: {body.name}", answer, body.status, body.code)
            asked += 1

    assert wrong == []
    assert asked >= 1_000
    assert await digests(database) == before
    assert (await client.get("/api/v1/health")).status_code == 200


@pytest.mark.alone
async def test_a_body_without_an_announced_length_is_cut_off_at_the_limit(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population = await populate(app)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65_536

    answer = await client.post(
        "/api/v1/bus/reservations/create",
        content=endless(),
        headers={**_as("owner", population), "Content-Type": JSON},
    )

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.alone
async def test_what_is_no_id_is_told_so_on_every_route(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population = await populate(app)
    before = await digests(database, besides=_WRITTEN_BY_READING)
    wrong, asked = [], 0

    for method, path, policy in declared(app):
        route = f"{method} {path}"
        name = next((part for part in path.split("/") if part.endswith("id}") and part != "{session_id}"), None)
        if name is None or not path.startswith(API):
            continue
        for text in (*NO_IDS, new_id().hex, str(new_id()).upper() + "x", f"%7B{new_id()}%7D", f"{new_id()}%00"):
            if "%2F" in text:  # another path, by the time it arrives
                continue
            url = _filled(path.replace(name, text), population)
            sent = None if method == "GET" else {"a_field_of_no_route": True}
            answer = await client.request(method, url, json=sent, headers=_as(_let_in(route, policy), population))
            wrong += _complaints(f"{route}: {text}", answer, 422, None)
            asked += 1

    assert wrong == []
    assert asked >= 400
    assert await digests(database, besides=_WRITTEN_BY_READING) == before


@pytest.mark.alone
async def test_forged_cursors_and_limits_beyond_measure_are_refused_on_every_list(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population = await populate(app)
    wrong, lists = [], 0
    policies = {f"{method} {path}": policy for method, path, policy in declared(app)}

    for path, operations in app.openapi()["paths"].items():
        names = {parameter["name"] for parameter in operations.get("get", {}).get("parameters", ())}
        if not {"cursor", "limit"} <= names:
            continue
        lists += 1
        route = f"GET {path}"
        url, _ = urls_of(route, path, population)
        url += "&" if "?" in url else "?"
        headers = _as(_let_in(route, policies[route]), population)
        for limit in NO_LIMITS:
            answer = await client.get(f"{url}limit={limit}", headers=headers)
            wrong += _complaints(f"{route}: limit {limit}", answer, 422, "validation_failed")
        for cursor in NO_CURSORS:
            answer = await client.get(f"{url}cursor={cursor}", headers=headers)
            wrong += _complaints(f"{route}: cursor {cursor}", answer, 400, "bad_cursor")
        for query in ("cursor=%00", "limit=1%00", "%00=1"):
            answer = await client.get(f"{url}{query}", headers=headers)
            wrong += _complaints(f"{route}: {query}", answer, 422, "nul_character")

    assert wrong == []
    assert lists >= 9


@pytest.mark.alone
async def test_a_cursor_of_one_list_opens_no_other_and_none_that_was_changed(
    database: Database, app: FastAPI, client: httpx2.AsyncClient
) -> None:
    population = await populate(app)
    admin = _as("admin", population)
    cursor = (await client.get("/api/v1/users?limit=1", headers=admin)).json()["next_cursor"]
    assert cursor

    good = await client.get(f"/api/v1/users?limit=1&cursor={cursor}", headers=admin)
    refused = [
        await client.get(f"/api/v1/activity-logs?cursor={cursor}", headers=admin),
        await client.get(f"/api/v1/users?role=admin&cursor={cursor}", headers=admin),
        await client.get(f"/api/v1/users?cursor={cursor[:-2]}AA", headers=admin),
        await client.get(f"/api/v1/users?cursor={'B' if cursor[0] == 'A' else 'A'}{cursor[1:]}", headers=admin),
    ]

    assert good.status_code == 200
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(400, "bad_cursor")] * 4


def _complaints(what: str, answer: httpx2.Response, status: int, code: str | None) -> list[str]:
    if answer.status_code != status:
        return [f"{what}: {answer.status_code} instead of {status}: {answer.text[:200]}"]
    problem = answer.json()
    if answer.headers["content-type"] != "application/problem+json" or code not in {None, problem["code"]}:
        return [f"{what}: {problem['code']} instead of {code}"]
    leaked = [
        word for word in ("Traceback", "sqlalchemy", "SELECT ", "INSERT ", ".py", "asyncpg") if word in answer.text
    ]
    return [f"{what}: tells {leaked}"] if leaked else []


def _reads_json(method: str, path: str) -> bool:
    return method != "GET" and path.startswith(API) and f"{method} {path}" not in expected.SIGNED


def _let_in(route: str, policy: str) -> str:
    """Somebody who comes as far as the body."""
    behind = expected.BEHIND.get(route)
    may = expected.POLICIES[policy] & (behind.may if behind else expected.EVERYBODY)
    return next(name for name in ("admin", "owner", "provider's manager", *sorted(may)) if name in may)


def _as(caller: str, population: Population) -> dict[str, str]:
    credential = population.callers[caller]
    return {} if credential is None else {"Authorization": f"Bearer {credential}"}


def _filled(url: str, population: Population) -> str:
    for name, (there, _) in population.things.items():
        url = url.replace(f"{{{name}}}", there)
    return url


_WRITTEN_BY_READING = frozenset({"rate_limits", "idempotency_keys", "cancellation_quotes"})
