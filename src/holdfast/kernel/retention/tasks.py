"""What runs in transactions of its own: archiving, tidying, and winding up before an erasure.

All of it is met again by what is not done yet: an interruption costs nothing but time.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from holdfast.kernel import bookings, checkout, holds, inventory, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import Till
from holdfast.kernel.retention import archiving
from holdfast.kernel.retention.table import KEPT
from holdfast.kit import clock, keeping
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.keeping import Forget, Kept

#: Money may still come for what ended so lately.
ARCHIVED_AFTER = timedelta(days=1)
#: Claims deleted in one transaction, inventories looked at at once, and archived in one round of the chore.
CLAIMS_AT_ONCE = 500
LOOKED_AT = 100
ROUND_MAX = 1_000

log = structlog.get_logger("holdfast.retention")


@dataclass(frozen=True, slots=True)
class Archived:
    """What a round did: inventories archived, those whose money is pending still, and claims deleted."""

    inventories: int = 0
    pending: int = 0
    claims: int = 0


def _unheard(_inventory_id: UUID) -> None:
    return


async def archive(
    database: Database,
    *,
    ended_for: timedelta = ARCHIVED_AFTER,
    claims_at_once: int = CLAIMS_AT_ONCE,
    most: int = ROUND_MAX,
    done: Callable[[UUID], None] = _unheard,
) -> Archived:
    """Archive at most so many inventories that ended that long ago; first, finish those that were interrupted.

    Each is marked in one transaction, and emptied in batches after it. `done` hears of each that was looked at. What
    fails is met again in the next round, and keeps nothing else waiting.
    """
    claims = 0
    async with database.reader() as db:
        before = await clock.moment(db) - ended_for
        interrupted = await inventory.unemptied(db, limit=most)
    for inventory_id in interrupted:
        try:
            claims += await _empty(database, inventory_id, at_once=claims_at_once)
        except Error as error:
            log.warning("archive_failed", inventory_id=str(inventory_id), error=error.code)
        done(inventory_id)
    archived, pending, after = 0, 0, None
    while archived < most:
        async with database.reader() as db:
            found = await inventory.ended(db, before=before, after=after, limit=LOOKED_AT)
        for each in found:
            after = each
            try:
                marked = await database.run(partial(archiving.archive, inventory_id=each[1], before=before))
                claims += await _empty(database, each[1], at_once=claims_at_once) if marked else 0
            except Error as error:
                log.warning("archive_failed", inventory_id=str(each[1]), error=error.code)
                marked = False
            archived += marked
            pending += not marked
            done(each[1])
            if archived == most:
                break
        if len(found) < LOOKED_AT:
            break
    return Archived(archived, pending, claims)


async def to_archive(database: Database, *, ended_for: timedelta = ARCHIVED_AFTER) -> int:
    """How many inventories `archive` would look at."""
    async with database.reader() as db:
        return await inventory.count_unarchived(db, before=await clock.moment(db) - ended_for)


async def tidy(database: Database, kept: Sequence[Kept] = KEPT) -> dict[str, int]:
    """Drop what has been kept long enough, batch by batch; how many rows of each table."""
    dropped = {}
    for each in kept:
        if each.forget is not None and each.after is not None:
            dropped[each.table] = await _drop(database, each.forget, after=each.after)
    return dropped


async def wind_up(database: Database, till: Till, user_id: UUID, *, actor: Actor) -> None:
    """Release somebody's holds, end their payments, cancel their bookings by terms; what is refused stays as it is."""
    async with database.reader() as db:
        held = await holds.live_of_owner(db, user_id, now=await clock.moment(db))
    for hold in held:
        releasing = partial(checkout.release, hold_id=hold.id, actor=actor, reason="erasure")
        await _unless_refused(partial(database.run, releasing))
    async with database.reader() as db:
        paying = await payments.open_of_user(db, user_id)
    for payment_id in paying:
        await _unless_refused(partial(checkout.end_payment, database, till, payment_id))
    async with database.reader() as db:
        booked = await bookings.unfinished(db, user_id, now=await clock.moment(db))
    for booking_id in booked:
        by_terms = partial(checkout.cancel, booking_id=booking_id, items=None, reason=None, quote_id=None, actor=actor)
        await _unless_refused(partial(database.run, by_terms))


async def _empty(database: Database, inventory_id: UUID, *, at_once: int) -> int:
    emptied = 0
    while gone := await database.run(partial(archiving.empty, inventory_id=inventory_id, most=at_once)):
        emptied += gone
    return emptied


async def _drop(database: Database, forget: Forget, *, after: timedelta) -> int:
    async def batch(db: Transaction) -> int:
        before: datetime = await clock.moment(db) - after
        return await forget(db, before=before, limit=keeping.AT_ONCE)

    dropped = 0
    while gone := await database.run(batch):
        dropped += gone
        if gone < keeping.AT_ONCE:
            break
    return dropped


async def _unless_refused(work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except Error as refused:
        log.info("not_wound_up", why=refused.code)
