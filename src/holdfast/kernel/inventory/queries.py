"""Read what is for sale, and what is taken of it at a moment."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory import archived
from holdfast.kernel.inventory.models import claims, counters, inventories, layouts, quantity_claims
from holdfast.kernel.inventory.values import (
    Glance,
    Inventory,
    InventoryNotFound,
    Layout,
    Limits,
    Place,
    SlotState,
    Terms,
)
from holdfast.kit.db import Dialect, Reader, given

T = TypeVar("T")

LAYOUTS_CACHED_MAX = 512
_layouts: dict[UUID, Layout] = {}


def inventory_of(row: sa.Row[Any]) -> Inventory:
    """The value of a row of `inventories`."""
    return Inventory(
        id=row.id,
        serial=row.serial,
        product=row.product,
        occurrence_id=row.occurrence_id,
        provider_id=row.provider_id,
        state=row.state,
        sale_opens_at=row.sale_opens_at,
        sale_closes_at=row.sale_closes_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        zone=row.zone,
        currency=row.currency,
        prices=row.prices,
        limits=_one(Limits.from_json(row.limits)),
        terms=_one(Terms.from_json(row.terms)),
        layout_id=row.layout_id,
        version=row.version,
        seq=row.seq,
        capacity=row.capacity,
        sold=row.sold,
        archived_at=row.archived_at,
    )


@lru_cache(maxsize=1_000)
def _one(value: T) -> T:
    """The one of all that equal it: thousands of inventories at hand are sold by few limits and terms."""
    return value


async def find(db: Reader, inventory_id: UUID) -> Inventory:
    """InventoryNotFound where there is none."""
    row = await db.first(sa.select(inventories).where(inventories.c.id == inventory_id))
    if row is None:
        raise InventoryNotFound
    return inventory_of(row)


async def find_many(db: Reader, inventory_ids: Sequence[UUID]) -> dict[UUID, Inventory]:
    """Those that exist, by id."""
    rows = await db.all(_by_ids(db.dialect), {"ids": list(inventory_ids)})
    return {row.id: inventory_of(row) for row in rows}


@cache
def _by_ids(dialect: Dialect) -> sa.Select[Any]:
    """Made once, as `_glances`."""
    return sa.select(inventories).where(given(inventories.c.id, dialect))


async def find_by_serial(db: Reader, serial: int) -> Inventory:
    """Whose packed place ids carry that serial number. InventoryNotFound where there is none."""
    row = await db.first(sa.select(inventories).where(inventories.c.serial == serial))
    if row is None:
        raise InventoryNotFound
    return inventory_of(row)


async def layout(db: Reader, layout_id: UUID) -> Layout:
    """A layout by its id; layouts never change, so each is read once a process."""
    return (await layouts_of(db, [layout_id]))[layout_id]


async def layouts_of(db: Reader, layout_ids: Iterable[UUID]) -> dict[UUID, Layout]:
    """The same of many: those that were never read, in one statement."""
    wanted = set(layout_ids)
    found = {layout_id: _layouts[layout_id] for layout_id in wanted & _layouts.keys()}
    missing = wanted - found.keys()
    if missing:
        rows = await db.all(sa.select(layouts).where(db.among(layouts.c.id, missing)))
        found |= {row.id: _layout_of(row) for row in rows}
        _layouts.update((layout_id, found[layout_id]) for layout_id in missing)
        while len(_layouts) > LAYOUTS_CACHED_MAX:
            _layouts.pop(next(iter(_layouts)))
    return found


def _layout_of(row: sa.Row[Any]) -> Layout:
    return Layout(
        id=row.id,
        product=row.product,
        version=row.version,
        slots_per_place=row.slots_per_place,
        next_number=row.next_number,
        places=tuple(_place(place) for place in row.places),
    )


def _place(data: Mapping[str, Any]) -> Place:
    return Place(**{**data, "flags": tuple(data["flags"])})


async def slot_states(
    db: Reader, inventory_id: UUID, *, now: datetime, slots: Iterable[int] | None = None
) -> dict[int, SlotState]:
    """The exclusive slots that are not free at that moment; a claim whose moment has passed is free at once.

    Of what is archived, those that were sold to the last; so in all that follows.
    """
    statement = sa.select(claims.c.slot, claims.c.kind, claims.c.expires_at).where(
        claims.c.inventory_id == inventory_id, sa.or_(claims.c.expires_at.is_(None), claims.c.expires_at > now)
    )
    wanted = None if slots is None else set(slots)
    if wanted is not None:
        statement = statement.where(claims.c.slot.in_(wanted))
    found = {row.slot: _state(row.kind, row.expires_at) for row in await db.all(statement)}
    if not found and inventory_id in (kept := await archived.sold(db, [inventory_id])):
        return {slot: "sold" for slot in kept[inventory_id].slots if wanted is None or slot in wanted}
    return found


async def claims_with_ends(
    db: Reader, inventory_id: UUID
) -> tuple[list[tuple[int, SlotState, datetime | None]], list[tuple[int, int, datetime | None]]]:
    """Every claim there is, lapsed unswept ones too: (slot, state, until) and (slot, quantity, until)."""
    exclusive = await db.all(
        sa.select(claims.c.slot, claims.c.kind, claims.c.expires_at).where(claims.c.inventory_id == inventory_id)
    )
    counted = await db.all(
        sa.select(quantity_claims.c.slot, quantity_claims.c.quantity, quantity_claims.c.expires_at).where(
            quantity_claims.c.inventory_id == inventory_id
        )
    )
    if not exclusive and not counted and inventory_id in (kept := await archived.sold(db, [inventory_id])):
        sold = kept[inventory_id]
        return (
            [(slot, "sold", None) for slot in sold.slots],
            [(slot, quantity, None) for (slot, _), quantity in sold.quantities.items()],
        )
    return (
        [(row.slot, _state(row.kind, row.expires_at), row.expires_at) for row in exclusive],
        [(row.slot, row.quantity, row.expires_at) for row in counted],
    )


async def slots_of_holds(db: Reader, inventory_id: UUID, hold_ids: Sequence[UUID], *, now: datetime) -> dict[int, UUID]:
    """The slots that these holds claim at that moment, with whose they are."""
    if not hold_ids:
        return {}
    found: dict[int, UUID] = {}
    for table in (claims, quantity_claims):
        rows = await db.all(
            sa.select(table.c.slot, table.c.hold_id).where(
                table.c.inventory_id == inventory_id,
                table.c.hold_id.in_(hold_ids),
                sa.or_(table.c.expires_at.is_(None), table.c.expires_at > now),
            )
        )
        found |= {row.slot: row.hold_id for row in rows}
    if not found and inventory_id in (kept := await archived.sold(db, [inventory_id])):
        sold = kept[inventory_id]
        all_slots = {**sold.slots, **dict(sold.quantities.keys())}
        return {slot: hold_id for slot, hold_id in all_slots.items() if hold_id in hold_ids}
    return found


async def occupied_slots(db: Reader, inventory_ids: Sequence[UUID], *, now: datetime) -> dict[UUID, list[int]]:
    """The exclusive slots taken at that moment of each of these inventories, in one scan."""
    rows = await db.all(
        sa.select(claims.c.inventory_id, claims.c.slot).where(
            db.among(claims.c.inventory_id, inventory_ids),
            sa.or_(claims.c.expires_at.is_(None), claims.c.expires_at > now),
        )
    )
    taken: dict[UUID, list[int]] = {inventory_id: [] for inventory_id in inventory_ids}
    for row in rows:
        taken[row.inventory_id].append(row.slot)
    kept = await archived.sold(db, [inventory_id for inventory_id, slots in taken.items() if not slots])
    return taken | {inventory_id: list(sold.slots) for inventory_id, sold in kept.items()}


async def glances(db: Reader, inventory_ids: Sequence[UUID], *, parts: range, now: datetime) -> dict[UUID, Glance]:
    """How each of these sells at that moment: its exclusive places of which any of these parts is taken, counted.

    In one scan, which reads no layout. Of what is archived nothing is counted: it sells no more.
    """
    values = {"ids": list(inventory_ids), "now": now, "first": parts.start, "last": parts.stop - 1}
    rows = await db.all(_glances(db.dialect), values)
    return {row.id: Glance(row.state, row.version, row.taken) for row in rows}


@cache
def _glances(dialect: Dialect) -> sa.Select[Any]:
    """Made once: to make one costs as much as to run it. On PostgreSQL it is one statement however many they are."""
    per_place = layouts.c.slots_per_place
    taken = (
        sa.select(sa.func.count(sa.distinct(claims.c.slot // per_place)))
        .where(
            claims.c.inventory_id == inventories.c.id,
            sa.or_(claims.c.expires_at.is_(None), claims.c.expires_at > sa.bindparam("now")),
            sa.between(claims.c.slot % per_place, sa.bindparam("first"), sa.bindparam("last")),
        )
        .scalar_subquery()
    )
    return (
        sa.select(inventories.c.id, inventories.c.state, inventories.c.version, taken.label("taken"))
        .join(layouts, layouts.c.id == inventories.c.layout_id)
        .where(given(inventories.c.id, dialect))
    )


async def quantities_taken(db: Reader, inventory_id: UUID, *, now: datetime) -> dict[int, int]:
    """How much of each counted slot is taken at that moment, lapsed claims left out."""
    rows = await db.all(
        sa.select(quantity_claims.c.slot, sa.func.sum(quantity_claims.c.quantity).label("quantity"))
        .where(
            quantity_claims.c.inventory_id == inventory_id,
            sa.or_(quantity_claims.c.expires_at.is_(None), quantity_claims.c.expires_at > now),
        )
        .group_by(quantity_claims.c.slot)
    )
    taken = Counter({row.slot: int(row.quantity) for row in rows})
    if not taken and inventory_id in (kept := await archived.sold(db, [inventory_id])):
        for (slot, _), quantity in kept[inventory_id].quantities.items():
            taken[slot] += quantity
    return dict(taken)


async def capacities(db: Reader, inventory_id: UUID) -> dict[int, int]:
    """The capacity of each counted slot that differs from its layout's default, or was sold from already."""
    rows = await db.all(sa.select(counters.c.slot, counters.c.capacity).where(counters.c.inventory_id == inventory_id))
    return {row.slot: row.capacity for row in rows}


async def occupancy(db: Reader, *, starts_from: datetime, starts_before: datetime) -> list[tuple[datetime, int, int]]:
    """(start, capacity, sold) of what starts in that time and was not cancelled."""
    rows = await db.all(
        sa.select(inventories.c.starts_at, inventories.c.capacity, inventories.c.sold).where(
            inventories.c.starts_at >= starts_from,
            inventories.c.starts_at < starts_before,
            inventories.c.state.in_(("on_sale", "sold_out", "closed", "over")),
        )
    )
    return [(row.starts_at, row.capacity, row.sold) for row in rows]


async def occupancy_of(
    db: Reader, *, starts_from: datetime, starts_before: datetime, provider_id: UUID | None = None
) -> list[Inventory]:
    """What starts in that time and was on sale, in the order of starting, with its capacity and what is sold."""
    statement = sa.select(inventories).where(
        inventories.c.starts_at >= starts_from,
        inventories.c.starts_at < starts_before,
        inventories.c.state.in_(("on_sale", "sold_out", "closed", "over", "cancelled")),
    )
    if provider_id is not None:
        statement = statement.where(inventories.c.provider_id == provider_id)
    rows = await db.all(statement.order_by(inventories.c.starts_at, inventories.c.id))
    return [inventory_of(row) for row in rows]


def _state(kind: str, expires_at: datetime | None) -> SlotState:
    if kind == "block":
        return "blocked"
    return "sold" if expires_at is None else "held"
