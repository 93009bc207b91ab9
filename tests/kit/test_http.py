"""The edge asks in one order, answers in one form and says no more than it must."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from holdfast.kit import http, openapi
from holdfast.kit.db import Database
from holdfast.kit.headers import client_address, networks
from holdfast.kit.http import Router, allow, idempotent, public, unkeyed
from holdfast.kit.ids import new_id
from tests.kit import bakery


async def _bake(client: httpx2.AsyncClient, **changes: Any) -> httpx2.Response:
    return await client.post("/api/bakery/loaves", json={"label": "rye"} | changes)


# One order


async def test_a_stranger_is_told_401_before_anything_else(kitchen: Database) -> None:
    async with bakery.client(bakery.application(kitchen), name=None) as stranger:
        answers = [
            await stranger.put(f"/api/bakery/loaves/{new_id()}", content=b"{"),
            await stranger.put("/api/bakery/loaves/no-id", content=b"x" * 2_000_000),
        ]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json()["code"] == "unauthenticated"
    assert answers[0].headers["www-authenticate"].startswith("Bearer")


async def test_who_lacks_the_role_is_told_403_before_404_and_422(client: httpx2.AsyncClient) -> None:
    for loaf_id in (str(new_id()), "no-id"):
        answer = await client.put(f"/api/bakery/loaves/{loaf_id}", content=b"{")

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_absent_and_not_mine_are_the_same_404_before_the_body_is_read(kitchen: Database) -> None:
    app = bakery.application(kitchen)
    async with bakery.client(app) as anna, bakery.client(app, name="baker") as baker:
        of_anna = (await _bake(anna)).json()["id"]
        not_mine = await baker.put(f"/api/bakery/loaves/{of_anna}", content=b"{")
        absent = await baker.put(f"/api/bakery/loaves/{new_id()}", content=b"{")

    problems = [{**answer.json(), "instance": None} for answer in (not_mine, absent)]
    assert problems[0] == problems[1]
    assert problems[0]["status"] == 404


async def test_a_malformed_id_in_the_path_is_422_and_never_a_crash(client: httpx2.AsyncClient) -> None:
    for loaf_id in ("no-id", "1", "{" + str(new_id()) + "}", new_id().hex, "%F0%9F%8D%9E", "a%00b"):
        answer = await client.get(f"/api/bakery/loaves/{loaf_id}")

        assert answer.status_code == 422, loaf_id
        assert answer.json()["errors"][0]["in"] == "path"


async def test_the_body_is_read_before_it_is_validated(client: httpx2.AsyncClient) -> None:
    unreadable = await client.post("/api/bakery/loaves", content=b"{", headers={"Content-Type": "application/json"})
    invalid = await _bake(client, pieces=0)

    assert (unreadable.status_code, unreadable.json()["code"]) == (400, "malformed_json")
    assert (invalid.status_code, invalid.json()["code"]) == (422, "validation_failed")


async def test_bad_credentials_are_refused_even_where_none_are_needed(kitchen: Database) -> None:
    app = bakery.application(kitchen)
    async with bakery.client(app, name="mallory") as mallory, bakery.client(app, name=None) as stranger:
        assert (await mallory.get("/api/bakery/menu")).status_code == 401
        assert (await stranger.get("/api/bakery/menu")).status_code == 200


# Declarations


def _route(*decorators: Callable[[Any], Any], method: str = "GET") -> None:
    async def endpoint() -> None: ...

    for decorator in decorators:
        decorator(endpoint)
    Router().add_api_route("/", endpoint, methods=[method])


@pytest.mark.parametrize(
    ("decorators", "method"),
    [
        ([], "GET"),
        ([unkeyed("why not")], "POST"),
        ([allow(public)], "POST"),
        ([allow(public), unkeyed("why not")], "GET"),
        ([allow(public), allow(public)], "GET"),
    ],
    ids=["no policy", "no policy, but a key rule", "no key rule", "a key rule on a GET", "two policies"],
)
def test_a_route_that_declares_too_little_or_too_much_fails_the_build(decorators: list[Any], method: str) -> None:
    with pytest.raises(AssertionError):
        _route(*decorators, method=method)


def test_a_route_that_is_not_async_fails_the_build() -> None:
    @allow(public)
    def endpoint() -> None: ...

    with pytest.raises(AssertionError, match="not async"):
        Router().add_api_route("/", endpoint)


def test_a_route_of_another_kind_is_found_out() -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(bakery.router)
    http.check_routes(app)

    @app.get("/back-door")
    async def enter() -> None: ...

    with pytest.raises(AssertionError, match="/back-door"):
        http.check_routes(app)
    http.check_routes(app, besides=frozenset({"/back-door"}))


def test_the_authorization_matrix_can_be_drawn_from_the_routes() -> None:
    app = FastAPI()
    app.include_router(bakery.router, prefix="/api")

    matrix = http.routes_with_policies(app)

    assert ("PUT", "/api/bakery/loaves/{loaf_id}", "bakers") in matrix
    assert ("GET", "/api/bakery/menu", "public") in matrix
    assert len(matrix) == len(bakery.router.routes)


# Problems


async def test_a_fact_travels_with_its_fields(client: httpx2.AsyncClient) -> None:
    answer = await _bake(client, label="burnt")

    problem = answer.json()
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "60"
    assert problem["type"] == "urn:holdfast:problem:oven_full"
    assert (problem["title"], problem["status"], problem["code"]) == ("Conflict", 409, "oven_full")
    assert problem["labels"] == ["rye", "oat"]
    assert problem["price"] == {"amount": "12.50", "currency": "EGP"}
    assert str(UUID(problem["tray"])) == problem["tray"]
    assert problem["until"].endswith("Z")
    assert problem["detail"] == f"The oven is full: rye, oat are in it until {problem['until']}, for 12.50 EGP."
    assert problem["instance"] == f"urn:holdfast:request:{answer.headers['x-request-id']}"


async def test_a_bug_is_500_with_its_trace_in_the_log_and_nothing_of_it_in_the_answer(
    client: httpx2.AsyncClient,
) -> None:
    with capture_logs() as lines:
        answer = await _bake(client, label="bug")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "oven" not in answer.text.replace("/api/bakery", "")
    assert "hunter2" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    crash = next(line for line in lines if line["event"] == "unexpected failure")
    assert crash["exc_info"]


async def test_validation_names_the_place_and_never_echoes_the_value(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/api/bakery/loaves",
        json={"label": "rye", "pieces": "hunter2", "toppings": ["hunter2"], "passw/rd": "hunter2", "price": "hunter2"},
    )

    found = {(error["pointer"], error["code"]) for error in answer.json()["errors"]}
    assert answer.status_code == 422
    assert ("/pieces", "int_type") in found
    assert ("/toppings/0", "malformed_id") in found
    assert ("/passw~1rd", "unknown_field") in found
    assert "hunter2" not in answer.text


async def test_no_such_page_and_no_such_method_are_problems_too(client: httpx2.AsyncClient) -> None:
    absent = await client.get("/api/bakery/cellar")
    slash = await client.get("/api/bakery/menu/")
    method = await client.delete("/api/bakery/menu")

    assert (absent.status_code, absent.json()["code"]) == (404, "not_found")
    assert slash.status_code == 404
    assert (method.status_code, method.json()["code"], method.headers["allow"]) == (405, "method_not_allowed", "GET")


async def test_the_detail_is_in_the_callers_language(kitchen: Database) -> None:
    arabic = {"Accept-Language": "fr;q=0.9, ar-EG;q=0.8, en;q=0.1", "Content-Type": "application/json"}
    async with bakery.client(bakery.application(kitchen)) as client:
        said = await client.post("/api/bakery/loaves", content=b"{", headers=arabic)
        unsaid = await client.post("/api/bakery/loaves", content=b"{", headers={"Content-Type": "application/json"})

    assert said.json()["detail"].startswith("محتوى الطلب ليس بصيغة JSON: اسم حقل متوقع")
    assert unsaid.json()["detail"].startswith("The body is not JSON: Expecting property name")
    assert [answer.headers["content-language"] for answer in (said, unsaid)] == ["ar", "en"]
    assert {answer.headers["vary"] for answer in (said, unsaid)} == {"Accept-Language"}
    for same in ("type", "title", "status", "code", "reason"):
        assert said.json()[same] == unsaid.json()[same]


async def test_what_is_wrong_with_a_field_is_in_the_callers_language_too(kitchen: Database) -> None:
    async with bakery.client(bakery.application(kitchen)) as client:
        client.headers["Accept-Language"] = "ar"
        answer = await _bake(client, pieces=0, label=7, colour="red")

    assert answer.headers["content-language"] == "ar"
    assert {(each["pointer"], each["code"]): each["detail"] for each in answer.json()["errors"]} == {
        ("/pieces", "greater_than_equal"): "يجب أن يكون هذا 1 أو أكثر.",
        ("/label", "string_type"): "هذا ليس نصًا.",
        ("/colour", "unknown_field"): "لا يوجد حقل بهذا الاسم.",
    }


async def test_who_asks_for_no_language_is_told_in_the_platforms(kitchen: Database) -> None:
    app = bakery.application(kitchen)
    app.state.locale = "ar"
    async with bakery.client(app) as client:
        absent = await client.get("/api/bakery/cellar")
        in_english = await client.get("/api/bakery/cellar", headers={"Accept-Language": "en-GB"})
        method = await client.delete("/api/bakery/menu")

    assert (absent.json()["detail"], absent.json()["title"]) == ("لا يوجد شيء في هذا العنوان.", "Not Found")
    assert in_english.json()["detail"] == "There is nothing at this address."
    assert method.json()["detail"] == "هذا العنوان لا يقبل هذه الطريقة."


# Headers


async def test_every_answer_is_dressed(client: httpx2.AsyncClient) -> None:
    for path in ("/api/bakery/loaves", "/api/bakery/cellar"):
        headers = (await client.get(path)).headers

        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["referrer-policy"] == "no-referrer"
        assert "strict-transport-security" not in headers


async def test_only_a_success_of_a_cacheable_route_may_be_kept(client: httpx2.AsyncClient) -> None:
    kept = await client.get("/api/bakery/menu")
    refused = await client.get("/api/bakery/menu", headers={"Authorization": "Bearer mallory"})

    assert kept.headers["cache-control"] == "public, max-age=60"
    assert refused.headers["cache-control"] == "no-store"


async def test_a_sane_request_id_is_kept_and_another_replaced(client: httpx2.AsyncClient) -> None:
    sane = await client.get("/api/bakery/menu", headers={"X-Request-Id": "0123456789-abcdef"})

    assert sane.headers["x-request-id"] == "0123456789-abcdef"
    for insane in ("short", "x" * 65, "with blanks in it", "forged\x1b[31mline", ""):
        answer = await client.get("/api/bakery/menu", headers={"X-Request-Id": insane})

        assert UUID(answer.headers["x-request-id"]).version == 7


async def test_the_access_line_names_the_template_and_no_secret(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="holdfast.access")
    with capture_logs() as lines:
        await client.get(f"/api/bakery/loaves/{new_id()}?token=hunter2")

    line = next(line for line in lines if line["event"] == "request")
    assert line["route"] == "/api/bakery/loaves/{loaf_id}"
    assert (line["method"], line["status"]) == ("GET", 404)
    assert "hunter2" not in json.dumps(line, default=str)


# Versions


@pytest.mark.parametrize(
    ("if_match", "status", "code"),
    [
        (None, 428, "version_required"),
        ('"6"', 412, "version_stale"),
        ("7", 400, "malformed_version"),
        ('"7", "8"', 400, "malformed_version"),
        ('"7"', 200, None),
        ("*", 200, None),
    ],
)
async def test_a_change_says_which_version_was_read(
    kitchen: Database, if_match: str | None, status: int, code: str | None
) -> None:
    async with bakery.client(bakery.application(kitchen), name="baker") as baker:
        loaf_id = (await _bake(baker)).json()["id"]
        headers = {} if if_match is None else {"If-Match": if_match}

        answer = await baker.put(f"/api/bakery/loaves/{loaf_id}", json={"label": "oat"}, headers=headers)

    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert answer.headers.get("etag") == ('"8"' if status == 200 else None)


# Addresses


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.1.1.1", "10.1.1.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_address_is_the_right_most_that_no_trusted_proxy_is(peer: str, forwarded: str, address: str) -> None:
    scope = {"type": "http", "client": (peer, 1), "headers": [(b"x-forwarded-for", forwarded.encode())]}

    assert client_address(scope, networks(["10.0.0.0/8"])) == address


async def test_only_a_trusted_proxy_decides_about_https(kitchen: Database) -> None:
    app = bakery.application(kitchen)
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
    async with bakery.client(app, address="10.0.0.1") as behind, bakery.client(app) as direct:
        through_proxy = await behind.get("/api/bakery/address", headers=headers)
        forged = await direct.get("/api/bakery/address", headers=headers)

    assert through_proxy.json() == {"address": "203.0.113.9", "scheme": "https"}
    assert "strict-transport-security" in through_proxy.headers
    assert forged.json() == {"address": "192.0.2.1", "scheme": "http"}


# The description


async def test_the_description_tells_keys_versions_paths_and_problems(client: httpx2.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()

    bake = schema["paths"]["/api/bakery/loaves"]["post"]
    change = schema["paths"]["/api/bakery/loaves/{loaf_id}"]["put"]
    menu = schema["paths"]["/api/bakery/menu"]["get"]
    assert bake["operationId"] == "bake"
    assert [parameter["name"] for parameter in bake["parameters"]] == ["Idempotency-Key"]
    assert bake["responses"]["409"] == {"$ref": "#/components/responses/Conflict"}
    assert (bake["security"], bake["x-policy"]) == ([{"bearer": []}], "signed_in")
    assert {parameter["name"] for parameter in change["parameters"]} == {"loaf_id", "If-Match"}
    assert {"404", "412", "428"} <= change["responses"].keys()
    assert menu["security"] == [{}, {"bearer": []}]
    assert "HTTPValidationError" not in json.dumps(schema)


def test_two_operations_of_one_name_fail_the_build() -> None:
    app = FastAPI()
    app.include_router(bakery.router, prefix="/a")
    app.include_router(bakery.router, prefix="/b")
    openapi.install(app)

    with pytest.raises(AssertionError, match="occur twice"):
        app.openapi()


def test_what_replays_is_declared_once() -> None:
    async def endpoint() -> None: ...

    async def replay(_: Any, __: UUID) -> None: ...

    idempotent(replay=replay)(endpoint)
    with pytest.raises(AssertionError):
        unkeyed("why not")(endpoint)
