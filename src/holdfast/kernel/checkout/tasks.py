"""Flows with a gateway's call in their midst (intent, call, outcome), and what jobs finish after a crash.

No network call stands inside a transaction. A call whose answer got lost is resolved by asking the gateway, never by
a blind repeat: every one of these functions may run again at any time.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import bookings, holds, inventory, payments, refunds
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import actions, cancelling
from holdfast.kernel.checkout.values import Opened, PaymentUnavailable, Till
from holdfast.kernel.inventory import SkippedTurn, turn
from holdfast.kernel.payments import (
    AlreadyPaid,
    CheckoutRequest,
    GatewayRefund,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    Method,
    MethodNotOffered,
    Payment,
)
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Contended, Error
from holdfast.kit.jobs import NotYet
from holdfast.kit.money import Money

BATCH_MAX = 200
SKIPS_MAX = 3
PATIENCE = timedelta(seconds=5)
ASK_AGAIN = timedelta(seconds=2)
OVERLOOKED = timedelta(seconds=5)
OVERLOOKED_REFUND = timedelta(minutes=2)

log = structlog.get_logger("holdfast.checkout")


async def pay(
    database: Database,
    till: Till,
    hold_id: UUID,
    *,
    method: Method,
    amount: Money | None,
    return_url: str | None,
    actor: Actor,
) -> tuple[Opened, Payment | None]:
    """Open a payment: write the intent, open the gateway's checkout, write the outcome. Safe to repeat at any step.

    The same method again gives the open payment; another method ends the first checkout before. (decision, payment);
    no payment where nothing was to be paid. Raises what `actions.open_payment` raises, MethodNotOffered and
    PaymentUnavailable.
    """
    if method not in till.methods:
        raise MethodNotOffered(method)
    for _ in range(3):
        opened = await database.run(
            lambda db: actions.open_payment(
                db,
                hold_id,
                method=method,
                gateway=till.first.name,
                amount=amount,
                actor=actor,
                clocks=till.clocks,
            )
        )
        if opened.to_end_first is None:
            break
        await end(database, till, opened.to_end_first)
    if opened.to_end_first is not None:
        raise PaymentUnavailable
    if opened.payment_id is None:
        return opened, None
    payment = await _open_checkout(database, till, opened.payment_id, return_url=return_url)
    return opened, payment


async def _open_checkout(database: Database, till: Till, payment_id: UUID, *, return_url: str | None) -> Payment:
    async with database.reader() as db:
        payment = await payments.find(db, payment_id)
        booking = await bookings.find(db, payment.booking_id)
    if payment.url is not None:
        return payment
    if payment.status in payments.PAID:
        raise AlreadyPaid
    request = CheckoutRequest(
        key=str(payment.id),
        amount=Money(payment.amount, payment.currency),
        description=str(booking.hold.description.get("title", booking.reference)),
        expires_at=payment.expires_at - till.clocks.gateway_ends_before,
        return_url=return_url,
        webhook_url=f"{till.webhook_base}/{payment.gateway}",
        method=payment.method,
    )
    try:
        session = await till.gateway(payment.gateway).open(request)
    except GatewayRefused as refused:
        log.warning("checkout_refused", payment_id=str(payment.id), error=str(refused))
        await database.run(lambda db: _give_up(db, payment))
        raise PaymentUnavailable from refused
    except (GatewayUnreachable, GatewayUnknown) as error:
        raise PaymentUnavailable from error

    async def write(db: Transaction) -> Payment:
        now = await clock.moment(db)
        await payments.opened(db, payment, reference=session.reference, url=session.url, now=now)
        return await payments.find(db, payment_id)

    opened = await database.run(write)
    if opened.status in {"failed", "expired"}:  # it was given up while the gateway opened it: nobody is to pay it now
        await _end_unwanted(database, till, opened, reference=session.reference)
    return opened


async def _end_unwanted(database: Database, till: Till, payment: Payment, *, reference: str) -> None:
    try:
        state = await till.gateway(payment.gateway).end(reference)
    except (GatewayRefused, GatewayUnreachable, GatewayUnknown) as error:  # its own deadline ends it; money goes back
        log.warning("checkout_not_ended", payment_id=str(payment.id), error=error.code)
        return
    await database.run(lambda db: actions.settle(db, payment.id, state, clocks=till.clocks))


async def _give_up(db: Transaction, payment: Payment) -> None:
    async with turn(db, payment.inventory_id) as taken:
        await payments.give_up(db, payment, to="failed", now=taken.now)


async def settle(database: Database, till: Till, payment_id: UUID) -> str:
    """Ask the gateway for the true state of a payment and apply it. The outcome in a word."""
    async with database.reader() as db:
        payment = await payments.find(db, payment_id)
    state = await till.gateway(payment.gateway).payment(key=str(payment_id))
    if state is None:
        return "unknown"
    return await database.run(lambda db: actions.settle(db, payment_id, state, clocks=till.clocks))


async def end(database: Database, till: Till, payment_id: UUID) -> str:
    """End a payment's checkout at its gateway and apply how it ended: perhaps completed, for it may be too late."""
    async with database.reader() as db:
        payment = await payments.find(db, payment_id)
    if not payment.is_open:
        return "unchanged"
    gateway = till.gateway(payment.gateway)
    state = await gateway.payment(key=str(payment_id))
    if state is None:  # the intent never reached the gateway
        await database.run(lambda db: _expire_unopened(db, payment))
        return "expired"
    if state.status == "open":
        state = await gateway.end(state.reference)
    final = state
    return await database.run(lambda db: actions.settle(db, payment_id, final, clocks=till.clocks))


async def _expire_unopened(db: Transaction, payment: Payment) -> None:
    async with turn(db, payment.inventory_id) as taken:
        await payments.give_up(db, payment, to="expired", now=taken.now)


async def receive(database: Database, till: Till, *, gateway: str, headers: Mapping[str, str], body: bytes) -> None:
    """A webhook: verified, stored, then processed. BadSignature changes nothing; a crash between loses nothing."""
    async with database.reader() as db:
        now = await clock.moment(db)
    notice = till.gateway(gateway).read(headers, body, now=now)
    event_id = await database.run(partial(payments.store_event, gateway=gateway, notice=notice, now=now))
    try:
        await process(database, till, event_id)
    except Error as error:  # it is stored: `reconcile` meets it again within seconds
        log.warning("webhook_processed_later", gateway=gateway, event_id=str(event_id), error=error.code)


async def process(database: Database, till: Till, event_id: UUID) -> str:
    """Process a stored notice, whoever meets it; again without effect. The outcome in a word."""
    async with database.reader() as db:
        event = await payments.event(db, event_id)
    if event.is_processed:
        return "unchanged"
    outcome = await _follow(database, till, event)

    async def finish(db: Transaction) -> None:
        await payments.finish_event(db, event_id, outcome=outcome, now=await clock.moment(db))

    await database.run(finish)
    return outcome


async def _follow(database: Database, till: Till, event: payments.GatewayEvent) -> str:
    """An event only triggers: the state is asked for at the source, then applied."""
    if event.object == "refund":
        refund_id = _ours(event.key)
        return "parked" if refund_id is None else await settle_refund(database, till, refund_id)
    if event.object != "payment":
        return "ignored"
    payment_id = _ours(event.key)
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


async def end_payment(database: Database, till: Till, payload: Mapping[str, Any]) -> None:
    """Job: end the checkout before its booking ends, or at once when that was given up."""
    outcome = await end(database, till, UUID(payload["payment_id"]))
    if outcome == "open":
        raise NotYet(ASK_AGAIN)


async def cancel_occurrence(database: Database, payload: Mapping[str, Any]) -> None:
    """Job: give up or pay back everything of a cancelled occurrence. Its cursor is what is not done yet."""
    inventory_id = UUID(payload["inventory_id"])
    while True:
        async with database.reader() as db:
            waiting = await holds.of_inventory(db, inventory_id, states=("active",), limit=BATCH_MAX)
            booked = await bookings.of_inventory(
                db, inventory_id, states=("pending", "requested", "confirmed"), limit=BATCH_MAX
            )
        if not waiting and not booked:
            return
        for hold_id in waiting:
            await database.run(partial(cancelling.give_up_for_provider, hold_id=hold_id))
        for booking_id in booked:
            await database.run(partial(cancelling.cancel_for_provider, booking_id=booking_id))


async def finish_occurrence(database: Database, payload: Mapping[str, Any]) -> None:
    """Job: complete every booking of what is over. Its cursor is what is not done yet."""
    inventory_id = UUID(payload["inventory_id"])
    while True:
        async with database.reader() as db:
            booked = await bookings.of_inventory(db, inventory_id, states=("confirmed",), limit=BATCH_MAX)
        if not booked:
            return
        for booking_id in booked:
            await database.run(partial(cancelling.complete, booking_id=booking_id))


async def sweep(database: Database, skipped: dict[UUID, int] | None = None) -> int:
    """Tidy what has lapsed: statuses, claims, counters, log, facts. How many; any number may sweep at once.

    Nothing waits for it: a claim past its moment is free already. Ids are read without a lock, turns taken one by one.
    `skipped` remembers from sweep to sweep how often an inventory's turn was somebody else's: after three times this
    one waits for it, so that steady sales don't put off tidying for ever.
    """
    skipped = {} if skipped is None else skipped
    async with database.reader() as db:
        now = await clock.moment(db)
        found = [(*lapsed, "hold") for lapsed in await holds.lapsed(db, now=now, limit=BATCH_MAX)]
        found += [(*lapsed, "booking") for lapsed in await bookings.lapsed(db, now=now, limit=BATCH_MAX)]
    swept = 0
    for inventory_id, row_id, kind in found:
        patient = skipped.get(inventory_id, 0) >= SKIPS_MAX
        try:
            swept += await database.run(
                partial(_sweep_one, inventory_id=inventory_id, row_id=row_id, kind=kind, patient=patient)
            )
        except (SkippedTurn, Contended):  # the next sweep finds it again; the others don't wait for it
            skipped[inventory_id] = skipped.get(inventory_id, 0) + 1
        else:
            skipped.pop(inventory_id, None)
    return swept


async def _sweep_one(db: Transaction, inventory_id: UUID, row_id: UUID, kind: str, *, patient: bool) -> int:
    if patient:
        await inventory.set_lock_timeout(db, PATIENCE)
    async with turn(db, inventory_id, wait=patient) as taken:
        if kind == "hold":
            return await holds.expire(taken, await holds.find(db, row_id))
        booking = await bookings.find(db, row_id)
        if booking.state != "pending" or not await bookings.expire(taken, booking):
            return False
        await actions.end_checkout(taken, booking)
        return True


async def reconcile(database: Database, till: Till) -> int:
    """Ask about payments that are open past their time; do again what a crash left: notices, refunds. How many.

    What fails is met again the next time, and keeps nobody else waiting.
    """
    async with database.reader() as db:
        now = await clock.moment(db)
        overdue = await payments.overdue(db, now=now, limit=BATCH_MAX)
        events = await payments.unprocessed_events(db, received_before=now - OVERLOOKED, limit=BATCH_MAX)
        unsent = await refunds.pending_since(db, now - OVERLOOKED_REFUND, limit=BATCH_MAX)
    work: list[Callable[[], Awaitable[object]]] = [
        *(partial(process, database, till, event_id) for event_id in events),
        *(partial(end, database, till, payment_id) for payment_id in overdue),
        *(partial(database.run, partial(refunds.enqueue, refund_id=refund_id, now=now)) for refund_id in unsent),
    ]
    return sum([await _survived(each) for each in work])


async def catch_up(database: Database, till: Till, *, since: datetime) -> int:
    """Compare what gateways list since a moment with ours, and settle what differs; how many were applied."""
    applied = 0
    for gateway in till.gateways.values():
        for state in await gateway.since(since):
            payment_id = _ours(state.key)
            if payment_id is None:
                continue
            try:
                outcome = await database.run(
                    partial(actions.settle, payment_id=payment_id, state=state, clocks=till.clocks)
                )
            except Error as error:
                log.warning("catch_up_failed", gateway=gateway.name, key=state.key, error=error.code)
                continue
            applied += outcome not in {"unchanged", "open"}
    return applied


async def _survived(work: Callable[[], Awaitable[object]]) -> bool:
    try:
        await work()
    except Error as error:
        log.warning("reconcile_failed", error=error.code)
        return False
    return True


def _ours(key: str | None) -> UUID | None:
    """The id in a gateway's key; a refund tried again carries its try behind it."""
    try:
        return UUID((key or "")[:36])
    except ValueError:
        return None
