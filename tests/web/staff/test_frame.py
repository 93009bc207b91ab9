"""Who may look at the pages for staff, and what every one of them has."""

import re
from pathlib import Path

import httpx2
import pytest

from holdfast.kernel.identity import MemberRole
from holdfast.kit import outbox
from holdfast.kit.db import Database
from holdfast.web.staff import words
from tests import builders
from tests.architecture import source
from tests.web.staff.conftest import SignIn

FOR_ADMINS = [
    "/staff/holds",
    "/staff/complaints",
    "/staff/refunds",
    "/staff/gateway-events",
    "/staff/jobs",
    "/staff/outbox",
    "/staff/audit",
]
FOR_ALL = ["/staff", "/staff/bookings", "/staff/bus/schedules", "/staff/bus/buses", "/staff/bus/routes"]
#: What may stand in Latin letters on an Arabic page: names of people and things, codes, and words of computing.
LATIN = re.compile(
    r"https://|Holdfast|English|CSV|JSON|UTC|API|SMS|EGP|USD|Amal|Hassan|Provider [0-9a-f-]+|[\w.+-]+@[\w.-]+"
    r"|sandbox|[a-z]+[._][a-z._]+|\b[A-Z][a-z]+[A-Z]\w+"
)


async def test_who_is_not_known_signs_in_first(browser: httpx2.AsyncClient) -> None:
    answers = {path: await browser.get(path) for path in [*FOR_ADMINS, *FOR_ALL]}

    assert {path: answer.headers.get("location") for path, answer in answers.items()} == {
        path: f"/sign-in?next={path}" for path in answers
    }


async def test_a_customer_is_told_that_it_is_not_for_them(browser: httpx2.AsyncClient, sign_in: SignIn) -> None:
    await sign_in()

    answers = [await browser.get(path) for path in [*FOR_ADMINS, *FOR_ALL, "/staff/audit.csv"]]

    assert {answer.status_code for answer in answers} == {403}
    assert all("<h1>This is not for you</h1>" in answer.text for answer in answers)


@pytest.mark.parametrize("role", ["owner", "manager", "clerk", "scanner", "finance"])
async def test_a_member_looks_after_what_is_their_providers(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, role: MemberRole
) -> None:
    provider = await builders.provider(database)
    await sign_in(members={provider.id: role})

    open_ = [(await browser.get(path)).status_code for path in FOR_ALL]
    closed = [(await browser.get(path)).status_code for path in FOR_ADMINS]
    reports = await browser.get("/staff/reports")
    webhooks = await browser.get("/staff/webhooks")
    start = await browser.get("/staff")

    assert open_ == [200] * len(FOR_ALL)
    assert closed == [403] * len(FOR_ADMINS)
    assert reports.status_code == (200 if role in {"owner", "manager", "finance"} else 403)
    assert ('href="/staff/reports"' in start.text) == (reports.status_code == 200)
    assert webhooks.status_code == (200 if role in {"owner", "manager"} else 403)
    assert ('href="/staff/webhooks"' in start.text) == (webhooks.status_code == 200)
    assert 'href="/staff/audit"' not in start.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path", [*FOR_ADMINS, *FOR_ALL, "/staff/webhooks", "/staff/reports", "/staff/reports?kind=finance"]
)
async def test_a_page_for_staff_has_a_heading_its_section_and_lets_nothing_in(
    browser: httpx2.AsyncClient, sign_in: SignIn, path: str
) -> None:
    await sign_in("admin")

    page = await browser.get(path)

    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert page.text.count("<main") == 1
    assert f'href="{path.partition("?")[0]}" aria-current="page"' in page.text
    assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=", page.text) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", [*FOR_ADMINS, *FOR_ALL, "/staff/webhooks", "/staff/reports"])
async def test_an_arabic_page_for_staff_has_no_english_left(
    browser: httpx2.AsyncClient, sign_in: SignIn, path: str
) -> None:
    await sign_in("admin", language="ar")

    page = await browser.get(path)
    text = re.sub(r"<script.*?</script>|<title>.*?</title>|<option.*?</option>|<bdi.*?</bdi>", " ", page.text)
    bare = LATIN.sub(" ", re.sub(r"<[^>]*>", " ", re.sub(r"&\w+;|&#\d+;", " ", text)))

    assert '<html lang="ar" dir="rtl"' in page.text
    assert re.findall(r"[A-Za-z]{2,}", bare) == []


def test_every_act_that_is_logged_has_a_name() -> None:
    written = {
        action
        for path in sorted(source.PACKAGE.rglob("*.py"))
        for action in re.findall(r'action="([a-z_]+)"', Path(path).read_text())
    }

    assert written - words.ACTIONS.keys() == set()


def test_every_fact_has_a_name() -> None:
    ours = {
        kind.name() for kind in outbox.kinds() if kind.__module__.startswith("holdfast.")
    }  # other tests make theirs

    assert ours - words.FACTS.keys() == set()
