"""What becomes of deliveries: attempts are begun and settled, some asked for again, old ones forgotten.

Intent, commit, call, outcome: `begin` writes that an attempt is made and gives it to one courier under a lease; the
call stands outside of any transaction; `settle` writes what came of it. Who dies in between leaves a lease that ends,
and the delivery is made again: at least once.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.webhooks import actions, queries, rules, secrets
from holdfast.kernel.webhooks.hearing import waiting
from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import (
    FAILING_AT_MOST,
    TEST,
    Attempt,
    Delivery,
    Endpoint,
    EndpointDisabled,
    Outcome,
    WebhookTestWaiting,
)
from holdfast.kit import keeping
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Told

#: Longer than any call takes.
LEASE = timedelta(seconds=30)
#: So that a slow receiver with much to hear never keeps the others waiting.
PER_ENDPOINT_MAX = 4
RESENT_MAX = 10_000


async def ask_test(db: Transaction, endpoint: Endpoint, *, actor: Actor, now: datetime) -> Delivery:
    """Send something that tells of nothing, once, to see whether it arrives. EndpointDisabled, WebhookTestWaiting."""
    if endpoint.state != "active":
        raise EndpointDisabled
    waits = sa.exists().where(
        webhook_deliveries.c.endpoint_id == endpoint.id,
        webhook_deliveries.c.fact == TEST,
        webhook_deliveries.c.state == "waiting",
    )
    if await db.scalar(sa.select(waits)):
        raise WebhookTestWaiting
    test = Told(new_id(), TEST, 1, None, {"endpoint_id": str(endpoint.id)}, now, 0)
    row = {**waiting(endpoint.id, test, inventory_id=None, now=now), "position": None}
    await db.execute(sa.insert(webhook_deliveries).values(row))
    await _log(db, row["id"], endpoint.provider_id, "webhook_test_asked", actor=actor, now=now)
    return await queries.find_delivery(db, row["id"])


async def resend(db: Transaction, delivery_id: UUID, *, actor: Actor, now: datetime) -> Delivery:
    """Send it (again), from now on with as many attempts as at first; one that waits is sent now.

    DeliveryNotFound, EndpointDisabled.
    """
    delivery = await queries.find_delivery(db, delivery_id)
    endpoint = await queries.find(db, delivery.endpoint_id)
    if endpoint.state != "active":
        raise EndpointDisabled
    await db.execute(sa.update(webhook_deliveries).where(webhook_deliveries.c.id == delivery_id).values(_again(now)))
    details = {"endpoint_id": str(endpoint.id), "state": delivery.state}
    await _log(db, delivery_id, endpoint.provider_id, "webhook_resent", actor=actor, now=now, details=details)
    return await queries.find_delivery(db, delivery_id)


async def resend_failed(db: Transaction, endpoint: Endpoint, *, since: datetime, actor: Actor, now: datetime) -> int:
    """Send again what failed for good and was noted at that moment or after it, the oldest first; how many.

    EndpointDisabled.
    """
    if endpoint.state != "active":
        raise EndpointDisabled
    failed = (
        sa.select(webhook_deliveries.c.id)
        .where(
            webhook_deliveries.c.endpoint_id == endpoint.id,
            webhook_deliveries.c.state == "failed",
            webhook_deliveries.c.fact != TEST,
            webhook_deliveries.c.created_at >= since,
        )
        .order_by(webhook_deliveries.c.created_at)
        .limit(RESENT_MAX)
    )
    chosen = webhook_deliveries.c.id.in_(failed.scalar_subquery())
    count = await db.execute(sa.update(webhook_deliveries).where(chosen).values(_again(now)))
    await audit.record(
        db,
        actor=actor,
        action="webhooks_resent",
        entity_type="webhook_endpoint",
        entity_id=endpoint.id,
        provider_id=endpoint.provider_id,
        details={"since": since.isoformat(), "count": count},
        now=now,
    )
    return count


async def begin(
    db: Transaction, *, settings: WebhookSettings, most: int, busy: Mapping[UUID, int], now: datetime
) -> list[Attempt]:
    """Attempts that are due, leased to the caller, who has so many of some endpoints under way (`busy`) already."""
    d, e = webhook_deliveries.c, webhook_endpoints.c
    is_due = _due(now)
    turn = sa.func.row_number().over(partition_by=d.endpoint_id, order_by=(d.next_at, d.id)).label("turn")
    await _end_orphans(db, is_due, now=now)
    full = [endpoint_id for endpoint_id, count in busy.items() if count >= PER_ENDPOINT_MAX]
    queue = sa.select(d.id, turn).where(is_due, d.endpoint_id.not_in(full)).subquery("queue")
    in_turn = sa.select(queue.c.id).where(queue.c.turn <= PER_ENDPOINT_MAX)
    due = await db.all(
        sa.select(webhook_deliveries, e.provider_id, e.url, e.secret, e.former_secret, e.former_secret_until)
        .join(webhook_endpoints, e.id == d.endpoint_id)
        .where(is_due, d.id.in_(in_turn), e.state == "active", e.deleted_at.is_(None))
        .order_by(d.next_at, d.id)
        .limit(most)
        .with_for_update(of=webhook_deliveries, skip_locked=True)
    )
    for row in due:
        values = {
            "leased_until": now + LEASE,
            "attempts": row.attempts + 1,
            "first_attempt_at": row.first_attempt_at or now,
            "last_attempt_at": now,
        }
        await db.execute(sa.update(webhook_deliveries).where(d.id == row.id).values(values))
    return [_attempt(row, settings=settings, now=now) for row in due]


async def is_any_due(db: Reader, *, now: datetime) -> bool:
    return bool(await db.scalar(sa.select(sa.exists().where(_due(now)))))


async def settle(db: Transaction, attempt: Attempt, outcome: Outcome, *, jitter: float, now: datetime) -> None:
    """Write what came of an attempt: delivered, to be tried again, or given up, which may disable the endpoint.

    An outcome that comes after the lease went to somebody else, or after the endpoint was disabled, counts only if the
    delivery was made.
    """
    if outcome.reason is None:
        await _delivered(db, attempt, outcome, now=now)
        return
    endpoint = await _locked(db, attempt.endpoint_id)  # before its deliveries, as those who disable it do
    next_at = rules.next_try(attempt, outcome, now=now, jitter=jitter)
    told = {"last_status": outcome.status, "last_reason": outcome.reason, "leased_until": None, "updated_at": now}
    told |= {"state": "failed", "next_at": None} if next_at is None else {"next_at": next_at}
    mine = (*_of(attempt), webhook_deliveries.c.state == "waiting")
    if not await db.execute(sa.update(webhook_deliveries).where(*mine).values(told)) or attempt.fact == TEST:
        return
    failing_since = endpoint.failing_since or attempt.at
    if endpoint.failing_since is None:
        begins = sa.update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint.id)
        await db.execute(begins.values(failing_since=failing_since))
    if next_at is not None:
        return
    details = {"endpoint_id": str(endpoint.id), "attempts": attempt.number, "reason": outcome.reason}
    who = Actor.system()
    await _log(
        db, attempt.delivery_id, endpoint.provider_id, "webhook_delivery_failed", actor=who, now=now, details=details
    )
    if outcome.is_gone:
        await actions.disable(db, endpoint, because="gone", now=now)
    elif now - failing_since >= FAILING_AT_MOST:
        await actions.disable(db, endpoint, because="failing", now=now)


async def forget(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Drop deliveries that are over and were noted before that moment, at most `limit`; how many."""
    over = (webhook_deliveries.c.created_at < before, webhook_deliveries.c.state != "waiting")
    return await keeping.drop(db, webhook_deliveries, *over, limit=limit)


def _due(now: datetime) -> sa.ColumnElement[bool]:
    d = webhook_deliveries.c
    is_free = sa.or_(d.leased_until.is_(None), d.leased_until <= now)
    return sa.and_(d.state == "waiting", d.next_at <= now, is_free)


async def _end_orphans(db: Transaction, is_due: sa.ColumnElement[bool], *, now: datetime) -> None:
    """The relay may have noted one while its endpoint was being disabled or deleted."""
    e = webhook_endpoints.c
    silent = sa.select(e.id).where(sa.or_(e.state != "active", e.deleted_at.is_not(None)))
    values = {"state": "failed", "next_at": None, "last_reason": "endpoint_disabled", "updated_at": now}
    orphans = (is_due, webhook_deliveries.c.endpoint_id.in_(silent))
    await db.execute(sa.update(webhook_deliveries).where(*orphans).values(values))


def _again(now: datetime) -> dict[str, Any]:
    return {
        "state": "waiting",
        "attempts": 0,
        "resends": webhook_deliveries.c.resends + 1,
        "next_at": now,
        "updated_at": now,
    }


def _attempt(row: sa.Row[Any], *, settings: WebhookSettings, now: datetime) -> Attempt:
    sealed = [row.secret]
    if row.former_secret is not None and row.former_secret_until > now:
        sealed.append(row.former_secret)
    readable = [secrets.opened(settings, each, endpoint_id=row.endpoint_id) for each in sealed]
    return Attempt(
        delivery_id=row.id,
        endpoint_id=row.endpoint_id,
        provider_id=row.provider_id,
        url=row.url,
        secrets=tuple(each for each in readable if each is not None),
        fact_id=row.fact_id,
        fact=row.fact,
        version=row.version,
        payload=row.payload,
        fact_at=row.fact_at,
        number=row.attempts + 1,
        at=now,
    )


def _of(attempt: Attempt) -> tuple[sa.ColumnElement[bool], ...]:
    """The delivery as this attempt left it: nobody has begun another one since."""
    return (webhook_deliveries.c.id == attempt.delivery_id, webhook_deliveries.c.last_attempt_at == attempt.at)


async def _delivered(db: Transaction, attempt: Attempt, outcome: Outcome, *, now: datetime) -> None:
    e = webhook_endpoints.c
    recovered = (e.id == attempt.endpoint_id, e.failing_since.is_not(None))
    await db.execute(sa.update(webhook_endpoints).where(*recovered).values(failing_since=None))
    values = {
        "state": "delivered",
        "next_at": None,
        "leased_until": None,
        "last_status": outcome.status,
        "last_reason": None,
        "delivered_at": now,
        "updated_at": now,
    }
    await db.execute(sa.update(webhook_deliveries).where(*_of(attempt)).values(values))


async def _locked(db: Transaction, endpoint_id: UUID) -> Endpoint:
    statement = sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)
    return queries.as_endpoint(await db.one(statement.with_for_update(key_share=True)))


async def _log(
    db: Transaction,
    delivery_id: UUID,
    provider_id: UUID | None,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="webhook_delivery",
        entity_id=delivery_id,
        provider_id=provider_id,
        details=details,
        now=now,
    )
