"""Issue refunds: reserved and posted in the transaction that decides them, sent by a job, settled by the answer.

Issuing moves what is due from where it stood to *refunds payable*; settling pays it out of the gateway's clearing
account. A refund that failed is still owed: its reservation is lowered, its posting stays until it is tried again.
"""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, bookings, ledger, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import RefundState
from holdfast.kernel.inventory import Turn
from holdfast.kernel.ledger import Account, Transfer
from holdfast.kernel.payments import GatewayRefund, Payment
from holdfast.kernel.refunds import queries
from holdfast.kernel.refunds.models import refunds
from holdfast.kernel.refunds.values import (
    Refund,
    RefundFact,
    RefundFailed,
    RefundNotFailed,
    RefundSent,
    Why,
)
from holdfast.kit import ids, jobs, outbox
from holdfast.kit.db import Transaction

SEND = "refund.send"


async def issue(
    taken: Turn,
    payment: Payment,
    *,
    amount: int,
    why: Why,
    out_of: list[tuple[Account, int]],
    actor: Actor,
    cancellation_id: UUID | None = None,
) -> Refund:
    """Owe `amount` of this payment to who paid it, taken `out_of` these accounts; the gateway is called by a job.

    RefundTooLarge where less than that was captured and is not under a refund yet.
    """
    assert sum(part for _, part in out_of) == amount
    db, now = taken.db, taken.now
    await payments.reserve_refund(db, payment, amount=amount, now=now)
    refund_id = ids.new_id()
    await db.execute(
        sa.insert(refunds).values(
            inventory_id=payment.inventory_id,
            id=refund_id,
            payment_id=payment.id,
            booking_id=payment.booking_id,
            cancellation_id=cancellation_id,
            provider_id=payment.provider_id,
            gateway=payment.gateway,
            why=why,
            amount=amount,
            currency=payment.captured_currency,
            status="pending",
            created_at=now,
            updated_at=now,
        )
    )
    await ledger.post(
        db,
        cause_kind="refund",
        cause_id=refund_id,
        transfers=[
            Transfer(f"owed:{account.kind}", debit=account, credit=Account("refunds_payable"), amount=part)
            for account, part in out_of
        ],
        currency=payment.captured_currency,
        now=now,
    )
    refund = await queries.find(db, refund_id)
    await _log(db, refund, actor=actor, action="refund_issued", after="pending", now=now)
    await _tell_booking(db, refund, now=now)
    await enqueue(db, refund_id, now=now)
    return refund


async def settle(taken: Turn, refund_id: UUID, state: GatewayRefund) -> Refund:
    """Apply what the gateway says of it; again and again without harm. News of an earlier try changes nothing."""
    db, now = taken.db, taken.now
    refund = await queries.find(db, refund_id)
    if refund.status != "pending" or state.key != await queries.gateway_key(db, refund_id):
        return refund
    if state.status == "pending":
        await db.execute(sa.update(refunds).where(refunds.c.id == refund.id).values(gateway_reference=state.reference))
    elif state.status == "processed":
        await _processed(db, refund, state, now=now)
    else:
        await _failed(db, refund, state, now=now)
    return await queries.find(db, refund_id)


async def try_again(taken: Turn, refund_id: UUID, *, actor: Actor) -> Refund:
    """Send a failed refund once more, as a new try at the gateway. RefundNotFailed."""
    db, now = taken.db, taken.now
    refund = await queries.find(db, refund_id)
    if refund.status != "failed":
        raise RefundNotFailed
    payment = await payments.find(db, refund.payment_id)
    await payments.reserve_refund(db, payment, amount=refund.amount, now=now)
    await db.execute(
        sa.update(refunds)
        .where(refunds.c.id == refund.id)
        .values(status="pending", tries=refunds.c.tries + 1, last_error=None, updated_at=now)
    )
    await _log(db, refund, actor=actor, action="refund_tried_again", after="pending", now=now)
    await _tell_booking(db, refund, now=now)
    await enqueue(db, refund.id, now=now)
    return await queries.find(db, refund_id)


async def enqueue(db: Transaction, refund_id: UUID, *, now: datetime) -> None:
    """Let a job send it; nothing is added where one waits already.

    Each try has a job of its own: that of the last one may still be at work, and ends with what it began with.
    """
    key = f"{SEND}:{await queries.gateway_key(db, refund_id)}"
    await jobs.enqueue(db, kind=SEND, key=key, payload={"refund_id": str(refund_id)}, run_at=now)


async def _processed(db: Transaction, refund: Refund, state: GatewayRefund, *, now: datetime) -> None:
    await db.execute(
        sa.update(refunds)
        .where(refunds.c.id == refund.id)
        .values(status="processed", gateway_reference=state.reference, processed_at=now, updated_at=now)
    )
    await ledger.post(
        db,
        cause_kind="refund",
        cause_id=refund.id,
        transfers=[
            Transfer(
                "paid_back",
                debit=Account("refunds_payable"),
                credit=Account("gateway_clearing", refund.gateway),
                amount=refund.amount,
            )
        ],
        currency=refund.currency,
        now=now,
    )
    payment = await payments.find(db, refund.payment_id)
    back = await db.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(refunds.c.amount), 0)).where(
            refunds.c.payment_id == payment.id, refunds.c.status == "processed"
        )
    )
    status: payments.Status = "refunded" if back >= payment.captured else "partially_refunded"
    await payments.set_refunded(db, payment, status=status, now=now)
    await _log(db, refund, actor=Actor.system(), action="refund_processed", after="processed", now=now)
    await _tell_booking(db, refund, now=now)
    await outbox.publish(db, _fact(RefundSent, refund), now=now)


async def _failed(db: Transaction, refund: Refund, state: GatewayRefund, *, now: datetime) -> None:
    await db.execute(
        sa.update(refunds)
        .where(refunds.c.id == refund.id)
        .values(
            status="failed",
            gateway_reference=state.reference or None,  # none where it was refused
            last_error="the gateway refused it",
            updated_at=now,
        )
    )
    payment = await payments.find(db, refund.payment_id)
    await payments.free_refund(db, payment, amount=refund.amount, now=now)
    await _log(db, refund, actor=Actor.system(), action="refund_failed", after="failed", now=now)
    await _tell_booking(db, refund, now=now)
    await outbox.publish(db, _fact(RefundFailed, refund), now=now)


async def _tell_booking(db: Transaction, refund: Refund, *, now: datetime) -> None:
    """Let booking and cancellation say how the refunds due to them stand."""
    booking = await bookings.find(db, refund.booking_id)
    all_of_it = (await queries.of_bookings(db, [booking.id]))[booking.id]
    await bookings.set_refund_state(db, booking, _refund_state(booking, all_of_it), now=now)
    if refund.cancellation_id is not None:
        mine = {each.status for each in all_of_it if each.cancellation_id == refund.cancellation_id}
        status = "failed" if "failed" in mine else "pending" if "pending" in mine else "processed"
        await bookings.settle_cancellation(
            db, refund.cancellation_id, inventory_id=refund.inventory_id, status=status, now=now
        )


def _refund_state(booking: bookings.Booking, all_of_it: list[Refund]) -> RefundState:
    """`full`: all that was due is back; `part`: some items were cancelled and theirs is back (spec, bus)."""
    # What a confirmed booking did not use (paid twice, another amount) was never its own: it says nothing of it.
    due = [refund for refund in all_of_it if refund.cancellation_id is not None or not booking.was_confirmed]
    statuses = {refund.status for refund in due}
    if "failed" in statuses:
        return "failed"
    if "pending" in statuses:
        return "pending"
    if not statuses:
        return "none"
    return "full" if booking.state in {"cancelled", "expired"} else "part"


def _fact(kind: type[RefundFact], refund: Refund) -> RefundFact:
    return kind(refund.id, refund.payment_id, refund.booking_id, refund.inventory_id)


async def _log(db: Transaction, refund: Refund, *, actor: Actor, action: str, after: str, now: datetime) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="refund",
        entity_id=refund.id,
        provider_id=refund.provider_id,
        before={"status": refund.status},
        after={"status": after},
        details={"booking_id": str(refund.booking_id), "amount": refund.amount, "why": refund.why},
        now=now,
    )
