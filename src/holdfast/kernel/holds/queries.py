"""Read holds with their items and price lines."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.holds import rules
from holdfast.kernel.holds.models import holds, items, price_lines
from holdfast.kernel.holds.rules import Stretch
from holdfast.kernel.holds.values import Hold, HoldNotFound, Item, Line
from holdfast.kernel.inventory import Terms
from holdfast.kit.db import Dialect, Reader, given


async def find(db: Reader, hold_id: UUID) -> Hold:
    """HoldNotFound where there is none."""
    found = await _load(db, sa.select(holds).where(holds.c.id == hold_id))
    if not found:
        raise HoldNotFound
    return found[0]


async def find_many(db: Reader, hold_ids: Sequence[UUID]) -> dict[UUID, Hold]:
    """Those that exist, by id."""
    rows = await db.all(_by_ids(db.dialect), {"ids": list(hold_ids)})
    return {hold.id: hold for hold in await _holds_of(db, rows)}


async def live_of_owner(
    db: Reader, owner_id: UUID, *, now: datetime, product: str | None = None, inventory_id: UUID | None = None
) -> list[Hold]:
    """The owner's holds whose clock still runs, oldest first."""
    statement = sa.select(holds).where(
        holds.c.owner_id == owner_id, holds.c.live_owner.is_not(None), holds.c.expires_at > now
    )
    if product is not None:
        statement = statement.where(holds.c.product == product)
    if inventory_id is not None:
        statement = statement.where(holds.c.inventory_id == inventory_id)
    return await _load(db, statement.order_by(holds.c.placed_at))


async def of_owner(db: Reader, owner_id: UUID, *, after: UUID | None = None, limit: int) -> list[Hold]:
    """Whatever somebody ever held, oldest first, after that one."""
    statement = sa.select(holds).where(holds.c.owner_id == owner_id)
    if after is not None:
        statement = statement.where(holds.c.id > after)
    return await _load(db, statement.order_by(holds.c.id).limit(limit))


async def live(
    db: Reader,
    *,
    now: datetime,
    after: tuple[datetime, UUID] | None = None,
    limit: int,
    product: str | None = None,
    besides: Sequence[UUID] = (),
) -> list[Hold]:
    """All holds that are unpaid, not released and still run, soonest end first; `besides`: these too, lapsed or not."""
    runs = sa.and_(
        holds.c.state.in_(("active", "converted")),
        holds.c.ended_at.is_(None),
        holds.c.paid_at.is_(None),
        holds.c.expires_at > now,
    )
    statement = sa.select(holds).where(sa.or_(runs, db.among(holds.c.id, besides)) if besides else runs)
    if product is not None:
        statement = statement.where(holds.c.product == product)
    if after is not None:
        statement = statement.where(sa.tuple_(holds.c.expires_at, holds.c.id) > sa.tuple_(*_typed(after)))
    return await _load(db, statement.order_by(holds.c.expires_at, holds.c.id).limit(limit))


async def count_live(db: Reader, *, now: datetime, soon: datetime) -> tuple[int, int]:
    """(how many unpaid holds stand, how many of them end before `soon`)."""
    standing = sa.select(sa.func.count()).where(
        holds.c.state.in_(("active", "converted")),
        holds.c.ended_at.is_(None),
        holds.c.paid_at.is_(None),
        holds.c.expires_at > now,
    )
    return await db.scalar(standing), await db.scalar(standing.where(holds.c.expires_at < soon))


async def lapsed(db: Reader, *, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """(inventory, hold) of active holds whose moment has passed, read without a lock."""
    rows = await db.all(
        sa.select(holds.c.inventory_id, holds.c.id)
        .where(holds.c.state == "active", holds.c.expires_at <= now)
        .order_by(holds.c.expires_at)
        .limit(limit)
    )
    return [(row.inventory_id, row.id) for row in rows]


async def unswept(db: Reader, *, now: datetime) -> tuple[int, timedelta]:
    """How many active holds have lapsed without having been tidied, and since when the first of them has."""
    lapsed = sa.and_(holds.c.state == "active", holds.c.expires_at <= now)
    row = await db.one(
        sa.select(sa.func.count().label("many"), sa.func.min(holds.c.expires_at).label("first")).where(lapsed)
    )
    return row.many, timedelta(0) if row.first is None else now - row.first


async def by_key(db: Reader, *, inventory_id: UUID, placed_by: UUID, key: str) -> tuple[UUID, str] | None:
    """(hold, digest) of the hold placed with that key."""
    row = await db.first(
        sa.select(holds.c.id, holds.c.digest).where(
            holds.c.inventory_id == inventory_id, holds.c.placed_by == placed_by, holds.c.key == key
        )
    )
    return None if row is None else (row.id, row.digest)


async def with_live_owner(db: Reader, *, inventory_id: UUID, owner_id: UUID) -> Hold | None:
    """The hold that stands for this owner here, lapsed or not."""
    found = await _load(
        db, sa.select(holds).where(holds.c.inventory_id == inventory_id, holds.c.live_owner == owner_id)
    )
    return found[0] if found else None


async def unpaid_stretches(
    db: Reader, *, inventory_id: UUID, owner_id: UUID, since: datetime, now: datetime
) -> list[Stretch]:
    """When this owner held places here without paying, as far back as `since`."""
    rows = await db.all(
        sa.select(holds.c.first_claimed_at, holds.c.expires_at, holds.c.ended_at).where(
            holds.c.inventory_id == inventory_id,
            holds.c.owner_id == owner_id,
            holds.c.paid_at.is_(None),
            holds.c.expires_at > since,
        )
    )
    return rules.stretches_of(rows, now=now)


async def ids_of_owners(db: Reader, inventory_id: UUID, owner_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """The holds that these people have or had here: hold -> owner."""
    rows = await db.all(
        sa.select(holds.c.id, holds.c.owner_id).where(
            holds.c.inventory_id == inventory_id, holds.c.owner_id.in_(owner_ids)
        )
    )
    return {row.id: row.owner_id for row in rows}


def count_items(inventory_id: sa.ColumnElement[UUID], hold_id: sa.ColumnElement[UUID]) -> sa.ScalarSelect[int]:
    """How many items a hold has, cancelled ones too, as an expression for a query about holds."""
    counted = sa.select(sa.func.count()).where(items.c.inventory_id == inventory_id, items.c.hold_id == hold_id)
    return counted.scalar_subquery()


async def of_inventory(
    db: Reader, inventory_id: UUID, *, states: Sequence[str], limit: int, unpaid: bool = False
) -> list[UUID]:
    """Ids of an inventory's holds in these states."""
    statement = sa.select(holds.c.id).where(holds.c.inventory_id == inventory_id, holds.c.state.in_(states))
    if unpaid:
        statement = statement.where(holds.c.paid_at.is_(None), holds.c.ended_at.is_(None))
    rows = await db.all(statement.order_by(holds.c.id).limit(limit))
    return [row.id for row in rows]


async def has_items(db: Reader, inventory_id: UUID) -> bool:
    """Whether anything of it was ever held or sold."""
    return bool(await db.scalar(sa.select(sa.exists().where(items.c.inventory_id == inventory_id))))


async def _load(db: Reader, statement: sa.Select[Any]) -> list[Hold]:
    return await _holds_of(db, await db.all(statement))


async def _holds_of(db: Reader, rows: Sequence[sa.Row[Any]]) -> list[Hold]:
    if not rows:
        return []
    wanted = {"inventory_ids": list({row.inventory_id for row in rows}), "hold_ids": [row.id for row in rows]}
    items_of: dict[UUID, list[Item]] = defaultdict(list)
    for row in await db.all(_items_of_holds(db.dialect), wanted):
        items_of[row.hold_id].append(_item(row))
    lines_of: dict[UUID, list[Line]] = defaultdict(list)
    for row in await db.all(_lines_of_holds(db.dialect), wanted):
        lines_of[row.hold_id].append(_line(row))
    return [_hold(row, tuple(items_of[row.id]), tuple(lines_of[row.id])) for row in rows]


# Each made once: to make one costs as much as to run it.


@cache
def _by_ids(dialect: Dialect) -> sa.Select[Any]:
    return sa.select(holds).where(given(holds.c.id, dialect))


@cache
def _items_of_holds(dialect: Dialect) -> sa.Select[Any]:
    return _of_holds(items, dialect).order_by(items.c.number)


@cache
def _lines_of_holds(dialect: Dialect) -> sa.Select[Any]:
    return _of_holds(price_lines, dialect).order_by(price_lines.c.position)


def _of_holds(table: sa.Table, dialect: Dialect) -> sa.Select[Any]:
    return sa.select(table).where(
        given(table.c.inventory_id, dialect, "inventory_ids"), given(table.c.hold_id, dialect, "hold_ids")
    )


def _hold(row: sa.Row[Any], its_items: tuple[Item, ...], its_lines: tuple[Line, ...]) -> Hold:
    return Hold(
        id=row.id,
        inventory_id=row.inventory_id,
        product=row.product,
        provider_id=row.provider_id,
        owner_id=row.owner_id,
        placed_by=row.placed_by,
        channel=row.channel,
        state=row.state,
        first_claimed_at=row.first_claimed_at,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        sold_starts_at=row.sold_starts_at,
        zone=row.zone,
        terms=Terms.from_json(row.terms),
        description=row.description,
        currency=row.currency,
        total=row.total,
        items=its_items,
        lines=its_lines,
    )


def _item(row: sa.Row[Any]) -> Item:
    return Item(
        number=row.number,
        place=row.place,
        label=row.label,
        slots=tuple(row.slots),
        counted_slots=tuple(row.counted_slots),
        amount=row.amount,
        state=row.state,
    )


def _line(row: sa.Row[Any]) -> Line:
    return Line(
        kind=row.kind,
        label=row.label,
        amount=row.amount,
        item=row.item_number,
        tax_bps=row.tax_bps,
        inclusive=row.inclusive,
    )


def _typed(after: tuple[datetime, UUID]) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]:
    return sa.literal(after[0], holds.c.expires_at.type), sa.literal(after[1], holds.c.id.type)
