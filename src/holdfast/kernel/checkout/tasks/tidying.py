"""Finish what a crash, the time or a provider left: sweep, reconcile, cancel and complete in bulk.

Whatever fails is met again in the next round, and keeps nothing else waiting.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import bookings, holds, inventory, payments, refunds
from holdfast.kernel.checkout import actions, cancelling
from holdfast.kernel.checkout.tasks.hearing import our_id, process
from holdfast.kernel.checkout.tasks.paying import end
from holdfast.kernel.checkout.values import Till
from holdfast.kernel.inventory import SkippedTurn, turn
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Contended, Error

BATCH_MAX = 200
SKIPS_MAX = 3
PATIENCE = timedelta(seconds=5)
OVERLOOKED = timedelta(seconds=5)
OVERLOOKED_REFUND = timedelta(minutes=2)

log = structlog.get_logger("holdfast.checkout")


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
        work = [
            *(partial(cancelling.give_up_for_provider, hold_id=hold_id) for hold_id in waiting),
            *(partial(cancelling.cancel_for_provider, booking_id=booking_id) for booking_id in booked),
        ]
        done = [await _survived(partial(database.run, each), "occurrence.cancel") for each in work]
        if not all(done):  # the others are paid back; what failed is met again when the job is
            raise Contended


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
        lapsed = await holds.lapsed(db, now=now, limit=BATCH_MAX)
        found = [(*each, "booking") for each in await bookings.lapsed(db, now=now, limit=BATCH_MAX)]
    swept, left = await _expire_together(database, lapsed, skipped)
    found += [(*each, "hold") for each in left]
    for inventory_id, row_id, kind in found:
        patient = skipped.get(inventory_id, 0) >= SKIPS_MAX
        sweeping = partial(_sweep_one, inventory_id=inventory_id, row_id=row_id, kind=kind, patient=patient)
        try:
            swept += await database.run(sweeping)
        except (SkippedTurn, Contended):  # the next sweep finds it again; the others don't wait for it
            skipped[inventory_id] = skipped.get(inventory_id, 0) + 1
        except Exception:  # one that can't be tidied keeps no other waiting
            log.exception("sweep_failed", kind=kind, row_id=str(row_id))
        else:
            skipped.pop(inventory_id, None)
    return swept


async def _expire_together(
    database: Database, lapsed: Sequence[tuple[UUID, UUID]], skipped: dict[UUID, int]
) -> tuple[int, list[tuple[UUID, UUID]]]:
    """End the holds whose turns are free in one transaction: (how many, those to be swept one by one).

    Left are those to wait for, and all of them where the transaction failed.
    """
    left = [each for each in lapsed if skipped.get(each[0], 0) >= SKIPS_MAX]
    together = [each for each in lapsed if each not in left]
    if not together:
        return 0, left
    try:
        ended = await holds.expire_together(database, together)
    except Exception as failure:  # noqa: BLE001 - one by one, the one that fails is told
        log.warning("sweep_failed_together", holds=len(together), failure=type(failure).__name__)
        return 0, list(lapsed)
    for inventory_id in {each[0] for each in together if ended[each[1]] is None}:
        skipped[inventory_id] = skipped.get(inventory_id, 0) + 1
    for inventory_id in {each[0] for each in together if ended[each[1]] is not None}:
        skipped.pop(inventory_id, None)
    return sum(done is True for done in ended.values()), left


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
    return sum([await _survived(each, "reconcile") for each in work])


async def catch_up(database: Database, till: Till, *, since: datetime) -> int:
    """Compare what gateways list since a moment with ours, and settle what differs; how many were applied."""
    applied = 0
    for gateway in till.gateways.values():
        for state in await gateway.since(since):
            if await _is_news(database, state):
                settling = partial(actions.settle, payment_id=UUID(state.key), state=state, clocks=till.clocks)
                applied += await _survived(partial(database.run, settling), "catch_up")
    return applied


async def _is_news(database: Database, state: payments.GatewayPayment) -> bool:
    """Whether a gateway's payment is ours, and stands otherwise there than here."""
    payment_id = our_id(state.key)
    if payment_id is None:
        return False
    try:
        async with database.reader() as db:
            payment = await payments.find(db, payment_id)
    except payments.PaymentNotFound:
        log.warning("gateway_lists_unknown_payment", key=state.key)
        return False
    if state.status == "completed":
        return payment.status not in payments.PAID
    return payment.is_open and state.status in {"failed", "expired"}


async def _survived(work: Callable[[], Awaitable[object]], what: str) -> bool:
    """Whether it was done; what failed is logged, and keeps nothing else waiting."""
    try:
        await work()
    except Error as error:
        log.warning("task_failed", what=what, error=error.code)
        return False
    except Exception:  # whatever it was, the next round meets it again
        log.exception("task_failed", what=what)
        return False
    return True
