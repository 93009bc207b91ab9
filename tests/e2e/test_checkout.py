"""Between holding and paying: the time left, one payment however often it is asked for, and money that comes late."""

import re
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from tests.e2e.views import View
from tests.e2e.visitors import customer
from tests.journeys.world import World

STILL_FREE = {"en": "still free, so they are yours", "ar": "لا تزال متاحة"}
OVER = "The time is over."
ON_ITS_WAY = {"en": "on its way back", "ar": "في طريق العودة"}
BOTH = pytest.mark.parametrize("view", ["desk-en", "phone-ar"], indirect=True)
_PAYMENTS = (
    "SELECT count(*) FROM payments JOIN bookings ON bookings.id = payments.booking_id WHERE bookings.hold_id = :id"
)


@BOTH
async def test_a_reload_keeps_the_countdown(world: World, page: Page, view: View) -> None:
    line = await world.line()
    someone = await customer(world, page, view)
    reservation = await world.reserve(someone.person, line, "1A")
    await page.goto(f"{someone.url}/holds/{reservation['id']}")
    before, ends = await _seconds_left(page), await page.locator("count-down").get_attribute("until")

    await page.wait_for_timeout(1_500)
    await page.reload()

    assert await page.locator("count-down").get_attribute("until") == ends
    assert before - 15 < await _seconds_left(page) < before


@pytest.mark.parametrize("view", ["phone-ar"], indirect=True)
async def test_the_time_left_is_said_at_five_two_and_one_minutes_and_at_its_end_the_choice_is_kept(
    world: World, page: Page, view: View
) -> None:
    line = await world.line()
    someone = await customer(world, page, view)
    reservation = await world.reserve(someone.person, line, "1A")
    await page.goto(f"{someone.url}/holds/{reservation['id']}")
    ends = datetime.fromisoformat(await page.locator("count-down").get_attribute("until") or "")

    for mark, text in ((300, "5 minutes left."), (120, "2 minutes left."), (60, "1 minute left."), (0, OVER)):
        left = (ends - await world.now()).total_seconds()
        await world.forward(seconds=left - mark - 3)
        await page.reload()
        await expect(page.locator("count-down")).not_to_have_text("")
        assert await page.locator("#announcer").inner_text() == ""
        await expect(page.locator("#announcer")).to_have_text(someone.says(text))

    await expect(page.locator("#pay button")).to_be_disabled()
    await expect(page.locator("#over a")).to_have_attribute("href", re.compile("seats=1A"))
    await someone.looks_around()


@BOTH
async def test_a_double_click_opens_one_payment(world: World, page: Page, view: View) -> None:
    line = await world.line()
    someone = await customer(world, page, view)
    reservation = await world.reserve(someone.person, line, "1A")
    await page.goto(f"{someone.url}/holds/{reservation['id']}")

    sent = await someone.click_twice(page.locator("#pay button"))

    await page.wait_for_url(lambda url: url.startswith(world.site.sandbox_url))
    async with world.database.reader() as db:
        count = await db.scalar(sa.text(_PAYMENTS).bindparams(sa.bindparam("id", UUID(reservation["id"]), sa.Uuid)))
    assert (sent, count) == (sent[:1], 1)


@BOTH
async def test_a_payment_that_comes_late_is_explained_truthfully(world: World, page: Page, view: View) -> None:
    lucky, unlucky, quick = await world.crowd(3, locale=view.language)
    line = await world.line()
    free, taken = await world.reserve(lucky, line, "1A"), await world.reserve(unlucky, line, "1B")
    late = [await world.initiate(lucky, free), await world.initiate(unlucky, taken)]
    await world.bank.tell(hold=True)
    for payment in late:
        await world.bank.pay(payment)
    await world.forward(minutes=16)
    await world.reserve(quick, line, "1B")
    for payment in late:
        await world.bank.send(payment)
        await world.bank.delivered(payment)
    someone = await customer(world, page, view, is_signed_in=False)

    for person, reservation, told in ((lucky, free, STILL_FREE), (unlucky, taken, ON_ITS_WAY)):
        await page.context.clear_cookies()
        someone.person = person
        await someone.sign_in()
        await page.goto(f"{someone.url}/holds/{reservation['id']}/paid")
        await expect(page.get_by_role("status").first).to_contain_text(told[view.language])
        await someone.looks_around()


async def _seconds_left(page: Page) -> int:
    await expect(page.locator("count-down")).to_have_text(re.compile(r"1[45]:\d\d"))
    minutes, seconds = map(int, (await page.locator("count-down").inner_text()).split(":"))
    return minutes * 60 + seconds
