"""Put something on sale, change what is for sale, take it off again. Whatever changes it takes its turn."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory import claims, queries
from holdfast.kernel.inventory.models import claims as claims_table
from holdfast.kernel.inventory.models import inventories, layouts, quantity_claims
from holdfast.kernel.inventory.turns import Turn
from holdfast.kernel.inventory.values import Layout, Limits, Place, State, Terms
from holdfast.kit.db import Transaction
from holdfast.kit.errors import Conflict
from holdfast.kit.ids import new_id


@dataclasses.dataclass(eq=False)
class PlacesInUse(Conflict):
    """These places are held or sold: {labels}."""

    labels: list[str]


async def add_layout(
    db: Transaction, *, product: str, slots_per_place: int, places: Sequence[Place], now: datetime
) -> Layout:
    """A first version; places carry their numbers already."""
    numbers = [place.number for place in places]
    assert len(set(numbers)) == len(numbers)
    return await _write_layout(
        db,
        Layout(
            id=new_id(),
            product=product,
            version=1,
            slots_per_place=slots_per_place,
            next_number=max(numbers, default=-1) + 1,
            places=tuple(places),
        ),
        now=now,
    )


async def next_layout(
    db: Transaction, old: Layout, *, places: Sequence[Place], now: datetime, slots_per_place: int | None = None
) -> Layout:
    """The next version of a layout. Numbers are never reused: `next_number` only grows."""
    numbers = [place.number for place in places]
    assert len(set(numbers)) == len(numbers)
    new = dataclasses.replace(
        old,
        id=new_id(),
        version=old.version + 1,
        slots_per_place=slots_per_place or old.slots_per_place,
        next_number=max([old.next_number, *(number + 1 for number in numbers)]),
        places=tuple(places),
    )
    return await _write_layout(db, new, now=now)


async def add(
    db: Transaction,
    *,
    inventory_id: UUID,
    product: str,
    occurrence_id: UUID,
    provider_id: UUID,
    state: State,
    starts_at: datetime,
    ends_at: datetime,
    zone: str,
    currency: str,
    prices: Mapping[str, int],
    limits: Limits,
    terms: Terms,
    layout: Layout,
    now: datetime,
    sale_opens_at: datetime | None = None,
    sale_closes_at: datetime | None = None,
) -> None:
    """A new inventory. What is to be sold of it is changed later under its turn."""
    values = {
        "id": inventory_id,
        "product": product,
        "occurrence_id": occurrence_id,
        "provider_id": provider_id,
        "state": state,
        "sale_opens_at": sale_opens_at,
        "sale_closes_at": sale_closes_at,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "zone": zone,
        "currency": currency,
        "prices": dict(prices),
        "limits": limits.to_json(),
        "terms": terms.to_json(),
        "layout_id": layout.id,
        "capacity": layout.capacity,
        "created_at": now,
        "updated_at": now,
    }
    serial: sa.ColumnElement[int] = sa.select(
        sa.func.coalesce(sa.func.max(inventories.c.serial), 0) + 1
    ).scalar_subquery()
    if db.dialect == "postgresql":  # its writers are many: a sequence counts for them
        serial = sa.func.nextval("inventory_serials")
    await db.execute(sa.insert(inventories).values(**values, serial=serial))


def use_layout(turn: Turn, layout: Layout, *, prices: Mapping[str, int]) -> None:
    """Sell by another version of the layout from now on; whoever carries the old version is told to look again."""
    turn.set(
        layout_id=layout.id,
        prices=dict(prices),
        capacity=layout.capacity,
        version=turn.inventory.version + 1,
    )
    claims.count_sold(turn, more=0)


def reprice(turn: Turn, *, prices: Mapping[str, int]) -> None:
    """Sell at other prices from now on; what is held or sold keeps its own."""
    turn.set(prices=dict(prices), version=turn.inventory.version + 1)


def set_state(turn: Turn, state: State) -> None:
    """Open, close, cancel or finish. Opening something that has nothing left makes it sold_out."""
    turn.set(state=state)
    if state == "on_sale":
        claims.count_sold(turn, more=0)


async def refuse_places_in_use(turn: Turn, layout: Layout, numbers: Collection[int]) -> None:
    """PlacesInUse where one of these places has a live claim on any of its slots."""
    per_place = layout.slots_per_place
    slots = [number * per_place + part for number in numbers for part in range(per_place)]
    found = await claims.read(turn, slots)
    counted = await queries.quantities_taken(turn.db, turn.inventory.id, now=turn.now)
    live = {claim.slot for claim in found.values() if claim.is_live(turn.now)} | (set(counted) & set(slots))
    used = sorted({slot // per_place for slot in live})
    if used:
        raise PlacesInUse([place.label for place in layout.places if place.number in used])


async def has_live_claims(turn: Turn) -> bool:
    """Whether anything of it is held, sold or blocked."""
    live = [
        sa.exists().where(
            table.c.inventory_id == turn.inventory.id,
            sa.or_(table.c.expires_at.is_(None), table.c.expires_at > turn.now),
        )
        for table in (claims_table, quantity_claims)
    ]
    return bool(await turn.db.scalar(sa.select(sa.or_(*live))))


async def _write_layout(db: Transaction, layout: Layout, *, now: datetime) -> Layout:
    await db.execute(
        sa.insert(layouts).values(
            id=layout.id,
            product=layout.product,
            version=layout.version,
            slots_per_place=layout.slots_per_place,
            next_number=layout.next_number,
            places=[_plain(place) for place in layout.places],
            created_at=now,
        )
    )
    return layout


def _plain(place: Place) -> dict[str, object]:
    fields = {field.name: getattr(place, field.name) for field in dataclasses.fields(place)}
    return {**fields, "flags": list(place.flags), "detail": dict(place.detail)}
