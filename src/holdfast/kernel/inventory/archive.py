"""Put away what is over: its claims go, batch by batch, and its items tell from then on which slots were sold.

Marked first, emptied afterwards: whatever is interrupted in between is found again by what is not done yet.
"""

from collections import Counter
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory.models import claims, counters, inventories, quantity_claims
from holdfast.kernel.inventory.turns import Turn
from holdfast.kit.db import Reader

_ENDED = (inventories.c.archived_at.is_(None), inventories.c.state.in_(("over", "cancelled")))
_UNEMPTIED = (inventories.c.archived_at.is_not(None), inventories.c.emptied_at.is_(None))


async def ended(
    db: Reader, *, before: datetime, after: tuple[datetime, UUID] | None = None, limit: int
) -> list[tuple[datetime, UUID]]:
    """(end, inventory) of what is over or cancelled, ended before that moment and is not archived; oldest first."""
    statement = sa.select(inventories.c.ends_at, inventories.c.id).where(*_ENDED, inventories.c.ends_at <= before)
    if after is not None:
        ends_at, inventory_id = inventories.c.ends_at, inventories.c.id
        last_end, last_id = sa.literal(after[0], ends_at.type), sa.literal(after[1], inventory_id.type)
        statement = statement.where(sa.tuple_(ends_at, inventory_id) > sa.tuple_(last_end, last_id))
    rows = await db.all(statement.order_by(inventories.c.ends_at, inventories.c.id).limit(limit))
    return [(row.ends_at, row.id) for row in rows]


async def count_unarchived(db: Reader, *, before: datetime) -> int:
    """How many `ended` and `unemptied` would tell in all."""
    is_due = sa.and_(*_ENDED, inventories.c.ends_at <= before)
    count: int = await db.scalar(sa.select(sa.func.count()).where(sa.or_(is_due, sa.and_(*_UNEMPTIED))))
    return count


async def unemptied(db: Reader, *, limit: int) -> list[UUID]:
    """What is archived and may still have claims: an interruption left it so."""
    rows = await db.all(sa.select(inventories.c.id).where(*_UNEMPTIED).order_by(inventories.c.archived_at).limit(limit))
    return [row.id for row in rows]


def archive(taken: Turn) -> None:
    """From now on it never sells. The caller has made sure that it is over and that no money is pending."""
    assert taken.inventory.state in {"over", "cancelled"}
    taken.set(archived_at=taken.now)


async def empty(taken: Turn, *, most: int) -> int:
    """Delete at most so many of its claims, its counters with the last of them; 0 once none is left.

    At each commit every counter is the sum of its claims. Nobody is told: what was sold looks as it did.
    """
    assert taken.inventory.archived_at is not None
    db, mine = taken.db, claims.c.inventory_id == taken.inventory.id
    slots = sa.select(claims.c.slot).where(mine).order_by(claims.c.slot).limit(most)
    gone = await db.execute(sa.delete(claims).where(mine, claims.c.slot.in_(slots)))
    if gone < most:
        gone += await _empty_quantities(taken, most=most - gone)
    if not gone:
        of_it = inventories.c.id == taken.inventory.id
        await db.execute(sa.delete(counters).where(counters.c.inventory_id == taken.inventory.id))
        await db.execute(sa.update(inventories).where(of_it).values(emptied_at=taken.now))
    return gone


async def _empty_quantities(taken: Turn, *, most: int) -> int:
    db, inventory_id = taken.db, taken.inventory.id
    key = (quantity_claims.c.slot, quantity_claims.c.hold_id)
    mine = quantity_claims.c.inventory_id == inventory_id
    first = sa.select(*key).where(mine).order_by(*key).limit(most)
    rows = await db.all(
        sa.delete(quantity_claims)
        .where(mine, sa.tuple_(*key).in_(first))
        .returning(quantity_claims.c.slot, quantity_claims.c.quantity)
    )
    given_back: Counter[int] = Counter()
    for row in rows:
        given_back[row.slot] += row.quantity
    for slot, quantity in sorted(given_back.items()):
        of_it = sa.and_(counters.c.inventory_id == inventory_id, counters.c.slot == slot)
        await db.execute(sa.update(counters).where(of_it).values(taken=counters.c.taken - quantity))
    return len(rows)
