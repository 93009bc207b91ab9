"""Write payments down: the intent before the call, the outcome after it, and what gateways tell."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.payments import queries, rules
from holdfast.kernel.payments.models import (
    gateway_events,
    gateway_references,
    payment_allocations,
    payments,
)
from holdfast.kernel.payments.port import GatewayPayment, Notice
from holdfast.kernel.payments.values import (
    OPEN,
    UNPAID,
    GatewayEventNotFound,
    Method,
    Payment,
    RefundTooLarge,
    Status,
)
from holdfast.kit import ids, keeping
from holdfast.kit.db import Transaction


async def initiate(
    db: Transaction,
    *,
    inventory_id: UUID,
    booking_id: UUID,
    hold_id: UUID,
    user_id: UUID | None,
    provider_id: UUID,
    fare_amount: int,
    service_fee: int,
    currency: str,
    method: Method,
    gateway: str,
    expires_at: datetime,
    actor: Actor,
    now: datetime,
) -> Payment:
    """The intent to pay, before any gateway is called. One open payment a booking: the database refuses a second."""
    payment_id = ids.new_id()
    await db.execute(
        sa.insert(payments).values(
            inventory_id=inventory_id,
            id=payment_id,
            booking_id=booking_id,
            hold_id=hold_id,
            user_id=user_id,
            provider_id=provider_id,
            amount=fare_amount + service_fee,
            currency=currency,
            fare_amount=fare_amount,
            service_fee=service_fee,
            method=method,
            gateway=gateway,
            status="initiated",
            captured_currency=currency,
            expires_at=expires_at,
            transaction_datetime=now,
            created_at=now,
            updated_at=now,
        )
    )
    payment = await queries.find(db, payment_id)
    await _log(db, payment, actor=actor, action="payment_initiated", after={"status": "initiated"}, now=now)
    return payment


async def opened(db: Transaction, payment: Payment, *, reference: str, url: str, now: datetime) -> None:
    """The gateway opened a checkout. Says nothing where the payment went on meanwhile: its webhook was quicker.

    The payment is locked first, as a webhook does: both write its reference, and would wait for each other in a circle.
    """
    await locked(db, payment.id, inventory_id=payment.inventory_id)
    await remember_reference(db, payment, reference=reference)
    moved = await db.execute(
        sa.update(payments)
        .where(_row(payment), payments.c.status == "initiated")
        .values(status="pending", gateway_reference=reference, url=url, updated_at=now)
    )
    if moved:
        await _log(
            db,
            payment,
            actor=Actor.system(),
            action="payment_pending",
            before={"status": "initiated"},
            after={"status": "pending"},
            now=now,
        )
    else:
        await db.execute(sa.update(payments).where(_row(payment), payments.c.url.is_(None)).values(url=url))


async def remember_reference(db: Transaction, payment: Payment, *, reference: str) -> None:
    """The gateway's own name for the payment; unique for ever."""
    row = {
        "gateway": payment.gateway,
        "reference": reference,
        "inventory_id": payment.inventory_id,
        "payment_id": payment.id,
    }
    await db.execute(db.insert(gateway_references).values(row).on_conflict_do_nothing())
    await db.execute(
        sa.update(payments)
        .where(_row(payment), payments.c.gateway_reference.is_(None))
        .values(gateway_reference=reference)
    )


async def locked(db: Transaction, payment_id: UUID, *, inventory_id: UUID) -> Payment:
    """The payment as it is now, locked; whoever needs its inventory's turn too has taken that before."""
    row = await db.one(
        sa.select(payments)
        .where(payments.c.inventory_id == inventory_id, payments.c.id == payment_id)
        .with_for_update(key_share=True)
    )
    return queries.payment_of(row)


async def capture(db: Transaction, payment: Payment, state: GatewayPayment, *, now: datetime) -> None:
    """Money came: whatever was known before, this is a fact. Exactly once; the caller saw it unpaid under a lock."""
    touched = await db.execute(
        sa.update(payments)
        .where(_row(payment), payments.c.status.in_(UNPAID))
        .values(
            status="completed",
            captured=state.captured.minor,
            captured_currency=state.captured.currency,
            gateway_fee=state.fee.minor if state.fee.currency == state.captured.currency else 0,
            transaction_datetime=now,
            updated_at=now,
        )
    )
    assert touched == 1
    await _log(
        db,
        payment,
        actor=Actor.system(),
        action="payment_completed",
        before={"status": payment.status},
        after={"status": "completed", "captured": state.captured.minor, "currency": state.captured.currency},
        now=now,
    )


async def give_up(db: Transaction, payment: Payment, *, to: Status, now: datetime) -> bool:
    """It failed or expired; False where it is not open any more."""
    touched = await db.execute(
        sa.update(payments).where(_row(payment), payments.c.status.in_(OPEN)).values(status=to, updated_at=now)
    )
    if touched:
        await _log(
            db,
            payment,
            actor=Actor.system(),
            action=f"payment_{to}",
            before={"status": payment.status},
            after={"status": to},
            now=now,
        )
    return touched == 1


async def allocate(db: Transaction, payment: Payment, *, amount: int) -> None:
    """So much of it pays its booking."""
    await db.execute(
        sa.insert(payment_allocations).values(
            inventory_id=payment.inventory_id,
            payment_id=payment.id,
            booking_id=payment.booking_id,
            amount=amount,
        )
    )


async def reserve_refund(db: Transaction, payment: Payment, *, amount: int, now: datetime) -> None:
    """Put so much of what was captured under a refund. RefundTooLarge; the database checks it too."""
    touched = await db.execute(
        sa.update(payments)
        .where(_row(payment), payments.c.captured - payments.c.refund_reserved >= amount)
        .values(refund_reserved=payments.c.refund_reserved + amount, updated_at=now)
    )
    if touched != 1:
        raise RefundTooLarge


async def free_refund(db: Transaction, payment: Payment, *, amount: int, now: datetime) -> None:
    """A refund failed: so much is not under one any more."""
    await db.execute(
        sa.update(payments)
        .where(_row(payment))
        .values(refund_reserved=payments.c.refund_reserved - amount, updated_at=now)
    )


async def set_refunded(db: Transaction, payment: Payment, *, status: Status, now: datetime) -> None:
    """How much of it went back: partially_refunded or refunded."""
    touched = await db.execute(
        sa.update(payments)
        .where(_row(payment), payments.c.status.in_(("completed", "partially_refunded", "refunded")))
        .values(status=status, updated_at=now)
    )
    if touched and status != payment.status:
        await _log(
            db,
            payment,
            actor=Actor.system(),
            action=f"payment_{status}",
            before={"status": payment.status},
            after={"status": status},
            now=now,
        )


async def store_event(db: Transaction, *, gateway: str, notice: Notice, now: datetime) -> UUID:
    """Keep a verified notice; the id of the first one where it was told before."""
    row = {
        "id": ids.new_id(),
        "gateway": gateway,
        "event_id": notice.event_id,
        "type": notice.type,
        "object": notice.object,
        "key": notice.key,
        "reference": notice.reference,
        "body": notice.body,
        "received_at": now,
    }
    await db.execute(db.insert(gateway_events).values(row).on_conflict_do_nothing())
    found: UUID = await db.scalar(
        sa.select(gateway_events.c.id).where(
            gateway_events.c.gateway == gateway, gateway_events.c.event_id == notice.event_id
        )
    )
    return found


async def finish_event(db: Transaction, event_id: UUID, *, outcome: str, now: datetime) -> None:
    """It was processed, with this outcome; the first outcome stays. Its body loses what it says of who paid."""
    body = await db.scalar(sa.select(gateway_events.c.body).where(gateway_events.c.id == event_id))
    await db.execute(
        sa.update(gateway_events)
        .where(gateway_events.c.id == event_id, gateway_events.c.processed_at.is_(None))
        .values(processed_at=now, outcome=outcome, body=rules.without_payer(body))
    )


async def blank_payer(db: Transaction, user_id: UUID) -> int:
    """Take what gateways say of somebody out of notices that still wait to be processed; how many.

    Those that were processed say nothing of who paid any more.
    """
    theirs = await db.all(sa.select(payments.c.id, payments.c.gateway_reference).where(payments.c.user_id == user_id))
    keys, references = {str(row.id) for row in theirs}, {row.gateway_reference for row in theirs}
    waiting = await db.all(
        sa.select(gateway_events.c.id, gateway_events.c.key, gateway_events.c.reference, gateway_events.c.body).where(
            gateway_events.c.processed_at.is_(None)
        )
    )
    rows = [row for row in waiting if row.key in keys or (row.reference and row.reference in references)]
    for row in rows:
        blanked = sa.update(gateway_events).where(gateway_events.c.id == row.id)
        await db.execute(blanked.values(body=rules.without_payer(row.body)))
    return len(rows)


async def forget_events(db: Transaction, *, before: datetime, limit: int) -> int:
    """Drop notices that were received and processed before that moment, at most so many; how many."""
    done = (gateway_events.c.received_at < before, gateway_events.c.processed_at.is_not(None))
    return await keeping.drop(db, gateway_events, *done, first=[gateway_events.c.received_at], limit=limit)


async def reopen_event(db: Transaction, event_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Let a stored notice be processed once more, whatever came of it: it only makes us ask for the state again."""
    row = await db.first(sa.select(gateway_events).where(gateway_events.c.id == event_id))
    if row is None:
        raise GatewayEventNotFound
    await db.execute(
        sa.update(gateway_events).where(gateway_events.c.id == event_id).values(processed_at=None, outcome=None)
    )
    await audit.record(
        db,
        actor=actor,
        action="gateway_event_reopened",
        entity_type="gateway_event",
        entity_id=event_id,
        before={"outcome": row.outcome},
        details={"gateway": row.gateway, "type": row.type},
        now=now,
    )


def _row(payment: Payment) -> sa.ColumnElement[bool]:
    return sa.and_(payments.c.inventory_id == payment.inventory_id, payments.c.id == payment.id)


async def _log(
    db: Transaction,
    payment: Payment,
    *,
    actor: Actor,
    action: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="payment",
        entity_id=payment.id,
        provider_id=payment.provider_id,
        before=before,
        after=after,
        details={"booking_id": str(payment.booking_id)},
        now=now,
    )
