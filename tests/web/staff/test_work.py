"""Refunds, notices of gateways, jobs and facts: what waits, what failed, and doing it again."""

import re
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel import payments
from holdfast.kernel.payments import Notice
from holdfast.kit import clock, jobs
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.web.pages.staff.work import scrubbed
from tests import builders
from tests.builders import Time
from tests.web.staff.conftest import Actions, SignIn


async def dead_job(database: Database, *, error: str = "ValueError: no") -> UUID:
    key = f"test:{new_id()}"
    async with database.transaction() as db:
        now = await clock.moment(db)
        await jobs.enqueue(
            db, kind="test.kind", key=key, payload={"user_id": "u-7", "code": "314159"}, run_at=now + timedelta(days=9)
        )
        await db.execute(
            sa.update(jobs.jobs).where(jobs.jobs.c.key == key).values(state="dead", attempts=20, last_error=error)
        )
        found: UUID = await db.scalar(sa.select(jobs.jobs.c.id).where(jobs.jobs.c.key == key))
    return found


async def notice(database: Database) -> UUID:
    """Something a gateway told that is not about money: nothing is asked of it."""
    async with database.transaction() as db:
        now = await clock.moment(db)
        told = Notice(
            event_id=str(new_id()), type="balance.moved", object="other", key=None, reference=None, sent_at=now, body={}
        )
        event_id = await payments.store_event(db, gateway="sandbox", notice=told, now=now)
        await payments.finish_event(db, event_id, outcome="parked", now=now)
    return event_id


async def test_a_refund_that_failed_is_sent_once_more_by_an_admin(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time, actions: Actions
) -> None:
    booking = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booking)
    (refund,) = await builders.refunds_of(database, booking.id)
    await builders.refunded(database, refund, status="failed")
    admin = await sign_in("admin")

    page = (await browser.get("/staff/refunds?limit=100")).text
    answer = await browser.post(f"/staff/refunds/{refund.id}/retry")
    again = await browser.post(f"/staff/refunds/{refund.id}/retry")

    assert f"/staff/refunds/{refund.id}/retry" in page
    assert "The gateway refused it." in page
    assert answer.headers["location"] == "/staff/refunds?status=pending&done=retried"
    assert again.status_code == 409
    assert "Only a refund that failed can be tried again." in again.text
    assert [each.status for each in await builders.refunds_of(database, booking.id)] == ["pending"]
    assert (await actions(refund.id))[-1] == f"refund_tried_again by {admin.id}"


async def test_refunds_are_counted_by_how_they_stand_and_kept_as_a_table(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    booking = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booking)
    (refund,) = await builders.refunds_of(database, booking.id)
    await builders.refunded(database, refund)
    await sign_in("admin")

    page = await browser.get("/staff/refunds?status=processed&limit=100")
    table = await browser.get("/staff/refunds.csv?status=processed")
    nonsense = await browser.get("/staff/refunds?status=gone")

    assert f"back-{refund.id}" in page.text
    assert f"{refund.id},{booking.id},{refund.payment_id},cancelled,10.00,EGP,processed" in table.text
    assert nonsense.status_code == 200


async def test_a_notice_is_processed_again_and_that_is_logged(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, actions: Actions
) -> None:
    event_id = await notice(database)
    admin = await sign_in("admin")

    before = await browser.get("/staff/gateway-events?outcome=parked&limit=100")
    answer = await browser.post(f"/staff/gateway-events/{event_id}/process")
    async with database.reader() as db:
        event = await payments.event(db, event_id)
    missing = await browser.post(f"/staff/gateway-events/{new_id()}/process")

    assert f"/staff/gateway-events/{event_id}/process" in before.text
    assert answer.headers["location"] == "/staff/gateway-events?done=processed"
    assert event.outcome == "ignored"
    assert await actions(event_id) == [f"gateway_event_reopened by {admin.id}"]
    assert missing.status_code == 404


async def test_a_job_that_was_given_up_is_tried_again_and_that_is_logged(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, actions: Actions
) -> None:
    job_id = await dead_job(database)
    admin = await sign_in("admin")

    answer = await browser.post(f"/staff/jobs/{job_id}/retry")
    again = await browser.post(f"/staff/jobs/{job_id}/retry")
    async with database.reader() as db:
        job = await jobs.find(db, job_id)

    assert answer.headers["location"] == "/staff/jobs?done=revived"
    assert again.status_code == 404
    assert job is not None
    assert (job.state, job.attempts) == ("ready", 0)
    assert await actions(job_id) == [f"job_revived by {admin.id}"]


async def test_a_job_shows_its_error_and_ids_and_nothing_secret(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn
) -> None:
    error = "SMTPError: 550 to amal@example.org via https://mail.example/x?token=abc123 key hfp_Zx81yQwErTyUiOpAsDfGh"
    await dead_job(database, error=error)
    await sign_in("admin")

    pages = [await browser.get(path) for path in ("/staff/jobs?state=dead&limit=100", "/staff/jobs.csv?state=dead")]

    for page in pages:
        assert "SMTPError: 550 to … via" in page.text
        assert "u-7" in page.text
        assert re.search(r"amal@|abc123|hfp_Z|314159", page.text) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("TimeoutError: ", "TimeoutError: "),
        ("refund_not_failed: Only a refund that failed", "refund_not_failed: Only a refund that failed"),
        ("call +20 100 123 4567 now", "call … now"),
        ("of 01a1fcd2-7435-707a-98df-325841677370.", "of 01a1fcd2-7435-707a-98df-325841677370"),
        ("UnsupportedOperationException", "UnsupportedOperationException"),
        ("Bearer eyJhbGciOiJFZERTQSJ9.eyJzdWIiOjF9.sig_1234567890", "Bearer …"),
        (None, ""),
    ],
)
def test_an_error_loses_what_is_private_and_keeps_what_helps(text: str | None, shown: str) -> None:
    assert scrubbed(text) == shown


async def test_the_outbox_tells_what_waits_and_what_was_told(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    booking = await builders.confirmed(database, await builders.room(database))
    await sign_in("admin")

    page = await browser.get("/staff/outbox?kind=BookingConfirmed&limit=100")
    table = await browser.get("/staff/outbox.csv?kind=BookingConfirmed")

    assert str(booking.id) in page.text
    assert "Facts that wait" in page.text
    assert str(booking.id) in table.text
