"""Read what was sold of what is archived: its claims are gone, its items keep their slots."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory.models import inventories
from holdfast.kit.db import Id, Json, Reader

#: Tables of features that stand above this one: what was sold stands there, once the claims are gone.
_items = sa.table(
    "items",
    sa.column("inventory_id", Id),
    sa.column("hold_id", Id),
    sa.column("state"),
    sa.column("slots", Json),
    sa.column("counted_slots", Json),
)
_bookings = sa.table("bookings", sa.column("inventory_id", Id), sa.column("hold_id", Id), sa.column("state"))
_SOLD = ("confirmed", "completed")


@dataclass(frozen=True, slots=True)
class Sold:
    """What of an archived inventory was sold to the last: by whose hold each slot, and how many of a counted one."""

    slots: dict[int, UUID]
    quantities: dict[tuple[int, UUID], int]


async def sold(db: Reader, inventory_ids: Sequence[UUID]) -> dict[UUID, Sold]:
    """What was sold of those of these that are archived, as their items tell; the others are left out."""
    if not inventory_ids:
        return {}
    archived = await db.all(
        sa.select(inventories.c.id).where(inventories.c.id.in_(inventory_ids), inventories.c.archived_at.is_not(None))
    )
    if not archived:
        return {}
    of_its_booking = sa.and_(_bookings.c.inventory_id == _items.c.inventory_id, _bookings.c.hold_id == _items.c.hold_id)
    rows = await db.all(
        sa.select(_items.c.inventory_id, _items.c.hold_id, _items.c.slots, _items.c.counted_slots)
        .join(_bookings, of_its_booking)
        .where(
            _items.c.inventory_id.in_([row.id for row in archived]),
            _items.c.state == "kept",
            _bookings.c.state.in_(_SOLD),
        )
    )
    found = {row.id: Sold({}, {}) for row in archived}
    quantities: defaultdict[UUID, Counter[tuple[int, UUID]]] = defaultdict(Counter)
    for row in rows:
        found[row.inventory_id].slots.update(dict.fromkeys(row.slots, row.hold_id))
        quantities[row.inventory_id].update((slot, row.hold_id) for slot in row.counted_slots)
    for inventory_id, counted in quantities.items():
        found[inventory_id].quantities.update(counted)
    return found
