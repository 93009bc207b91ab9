"""Reports of a period on a page."""

import httpx2

from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.web.staff.conftest import SignIn


async def test_a_provider_reads_what_it_sold_and_that_it_agrees_with_the_books(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    provider = await builders.provider(database)
    room = await builders.room(database, provider_id=provider.id)
    await builders.confirmed(database, room, [0, 1])
    await sign_in(members={provider.id: "finance"})

    page = (await browser.get("/staff/reports")).text
    table = await browser.get("/staff/reports.csv?kind=sales")

    assert "<bdi>20.00</bdi>" in page
    assert '<span class="chip good">agrees</span>' in page
    assert "differs" not in page
    assert table.text.splitlines()[1].split(",")[1:] == ["EGP", "1", "2", "20.00", "0", "0", "0.00", "20.00"]


async def test_the_report_of_another_provider_is_nobodys_business(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn
) -> None:
    own, other = await builders.provider(database), await builders.provider(database)
    await sign_in(members={own.id: "owner"})

    answer = await browser.get("/staff/reports.csv", params={"provider": str(other.id)})

    assert answer.status_code == 404


async def test_a_period_that_ends_before_it_begins_is_told_in_words(
    browser: httpx2.AsyncClient, sign_in: SignIn
) -> None:
    await sign_in("admin")

    reversed_ = await browser.get("/staff/reports?first=2026-02-02&last=2026-02-01")
    too_long = await browser.get("/staff/reports?first=2020-02-02&last=2026-02-01")
    nonsense = await browser.get("/staff/reports?first=soon")

    assert [each.status_code for each in (reversed_, too_long, nonsense)] == [422, 422, 422]
    assert "The period ends before it begins." in reversed_.text
    assert "A report covers at most 366 days." in too_long.text
    assert 'id="first-error"' in nonsense.text
