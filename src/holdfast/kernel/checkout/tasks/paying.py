"""Open payments at their gateway and end them: intent, call, outcome.

No network call stands inside a transaction. A call whose answer got lost is resolved by asking the gateway, never by
a blind repeat: every one of these functions may run again at any time.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import bookings, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import actions
from holdfast.kernel.checkout.values import Opened, PaymentUnavailable, Till
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import turn
from holdfast.kernel.payments import (
    AlreadyPaid,
    CheckoutRequest,
    GatewayPayment,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    Method,
    MethodNotOffered,
    Payment,
)
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.jobs import NotYet
from holdfast.kit.money import Money

ASK_AGAIN = timedelta(seconds=2)

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
    hold: Hold | None = None,
) -> tuple[Opened, Payment | None]:
    """Open a payment: write the intent, open the gateway's checkout, write the outcome. Safe to repeat at any step.

    The same method again gives the open payment; another method ends the first checkout before. (decision, payment);
    no payment where nothing was to be paid. `hold`: as it was a moment ago, if the caller has it. Raises what
    `actions.open_payment` raises, MethodNotOffered and PaymentUnavailable.
    """
    if method not in till.methods:
        raise MethodNotOffered(method)
    if till.batch is not None:
        at_hand = hold or await till.batch.hold(hold_id)
        gateway, clocks = till.first.name, till.clocks
        payment = await till.batch.open(
            at_hand, method=method, gateway=gateway, amount=amount, actor=actor, clocks=clocks
        )
        if payment is not None:
            opened = Opened(payment.booking_id, payment_id=payment.id, is_new=True)
            title = str(at_hand.description.get("title", payment.id))
            return opened, await _call(database, till, payment, title=title, return_url=return_url)
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
    title = str(booking.hold.description.get("title", booking.reference))
    return await _call(database, till, payment, title=title, return_url=return_url)


async def _call(database: Database, till: Till, payment: Payment, *, title: str, return_url: str | None) -> Payment:
    """Let the gateway open its checkout, and write down where the customer pays. PaymentUnavailable."""
    request = CheckoutRequest(
        key=str(payment.id),
        amount=Money(payment.amount, payment.currency),
        description=title,
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
        log.warning("checkout_not_opened", payment_id=str(payment.id), error=error.code)
        raise PaymentUnavailable from error

    entered = None if till.batch is None else await till.batch.enter(payment, session)
    if entered is not None:
        return entered

    async def write(db: Transaction) -> Payment:
        now = await clock.moment(db)
        await payments.opened(db, payment, reference=session.reference, url=session.url, now=now)
        return await payments.find(db, payment.id)

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
    return await apply(database, till, payment_id, state)


async def apply(database: Database, till: Till, payment_id: UUID, state: GatewayPayment) -> str:
    """Apply what a gateway says of a payment, in a transaction of its own. The outcome in a word."""
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


async def end_payment(database: Database, till: Till, payload: Mapping[str, Any]) -> None:
    """Job: end the checkout before its booking ends, or at once when that was given up."""
    outcome = await end(database, till, UUID(payload["payment_id"]))
    if outcome == "open":
        raise NotYet(ASK_AGAIN)
