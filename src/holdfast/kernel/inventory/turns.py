"""Take an inventory's turn: one order of changes, without gaps, in the order of their commits.

Lock the row, then read the clock, then (in later statements) read what the turn guards, decide, write; `seq` is raised
last, with the outbox row, and only if something visible changed. See docs/holds.md.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory.models import inventories
from holdfast.kernel.inventory.queries import inventory_of
from holdfast.kernel.inventory.values import Inventory, InventoryNotFound, SalesClosed, SlotState
from holdfast.kit import clock, outbox
from holdfast.kit.db import Transaction
from holdfast.kit.outbox import Fact

_COLUMNS = {"state", "sold", "capacity", "version", "layout_id", "prices", "starts_at", "ends_at", "archived_at"}
_COLUMNS |= {"sale_opens_at", "sale_closes_at", "terms", "limits"}
#: What a change tells by itself; of the others it tells that they changed.
_TOLD = {"state", "sold"}


@dataclass(slots=True)
class Turn:
    """What the turn guards: the inventory as it is now, the moment that decides, and the changes made so far."""

    db: Transaction
    inventory: Inventory
    now: datetime
    states: dict[int, tuple[SlotState, datetime | None]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    visible: bool = False
    is_announced: bool = False

    def show(self, slots: Iterable[int], state: SlotState, *, until: datetime | None = None) -> None:
        """These slots look so from now on."""
        self.states.update(dict.fromkeys(slots, (state, until)))

    def set(self, **columns: Any) -> None:  # noqa: ANN401 - columns of inventories, by name
        """Change columns of the inventory with the turn. SalesClosed where it is archived: nothing of it changes."""
        assert columns.keys() <= _COLUMNS
        if self.inventory.archived_at is not None:
            raise SalesClosed(self.inventory.state)
        self.values.update(columns)
        as_value = {name: value for name, value in columns.items() if name not in {"terms", "limits"}}
        self.inventory = replace(self.inventory, **as_value)
        self.visible = True

    def announce(self) -> None:
        """Something that the product says of it changed: whoever keeps it in memory reads it anew."""
        self.visible = self.is_announced = True

    def tell(self, fact: Fact) -> None:
        """Publish the fact with the `seq` of this turn's change."""
        self.facts.append(fact)


@asynccontextmanager
async def turn(db: Transaction, inventory_id: UUID, *, wait: bool = True) -> AsyncIterator[Turn]:
    """The inventory's turn until the transaction ends. InventoryNotFound; `wait=False`: SkippedTurn if it is taken."""
    statement = sa.select(inventories).where(inventories.c.id == inventory_id)
    if db.database.guards.stands("turn"):
        statement = statement.with_for_update(key_share=True, skip_locked=not wait)
    row = await db.first(statement)
    if row is None:
        if wait:
            raise InventoryNotFound
        raise SkippedTurn
    taken = Turn(db, inventory_of(row), await clock.moment(db))
    yield taken
    await _close(taken)


class SkippedTurn(Exception):
    """Somebody else has the turn."""


async def _close(taken: Turn) -> None:
    db, inventory, now = taken.db, taken.inventory, taken.now  # as it is after what was set
    changed = bool(taken.states) or taken.visible
    seq: int | None = inventory.seq
    if changed or taken.facts:
        values: Mapping[str, Any] = {**taken.values, "updated_at": now}
        if changed:
            values = {**values, "seq": inventories.c.seq + 1}
        statement = sa.update(inventories).where(inventories.c.id == inventory.id).values(values)
        seq = await db.scalar(statement.returning(inventories.c.seq))
        assert seq is not None
    if changed:
        states = [(slot, state, until) for slot, (state, until) in sorted(taken.states.items())]
        await outbox.publish_change(
            db,
            inventory_id=inventory.id,
            seq=seq or 0,
            states=states,
            state=inventory.state,
            layout_id=inventory.layout_id,
            now=now,
            version=inventory.version if taken.is_announced or taken.values.keys() - _TOLD else None,
        )
    for fact in taken.facts:
        await outbox.publish(db, fact, now=now, inventory_id=inventory.id, seq=seq)


async def set_lock_timeout(db: Transaction, patience: timedelta) -> None:
    """Wait no longer than that for locks in this transaction (PostgreSQL; SQLite waits for its one writer instead)."""
    if db.dialect == "postgresql":
        milliseconds = patience // timedelta(milliseconds=1)
        await db.scalar(sa.select(sa.func.set_config("lock_timeout", f"{milliseconds}ms", True)))  # noqa: FBT003
