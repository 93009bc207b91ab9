"""The activity log on a page: filtered, with before and after, and as a table that runs nothing."""

import csv
import io

import httpx2
import pytest

from holdfast.kernel import audit
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time
from tests.web.staff.conftest import SignIn


async def test_the_log_is_filtered_by_thing_act_actor_and_day(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    held = await builders.hold(database, await builders.room(database))
    await builders.release(database, held)
    await sign_in("admin")
    today = time.now.date().isoformat()

    async def shown(**only: str) -> int:
        page = await browser.get("/staff/audit", params={"entity_id": str(held.id), **only})
        return page.text.count('<td data-label="When">')

    assert await shown() == 2
    assert await shown(entity_type="hold", action_type="hold_released") == 1
    assert await shown(user_id=str(held.owner_id), since=today, until=today) == 2
    assert await shown(user_id=str(new_id())) == 0
    assert await shown(until="2020-01-31") == 0


async def test_before_and_after_stand_in_the_log(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    booking = await builders.confirmed(database, await builders.room(database))
    await sign_in("admin")

    page = (await browser.get("/staff/audit", params={"entity_id": str(booking.id)})).text

    assert "<h4>Before</h4>" in page
    assert '<bdi class="figures">pending</bdi>' in page
    assert '<bdi class="figures">confirmed</bdi>' in page


@pytest.mark.parametrize(("name", "value"), [("entity_id", "7"), ("since", "tomorrow"), ("until", "0001-01-01")])
async def test_a_filter_that_does_not_fit_is_told_beside_its_field(
    browser: httpx2.AsyncClient, sign_in: SignIn, name: str, value: str
) -> None:
    await sign_in("admin")

    page = await browser.get("/staff/audit", params={name: value})

    assert page.status_code == 422
    assert f'id="{name}-error">This does not fit here.' in page.text


async def test_the_next_page_keeps_the_filter(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    booking = await builders.confirmed(database, await builders.room(database))
    await sign_in("admin")
    first = await browser.get("/staff/audit", params={"entity_id": str(booking.id), "limit": "1"})

    link = first.text[first.text.index('class="button second" href="') + len('class="button second" href="') :]
    second = await browser.get(link[: link.index('"')].replace("&amp;", "&"))

    assert f"entity_id={booking.id}" in link
    assert "Booking confirmed" in first.text[first.text.index("<tbody>") :]
    assert "Booking opened" in second.text[second.text.index("<tbody>") :]


async def test_the_table_defuses_formulas_and_holds_what_is_filtered(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn
) -> None:
    admin = await sign_in("admin")
    entity_id = new_id()
    async with database.transaction() as db:
        await audit.record(
            db,
            actor=admin.actor,
            action="=HYPERLINK(1)",
            entity_type="test",
            entity_id=entity_id,
            now=await clock.moment(db),
            details={"reason": "@SUM(1)"},
        )

    answer = await browser.get("/staff/audit.csv", params={"entity_id": str(entity_id)})
    head, row = csv.reader(io.StringIO(answer.text.lstrip("\ufeff")))

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert row[head.index("action")] == "'=HYPERLINK(1)"
    assert row[head.index("user")] == str(admin.id)
