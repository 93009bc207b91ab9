"""Read an inventory as it is at one `seq`, and whose places are whose."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import holds, inventory
from holdfast.kernel.inventory import Inventory
from holdfast.kernel.realtime.models import stream_epoch
from holdfast.kernel.realtime.views import View
from holdfast.kit.db import Reader

FIRST_EPOCH = 1


async def epoch(db: Reader) -> int:
    return int(await db.scalar(sa.select(stream_epoch.c.epoch)) or FIRST_EPOCH)


async def view(db: Reader, inventory_id: UUID, *, now: datetime) -> View:
    """The inventory in memory; `db` is a snapshot, so that `seq` and claims agree. InventoryNotFound."""
    return await view_of(db, await inventory.find(db, inventory_id), now=now)


async def view_of(db: Reader, found: Inventory, *, now: datetime) -> View:
    """The same of an inventory that was read in this snapshot already."""
    inventory_id = found.id
    exclusive, counted = await inventory.claims_with_ends(db, inventory_id)
    return View(
        inventory_id=inventory_id,
        serial=found.serial,
        seq=found.seq,
        state=found.state,
        layout=await inventory.layout(db, found.layout_id),
        claims=exclusive,
        counted=counted,
        capacities=await inventory.capacities(db, inventory_id),
        now=now,
    )


async def slots_of_owners(
    db: Reader, inventory_id: UUID, owner_ids: Collection[UUID], *, now: datetime
) -> Mapping[UUID, frozenset[int]]:
    """The slots that each of these people holds or bought here."""
    owned = await holds.ids_of_owners(db, inventory_id, list(owner_ids))
    slots = await inventory.slots_of_holds(db, inventory_id, list(owned), now=now)
    mine: dict[UUID, set[int]] = {owner_id: set() for owner_id in owner_ids}
    for slot, hold_id in slots.items():
        mine[owned[hold_id]].add(slot)
    return {owner_id: frozenset(found) for owner_id, found in mine.items()}
