"""Hear what gateways tell, and send refunds: verified, stored, processed by whoever meets it."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import payments, refunds
from holdfast.kernel.checkout.batch import Heard
from holdfast.kernel.checkout.tasks.paying import ASK_AGAIN, apply, settle
from holdfast.kernel.checkout.values import Till
from holdfast.kernel.inventory import turn
from holdfast.kernel.payments import GatewayRefund, GatewayRefused, Notice
from holdfast.kit import clock, metrics
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.jobs import NotYet
from holdfast.kit.money import Money

log = structlog.get_logger("holdfast.checkout")
_webhooks = metrics.counter("holdfast_webhooks_total", "Notices of gateways: taken, refused.", ("gateway", "outcome"))


async def receive(database: Database, till: Till, *, gateway: str, headers: Mapping[str, str], body: bytes) -> None:
    """A webhook: verified, stored, then processed. BadSignature changes nothing; a crash between loses nothing."""
    now = await moment(database, till)
    teller = till.gateway(gateway)
    try:
        notice = teller.read(headers, body, now=now)
    except Error:
        _webhooks.labels(gateway, "refused").inc()
        raise
    heard = None if till.batch is None else await till.batch.hear(notice, gateway=gateway)
    if heard is not None:
        event_id = heard.event_id
    else:
        event_id = await database.run(partial(payments.store_event, gateway=gateway, notice=notice, now=now))
    _webhooks.labels(gateway, "taken").inc()
    try:
        if heard is None or heard.payment is None:
            await process(database, till, event_id)
        elif not heard.is_processed:
            await _process_together(database, till, heard, heard.payment, notice)
    except Error as error:  # it is stored: `reconcile` meets it again within seconds
        log.warning("webhook_processed_later", gateway=gateway, event_id=str(event_id), error=error.code)


async def moment(database: Database, till: Till) -> datetime:
    """The database's, looked at once for all who ask at the same time."""
    if till.batch is not None:
        return await till.batch.now()
    async with database.reader() as db:
        return await clock.moment(db)


async def _process_together(
    database: Database, till: Till, heard: Heard, payment: payments.Payment, notice: Notice
) -> None:
    """As `process`: what goes well rides in a batch with others of its moment, the rest takes a transaction each."""
    state = await till.gateway(payment.gateway).payment(key=str(payment.id))
    outcome = None
    if state is not None and state.status == "completed" and till.batch is not None:
        outcome = await till.batch.confirm(payment, state, now=heard.now, told=heard, notice=notice)
    if outcome is not None:
        return
    outcome = "unknown" if state is None else await apply(database, till, payment.id, state)
    await _finish(database, heard.event_id, outcome)


async def process(database: Database, till: Till, event_id: UUID) -> str:
    """Process a stored notice, whoever meets it; again without effect. The outcome in a word."""
    async with database.reader() as db:
        event = await payments.event(db, event_id)
    if event.is_processed:
        return "unchanged"
    outcome = await _follow(database, till, event)
    await _finish(database, event_id, outcome)
    return outcome


async def _finish(database: Database, event_id: UUID, outcome: str) -> None:
    async def finish(db: Transaction) -> None:
        await payments.finish_event(db, event_id, outcome=outcome, now=await clock.moment(db))

    await database.run(finish)


async def _follow(database: Database, till: Till, event: payments.GatewayEvent) -> str:
    """An event only triggers: the state is asked for at the source, then applied."""
    if event.object == "refund":
        refund_id = our_id(event.key)
        return "parked" if refund_id is None else await settle_refund(database, till, refund_id)
    if event.object != "payment":
        return "ignored"
    payment_id = our_id(event.key)
    if payment_id is None:
        return "parked"
    try:
        return await settle(database, till, payment_id)
    except payments.PaymentNotFound:
        log.warning("webhook_of_unknown_payment", gateway=event.gateway, key=event.key)
        return "parked"


async def settle_refund(database: Database, till: Till, refund_id: UUID) -> str:
    """Ask how a refund stands and apply it."""
    try:
        async with database.reader() as db:
            refund = await refunds.find(db, refund_id)
            key = await refunds.gateway_key(db, refund_id)
    except refunds.RefundNotFound:
        return "parked"
    state = await till.gateway(refund.gateway).refund_state(key=key)
    if state is None:
        return "unknown"
    return await database.run(lambda db: _settle_refund(db, refund, state))


async def send_refund(database: Database, till: Till, payload: Mapping[str, Any]) -> None:
    """Job: ask the gateway to pay back, and go on asking until it said how that ended."""
    refund_id = UUID(payload["refund_id"])
    async with database.reader() as db:
        refund = await refunds.find(db, refund_id)
        key = await refunds.gateway_key(db, refund_id)
        payment = await payments.find(db, refund.payment_id)
    if refund.status != "pending":
        return
    gateway = till.gateway(refund.gateway)
    state = await gateway.refund_state(key=key)
    if state is None:
        assert payment.gateway_reference is not None, "what was captured has a reference"
        amount = Money(refund.amount, refund.currency)
        try:
            state = await gateway.refund(key=key, payment_reference=payment.gateway_reference, amount=amount)
        except GatewayRefused as refused:  # a definite no: shown to admins, who may try again
            log.warning("refund_refused", refund_id=str(refund.id), error=str(refused))
            state = GatewayRefund(key, payment.gateway_reference, reference="", status="failed", amount=amount)
    final = state
    if await database.run(lambda db: _settle_refund(db, refund, final)) == "pending":
        raise NotYet(ASK_AGAIN)


async def _settle_refund(db: Transaction, refund: refunds.Refund, state: payments.GatewayRefund) -> str:
    async with turn(db, refund.inventory_id) as taken:
        return (await refunds.settle(taken, refund.id, state)).status


def our_id(key: str | None) -> UUID | None:
    """The id in a gateway's key; a refund tried again carries its try behind it."""
    try:
        return UUID((key or "")[:36])
    except ValueError:
        return None
