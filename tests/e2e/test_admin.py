"""An admin's day: live holds, a booking and its story, money back, notices, jobs, the log, a complaint, webhooks."""

import re

import pytest
import sqlalchemy as sa
from playwright.async_api import Page, expect

from holdfast.kernel import payments
from holdfast.kernel.payments import Notice
from holdfast.kit import clock, jobs
from holdfast.kit.ids import new_id
from tests.e2e.views import View
from tests.e2e.visitors import Visitor
from tests.journeys.world import World

#: With an operator's journey, each language and each width.
pytestmark = pytest.mark.parametrize("view", ["phone-ar", "desk-en"], indirect=True)


async def admin(world: World, page: Page, view: View) -> Visitor:
    (person,) = await world.crowd(1, roles=("admin",), locale=view.language)
    someone = Visitor(world, page, view, person)
    await someone.sign_in_by_keyboard()
    await someone.press(page.locator("header a[href='/staff']"))
    await page.wait_for_url("**/staff")
    return someone


async def test_an_admin_releases_a_hold_and_cancels_a_booking_and_sees_the_money_go_back(
    world: World, page: Page, view: View
) -> None:
    line, (payer, holder) = await world.line(rows=3), await world.crowd(2)
    booking = await world.book(payer, line, "1A", "1B")
    hold = await world.reserve(holder, line, "2A")
    someone = await admin(world, page, view)
    await expect(page.locator("svg.chart").first).to_be_visible()
    await someone.looks_around()

    # A live hold is released, not without a reason
    await someone.section("/staff/holds")
    row = page.locator("tbody tr", has_text=holder.email)
    await expect(row.locator("count-down")).to_have_text(re.compile(r"1[45]:\d\d"))
    await someone.looks_around()
    await someone.press(row.locator("details.act > summary"))
    await someone.type(row.locator("textarea"), "Asked for by phone")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await someone.agree()
    await someone.done("released")
    await expect(page.locator("tbody tr", has_text=holder.email)).to_have_count(0)
    assert (await holder.get(f"/reservations/{hold['id']}"))["status"] == "cancelled"

    # A booking is found by its reference; its story; some of it is cancelled, what comes back is shown before
    await someone.section("/staff/bookings")
    await someone.looks_around()
    await someone.type(page.locator("#asked"), booking["booking_reference"])
    await page.keyboard.press("Enter")
    await expect(page.locator(".timeline li").first).to_be_visible()
    await someone.looks_around()
    await someone.press(someone.button("See what is paid back"))
    await page.wait_for_url("**/cancel?**")
    await expect(page.locator(".lines .total").last).to_have_text("200.00 EGP")
    await someone.looks_around()
    await someone.type(page.locator("#reason"), "The bus was changed")
    await someone.press(someone.button("Cancel and pay back"))
    await someone.agree()
    await someone.done("cancelled")
    assert await world.seat_map(line) == {}

    # The refund
    await world.agrees()
    await someone.section("/staff/refunds")
    await someone.press(page.locator(".tabs a[href*='processed']"))
    await expect(page.locator(f"tbody a[href='/staff/bookings/{booking['id']}']")).to_have_count(1)
    await someone.looks_around()


async def test_an_admin_tries_again_what_failed_and_reads_who_did_what(world: World, page: Page, view: View) -> None:
    event_id = await _notice(world)
    job = await _dead_job(world)
    someone = await admin(world, page, view)

    # A notice of the gateway
    await someone.section("/staff/gateway-events")
    await someone.looks_around()
    await someone.press(page.locator(f"form[action='/staff/gateway-events/{event_id}/process'] button"))
    await someone.done("processed")

    # A job that was given up
    await someone.section("/staff/jobs")
    await someone.tab_to(page.locator("#state"))
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await someone.press(someone.button("Filter"))
    await page.wait_for_url("**state=dead**")
    await someone.looks_around()
    await someone.press(page.locator(f"form[action='/staff/jobs/{job}/retry'] button"))
    await someone.done("revived")

    # The outbox and the log
    await someone.section("/staff/outbox")
    await someone.press(page.locator("tbody summary").first)
    await someone.looks_around()
    await someone.section("/staff/audit")
    await someone.type(page.locator("#user_id"), str(someone.person.id))
    await page.keyboard.press("Enter")
    await page.wait_for_url("**user_id=**")
    acts = page.locator("tbody tr")
    await expect(acts.filter(has_text=someone.says("Job tried again"))).to_have_count(1)
    await expect(acts.filter(has_text=someone.says("Notice processed again"))).to_have_count(1)
    await someone.press(acts.filter(has_text=someone.says("Job tried again")).locator("summary"))
    await someone.looks_around()


async def test_an_admin_answers_a_complaint_and_tells_a_program_of_what_happens(
    world: World, page: Page, view: View
) -> None:
    complainer = await world.customer(locale=view.language)
    subject = f"The chair did not lean back {new_id().hex[-6:]}"
    said = {"category": "service", "subject": subject, "text": "All the way.\nNobody helped."}
    complaint = await complainer.post("/complaints", said, status=201)
    someone = await admin(world, page, view)

    # A complaint
    await someone.section("/staff/complaints")
    await someone.looks_around()
    await someone.press(page.get_by_role("link", name=subject))
    await expect(page.locator("pre").first).to_have_text(said["text"])
    await someone.looks_around()
    await someone.press(someone.button("Take it into review"))
    await someone.done("saved")
    await someone.type(page.locator("#note"), "We are sorry. It is mended now.")
    await someone.press(someone.button("Close it with this note"))
    await page.wait_for_function("() => !document.querySelector('#note')")
    await someone.looks_around()
    answered = await complainer.get(f"/complaints/{complaint['id']}")
    assert (answered["state"], answered["note"]) == ("closed", "We are sorry. It is mended now.")

    # Webhooks
    await someone.section("/staff/webhooks")
    await someone.looks_around()
    await someone.type(page.locator("#url"), "https://hooks.example.org/in")
    await someone.press(page.locator("input[name=facts][value=BookingConfirmed]"), "Space")
    await someone.press(someone.button("Open it"))
    await expect(page.locator("code")).to_contain_text("whsec_")
    await someone.looks_around()
    await someone.press(someone.link("I have kept it"))
    await page.wait_for_url("**/staff/webhooks/*")
    await expect(page.locator("input[name=facts]:checked")).to_have_count(1)
    await someone.press(someone.button("Send a test"))
    await someone.done("tested")
    await someone.press(someone.button("Send again"))
    await someone.done("resent")
    await someone.looks_around()
    await someone.press(someone.button("Delete"))
    await someone.agree()
    await someone.done("deleted")


async def _notice(world: World) -> object:
    """Something a gateway told that is not about money: nothing is asked of it."""
    async with world.database.transaction() as db:
        now = await clock.moment(db)
        told = Notice(
            event_id=str(new_id()), type="balance.moved", object="other", key=None, reference=None, sent_at=now, body={}
        )
        event_id = await payments.store_event(db, gateway="sandbox", notice=told, now=now)
        await payments.finish_event(db, event_id, outcome="parked", now=now)
    return event_id


async def _dead_job(world: World) -> object:
    """A letter that could not be sent for days."""
    key = f"test:{new_id()}"
    async with world.database.transaction() as db:
        now = await clock.moment(db)
        await jobs.enqueue(db, kind="test.kind", key=key, payload={"user_id": str(new_id())}, run_at=now)
        failed = {"state": "dead", "attempts": 20, "last_error": "TimeoutError: "}
        await db.execute(sa.update(jobs.jobs).where(jobs.jobs.c.key == key).values(**failed))
        return await db.scalar(sa.select(jobs.jobs.c.id).where(jobs.jobs.c.key == key))
