"""Archive what is over with no money pending (spec, kernel 11)."""

from datetime import datetime
from uuid import UUID

from holdfast.kernel import audit, bookings, holds, inventory, payments, refunds
from holdfast.kernel.audit import Actor
from holdfast.kernel.inventory import Turn, turn
from holdfast.kit.db import Transaction


async def archive(db: Transaction, inventory_id: UUID, *, before: datetime) -> bool:
    """Mark one as archived; its claims are deleted afterwards. False where something is pending, or it was done.

    What ended after `before` waits: it may have been rescheduled since somebody looked.
    """
    async with turn(db, inventory_id) as taken:
        was = taken.inventory
        if was.archived_at is not None or was.state not in {"over", "cancelled"} or was.ends_at > before:
            return False
        if await _is_anything_pending(taken):
            return False
        inventory.archive(taken)
        await audit.record(
            db,
            actor=Actor.system(),
            action="inventory_archived",
            entity_type="inventory",
            entity_id=inventory_id,
            provider_id=was.provider_id,
            after={"sold": was.sold, "capacity": was.capacity},
            now=taken.now,
        )
        return True


async def empty(db: Transaction, inventory_id: UUID, *, most: int) -> int:
    """Delete a batch of its claims under its turn; how many, 0 once none is left."""
    async with turn(db, inventory_id) as taken:
        return await inventory.empty(taken, most=most)


async def _is_anything_pending(taken: Turn) -> bool:
    """A hold not tidied yet, a booking not ended, a payment that may come, a refund that is owed."""
    db, inventory_id = taken.db, taken.inventory.id
    unended = ("requested", "pending", "confirmed")
    return bool(
        await holds.of_inventory(db, inventory_id, states=("active",), limit=1)
        or await bookings.of_inventory(db, inventory_id, states=unended, limit=1)
        or await payments.has_open(db, inventory_id)
        or await refunds.are_owed(db, inventory_id)
    )
