"""Every route, every kind of caller, every thing that is theirs, another's or nobody's: 401, 403, 404, then the rest.

Whoever is let in sends a body that can be no route's, so that nothing is ever changed: 422 is how far they come. Pages
answer in pages, and whoever is not known is led to sign in; of their forms only refusals are tried here.
"""

import re
import sys
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from holdfast.kit.db import Database
from holdfast.kit.http import routes_with_policies
from holdfast.web.routing import PageRoute
from tests.doors import expected
from tests.doors.population import Population, populate
from tests.doors.rows import digests

#: What no route reads.
JUNK = {"a_field_of_no_route": True}
API = ("/api/v1/", "/.well-known/")
#: Pages know their callers by a cookie: of the credentials that programs send, some are tried on them.
OF_A_PAGE = {"deactivated", "expired", "alg none"}
SIGN_IN = "sign_in_needed"
#: Ids, and what a page says of who looks and where.
_OF_ONE_ANSWER = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|<header.*?</header>|<footer.*?</footer>", re.DOTALL
)
HOW_TO = """tests/doors/expected.py tells what is expected of each route; say there what is missing:
- a new policy: a line in POLICIES, whom it lets in
- a route with a thing in its path: a line in BEHIND, who may do this and who may only know of it;
  the thing itself is made in tests/doors/population.py, under the name of the parameter (or under the route's path)
- a GET that needs a query: a line in QUERIES
- a body that is proved by a signature: a line in SIGNED"""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and what must come of it. `code` is compared where it is known."""

    route: str
    caller: str
    thing: Literal["there", "absent", "none"]
    status: int
    code: str | None
    credential: str | None
    url: str
    is_page: bool

    @property
    def is_refused(self) -> bool:
        return self.status >= 400 or (self.status == 303 and self.code == SIGN_IN)

    @property
    def name(self) -> str:
        return f"{self.route} | {self.caller} | {self.thing}"


@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_every_door_opens_for_those_it_is_for_and_for_nobody_else(
    database: Database, database_url: str, app: FastAPI, client: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    routes, pages = declared(app), pages_of(app)
    population = await populate(app)
    calls = [
        call
        for method, path, policy in routes
        for call in calls_of(method, path, policy, population, is_page=path in pages)
    ]
    refused, let_in = [c for c in calls if c.is_refused], [c for c in calls if not c.is_refused]
    before = await digests(database)

    answers = [await ask(client, call) for call in refused]
    after = await digests(database)
    opened = [await ask(client, call) for call in let_in]

    with capsys.disabled():
        kinds = f"{len(population.callers)} callers + {len(population.refused)} bad credentials"
        found = dict(sorted(Counter(answer.status_code for answer in answers + opened).items()))
        kind = database_url.partition(":")[0]
        counted = f"{len(routes)} routes x ({kinds}) x (there, absent) = {len(calls)} calls"
        sys.stdout.write(f"\n{kind}: {counted}: {found}\n")
    wrong = [
        complaint
        for call, answer in zip(refused + let_in, answers + opened, strict=True)
        if (complaint := complaint_about(call, answer))
    ]
    assert wrong == [], "\n".join([*wrong, HOW_TO])
    assert differing_refusals(refused, answers) == []
    assert {name for name in before if before[name] != after[name]} == set(), "a refused request changed something"


async def test_every_route_and_policy_is_expected(app: FastAPI) -> None:
    routes = declared(app)
    keys = {f"{method} {path}" for method, path, _ in routes}

    assert {policy for _, _, policy in routes} - expected.POLICIES.keys() == set(), HOW_TO
    known = expected.BEHIND.keys() | expected.SIGNED.keys() | expected.CHOICES
    assert {key for key in keys if "{" in key} - known == set(), HOW_TO


async def test_nothing_is_expected_of_routes_that_are_gone(app: FastAPI) -> None:
    keys = {f"{method} {path}" for method, path, _ in declared(app)}

    for table in (expected.BEHIND, expected.QUERIES, expected.SIGNED, expected.FURTHER, expected.CHOICES):
        assert set(table) - keys == set()
    assert expected.POLICIES.keys() - {policy for _, _, policy in declared(app)} == set()


def pages_of(app: FastAPI) -> set[str]:
    """The paths that answer in pages."""
    return {
        context.path or ""
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, PageRoute)
    }


def declared(app: FastAPI) -> list[tuple[str, str, str]]:
    """(method, path, policy), each once: the root product's are the same functions again."""
    return sorted(set(routes_with_policies(app)), key=lambda route: (route[1], route[0]))


def calls_of(method: str, path: str, policy: str, population: Population, *, is_page: bool) -> list[Call]:
    route = f"{method} {path}"
    there, absent = urls_of(route, path, population)
    unknown = 303 if is_page else 401
    calls = [
        Call(route, name, "there", unknown, SIGN_IN if is_page else None, credential, there, is_page)
        for name, credential in population.refused.items()
        if not is_page or name in OF_A_PAGE
    ]
    behind = expected.BEHIND.get(route)
    for name, credential in population.callers.items():
        is_let_in = name in expected.POLICIES[policy]
        status, code = _let_in(route, method, name, is_page=is_page) if is_let_in else _kept_out(name, is_page=is_page)
        if behind is None:
            calls.append(Call(route, name, "none", status, code, credential, there, is_page))
            continue
        if is_let_in and name not in behind.may:
            calls.append(
                Call(route, name, "there", 403 if name in behind.knows else 404, None, credential, there, is_page)
            )
        else:
            calls.append(Call(route, name, "there", status, code, credential, there, is_page))
        calls.append(Call(route, name, "absent", 404 if is_let_in else status, None, credential, absent, is_page))
    return [call for call in calls if call.is_refused or method == "GET"]


async def ask(client: httpx2.AsyncClient, call: Call) -> httpx2.Response:
    headers = {"Accept-Language": "ar", "Sec-Fetch-Site": "same-origin"}
    if call.credential is not None:
        headers["Authorization"] = f"Bearer {call.credential}"
    method = call.route.partition(" ")[0]
    sent: dict[str, Any] = {} if method == "GET" else {"json": JUNK}
    return await client.request(method, call.url, headers=headers, **sent)


def complaint_about(call: Call, answer: httpx2.Response) -> str | None:
    got = f"{answer.status_code} {' '.join(answer.text.split())[:300]}"
    told = f"{call.name}: expected {call.status} {call.code or ''}, got {got}"
    if answer.status_code != call.status:
        return told
    if call.is_page or call.status < 400:
        is_led = call.code != SIGN_IN or answer.headers.get("location", "").startswith("/sign-in")
        return None if is_led else told
    problem = answer.json()
    if (
        answer.headers["content-type"] != "application/problem+json"
        or (call.code or problem["code"]) != problem["code"]
    ):
        return told
    if not _is_arabic(problem["detail"]):
        return f"{call.name}: told in English: {problem['detail']}"
    if answer.status_code == 401 and not answer.headers.get("www-authenticate"):
        return f"{call.name}: 401 without WWW-Authenticate"
    return None


def differing_refusals(calls: list[Call], answers: list[httpx2.Response]) -> list[str]:
    """A 404 for what is another's says nothing else than one for what is nobody's."""
    bodies: dict[str, set[str]] = {}
    for call, answer in zip(calls, answers, strict=True):
        if call.status == 404:
            problem = _OF_ONE_ANSWER.sub("", answer.text)
            besides = {"x-request-id", "content-length"}
            headers = {name: value for name, value in answer.headers.items() if name not in besides}
            bodies.setdefault(f"{call.route} | {call.caller}", set()).add(f"{problem} {headers}")
    return [f"{route}: {told}" for route, told in bodies.items() if len(told) > 1]


def _kept_out(caller: str, *, is_page: bool) -> tuple[int, str]:
    if caller == "nobody":
        return (303 if is_page else 401), SIGN_IN
    return 403, "role_needed"


def _let_in(route: str, method: str, caller: str, *, is_page: bool) -> tuple[int, str | None]:
    """How far this caller comes where the thing is theirs."""
    if route in expected.SIGNED:
        return expected.SIGNED[route]
    further, status, code = expected.FURTHER.get(route, (frozenset(), 0, ""))
    if caller in further:
        return status, code
    if method == "GET":
        return 200, None
    return (200, None) if is_page else (422, None)


def urls_of(route: str, path: str, population: Population) -> tuple[str, str]:
    """With the thing that is there, and with one that is not."""
    if path in population.urls:
        return population.urls[path]
    urls = []
    query = expected.QUERIES.get(route, "")
    for place in (0, 1):
        url = path
        for name in re.findall(r"{(\w+)}", path + query):
            things = population.things.get(path) or population.things.get(name)
            assert things is not None, f"{route}: what is {name}? {HOW_TO}"
            url = url.replace(f"{{{name}}}", things[place])
            query = query.replace(f"{{{name}}}", things[place])
        urls.append(f"{url}?{query}" if query else url)
    return urls[0], urls[1]


def _is_arabic(text: str) -> bool:
    """No English words side by side: names of fields and codes may stand in it."""
    return any("\u0600" <= letter <= "\u06ff" for letter in text) and not re.search(r"\b[a-z]+ [a-z]+ [a-z]+\b", text)
