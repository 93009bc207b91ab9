"""What has been kept long enough is dropped, batch by batch; what has not stays."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel import bookings, payments, retention
from holdfast.kernel.audit.models import activity_origins
from holdfast.kernel.bookings.models import cancellation_quotes
from holdfast.kernel.identity.models import logins, refresh_tokens, verifications
from holdfast.kernel.payments import Notice, rules
from holdfast.kernel.payments.models import gateway_events
from holdfast.kit import idempotency, jobs, keeping, outbox, ratelimit
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders, builders_identity
from tests.builders import Time

pytestmark = pytest.mark.alone  # it drops whatever is old


async def rows_of(database: Database, table: sa.Table) -> int:
    async with database.reader() as db:
        counted: int = await db.scalar(sa.select(sa.func.count()).select_from(table))
    return counted


async def a_notice(database: Database, now: datetime, *, is_processed: bool, body: Mapping[str, Any]) -> Any:
    notice = Notice(f"event-{new_id()}", "charge.seen", "other", None, None, now, dict(body))
    async with database.transaction() as db:
        event_id = await payments.store_event(db, gateway="sandbox", notice=notice, now=now)
        if is_processed:
            await payments.finish_event(db, event_id, outcome="ignored", now=now)
        return await db.scalar(sa.select(gateway_events.c.body).where(gateway_events.c.id == event_id))


async def a_dead_job(database: Database, now: datetime) -> None:
    row = {"id": new_id(), "kind": "test.fails", "payload": {}, "state": "dead", "run_at": now, "created_at": now}
    async with database.transaction() as db:
        await db.execute(sa.insert(jobs.jobs).values(row | {"attempts": jobs.ATTEMPTS_MAX}))


async def a_little_of_everything(database: Database, time: Time) -> None:
    person = await builders_identity.sign_up(database, is_verified=False)
    room = await builders.room(database, starts_in=timedelta(days=3))
    booked = await builders.confirmed(database, room, owner=person.actor)
    async with database.transaction() as db:
        due = bookings.quote_due(booked, booked.hold.kept, now=time.now)
        await bookings.keep_quote(db, booked, due, now=time.now)
    await a_dead_job(database, time.now)
    await a_notice(database, time.now, is_processed=True, body={})
    await a_notice(database, time.now, is_processed=False, body={})
    await ratelimit.allow(database, bucket="test:somebody", limit=9, per=timedelta(minutes=1), now=time.now)


async def test_each_goes_in_its_time_and_not_before(database: Database, time: Time) -> None:
    tables = {
        table.name: table
        for table in (
            *(cancellation_quotes, ratelimit.rate_limits, outbox.outbox, logins, refresh_tokens, verifications),
            *(jobs.jobs, gateway_events, activity_origins),
        )
    }
    await a_little_of_everything(database, time)
    start, before = time.now, {name: await rows_of(database, table) for name, table in tables.items()}
    gone: dict[str, int] = {}

    for days in (0, 2, 8, 50, 95, 100, 401):
        await time.to(start + timedelta(days=days))
        for name, count in (await retention.tidy(database)).items():
            if count:
                gone.setdefault(name, days)

    assert before["outbox"] > 0
    assert gone | {"outbox": 8} == gone
    assert {name: gone[name] for name in ("cancellation_quotes", "rate_limits", "verifications")} == {
        "cancellation_quotes": 2,
        "rate_limits": 2,
        "verifications": 50,
    }
    assert (gone["jobs"], gone["gateway_events"]) == (95, 401)
    assert gone["refresh_tokens"] >= 50
    assert await rows_of(database, gateway_events) == 1  # the one that nobody processed
    assert await check(database) == []


async def test_addresses_are_forgotten_after_ninety_days(database: Database, time: Time) -> None:
    person = await builders_identity.sign_up(database)
    app = builders_identity.application(database)
    async with builders_identity.browsing(app, person) as client:
        assert (await client.delete("/users/me/logins")).status_code == 204
    written = await rows_of(database, activity_origins)
    await time.forward(days=89)
    kept = (await retention.tidy(database))["activity_origins"]
    await time.forward(days=2)

    forgotten = (await retention.tidy(database))["activity_origins"]

    assert (written > 0, kept, forgotten) == (True, 0, written)


async def test_what_is_many_goes_in_batches(database: Database, time: Time) -> None:
    many = 2 * keeping.AT_ONCE + 1
    rows = [{"bucket": f"test:{n}", "window_ends_at": time.now, "tries": 1} for n in range(many)]
    async with database.transaction() as db:
        await db.execute(sa.insert(ratelimit.rate_limits), rows)

    async with database.transaction() as db:
        batch = await ratelimit.forget(db, before=time.now)
    rest = await retention.tidy(database)

    assert (batch, rest["rate_limits"]) == (keeping.AT_ONCE, many - keeping.AT_ONCE)
    assert await rows_of(database, ratelimit.rate_limits) == 0


async def test_a_key_of_a_request_lasts_its_day(database: Database, time: Time) -> None:
    row = {"id": "k", "route": "r", "fingerprint": "f", "lease": new_id(), "leased_until": time.now}
    async with database.transaction() as db:
        forget_at = time.now + timedelta(days=1)
        await db.execute(sa.insert(idempotency.idempotency_keys).values(row | {"forget_at": forget_at}))

    early = (await retention.tidy(database))["idempotency_keys"]
    await time.forward(days=1)

    assert (early, (await retention.tidy(database))["idempotency_keys"]) == (0, 1)


async def test_a_notice_loses_who_paid_with_being_processed(database: Database, time: Time) -> None:
    body = {"id": "evt_1", "data": {"object": {"amount": 500, "receipt_email": "a@example.org", "status": "paid"}}}

    waiting = await a_notice(database, time.now, is_processed=False, body=body)
    processed = await a_notice(database, time.now, is_processed=True, body=body)

    assert waiting == body
    assert processed == {"id": "evt_1", "data": {"object": {"amount": 500, "status": "paid"}}}


def test_of_a_notice_nothing_stays_that_is_not_known_to_be_harmless() -> None:
    body = {
        "event": "charge.completed",
        "data": {
            "id": 285959875,
            "tx_ref": "ours",
            "amount": 100,
            "currency": "KES",
            "customer": {"id": 1, "name": "Amal Hassan", "phone_number": "+254700000000", "email": "a@example.org"},
            "card": {"first_6digits": "539983", "last_4digits": "8381"},
            "ip": "203.0.113.9",
            "fees": [{"type": "gateway", "amount": 3, "payer": "Amal"}],
        },
    }

    assert rules.without_payer(body) == {
        "event": "charge.completed",
        "data": {
            "id": 285959875,
            "tx_ref": "ours",
            "amount": 100,
            "currency": "KES",
            "fees": [{"type": "gateway", "amount": 3}],
        },
    }
