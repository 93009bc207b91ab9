"""Inventories in memory for whoever reads them, each as it is now: answered without reading what is taken again.

An answer is never older than its question. What comes while a look at the outbox is under way waits for the next one,
which serves all who wait: alone one waits for one small statement, of a thousand at once nobody waits for a thousand.
So who was told that something is theirs sees it at once, whichever process they ask.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from holdfast.kernel import inventory
from holdfast.kernel.inventory import Inventory, InventoryNotFound
from holdfast.kernel.realtime import queries
from holdfast.kernel.realtime.views import GapInStreamError, View
from holdfast.kit import outbox
from holdfast.kit.clock import KeptClock
from holdfast.kit.db import Database
from holdfast.kit.outbox import Change
from holdfast.kit.together import Together

#: So many slots are kept in memory, of those that were asked for last.
SLOTS_MAX = 100_000
#: So many written answers of each.
WRITTEN_MAX = 4
CHANGES_MAX = 2_000
#: How old a reading of the database's clock may be; and how soon a new epoch is noticed.
_CLOCK_SECONDS = 1.0
#: What nobody asked for so long is read anew: rows of the outbox are not kept for ever.
_UNREAD_SECONDS_MAX = 3_600.0
_READS_AT_ONCE = 4


@dataclass(slots=True)
class Kept:
    """One inventory in memory; how it looks goes on at the next `await`.

    `inventory`: as it was read: its `seq`, `state` and `sold` may be old (`view` has those of now), all else is as it
    is now. `said`: what the product says of it, read no earlier: when any of it changes, this object is replaced.
    """

    inventory: Inventory
    view: View
    epoch: int
    looked_at: float
    said: Any = None
    _written: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    @property
    def position(self) -> str:
        """Where it is, opaque: equal positions are equal looks."""
        return f"{self.epoch}.{self.view.seq}.{self.view.lapsed}"

    def written(self, what: str, tag: str, write: Callable[[], bytes]) -> bytes:
        """What was written of it under that name, as long as the tag is the same."""
        known = self._written.pop(what, None)
        if known is None or known[0] != tag:
            known = (tag, write())
        self._written[what] = known
        if len(self._written) > WRITTEN_MAX:
            del self._written[next(iter(self._written))]
        return known[1]

    def takes(self, change: Change) -> bool:
        """Go on by that change; False where it must be read anew."""
        try:
            self.view.apply(change)
        except GapInStreamError:
            return False
        return change.version is None

    @property
    def slots(self) -> int:
        layout = self.view.layout
        return max(1, len(layout.places) * layout.slots_per_place)


class Lookout:
    """One a process."""

    def __init__(self, database: Database, *, slots_max: int = SLOTS_MAX) -> None:
        self.clock = KeptClock()
        self._database = database
        self._slots_max = slots_max
        self._slots = 0
        self._kept: OrderedDict[UUID, Kept] = OrderedDict()
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)
        self._epoch = queries.FIRST_EPOCH
        self._together = Together(self._look)

    async def look(self, inventory_id: UUID) -> Kept:
        """The inventory as it is, at a moment after this was asked. InventoryNotFound."""
        kept = await self._together.find(inventory_id)
        if kept is None:
            raise InventoryNotFound
        return kept

    async def _look(self, asked: Sequence[UUID]) -> dict[UUID, Kept]:
        """One look for all who asked; then those that are not here yet, side by side."""
        await self._bring_on(asked)
        found = {inventory_id: self._kept[inventory_id] for inventory_id in asked if inventory_id in self._kept}
        fetched = await asyncio.gather(*[self._fetch(each) for each in asked if each not in found])
        return found | {kept.inventory.id: kept for kept in fetched if kept is not None}

    async def _bring_on(self, asked: Sequence[UUID]) -> None:
        """Apply what happened to those of them that are kept; what can't go on is forgotten."""
        kept = {inventory_id: self._kept[inventory_id] for inventory_id in asked if inventory_id in self._kept}
        if not kept:
            return
        async with self._database.reader() as db:
            if self._database.test_clock or self.clock.is_older_than(_CLOCK_SECONDS):
                now = await self.clock.read(db)
                self._epoch = await queries.epoch(db)
            else:
                now = self.clock.now()
            seen = {inventory_id: each.view.seq for inventory_id, each in kept.items()}
            changes = await outbox.changes_after(db, seen, limit=CHANGES_MAX)
        stale = {inventory_id for inventory_id, each in kept.items() if not self._can_go_on(each)}
        if len(changes) == CHANGES_MAX:  # there may be more
            stale |= kept.keys()
        stale |= {change.inventory_id for change in changes if not kept[change.inventory_id].takes(change)}
        for inventory_id, each in kept.items():
            if inventory_id in stale:
                self._forget(inventory_id)
            else:
                each.view.lapse(now)
                each.looked_at = time.monotonic()
                self._kept.move_to_end(inventory_id)

    def _can_go_on(self, kept: Kept) -> bool:
        return kept.epoch == self._epoch and time.monotonic() - kept.looked_at < _UNREAD_SECONDS_MAX

    async def _fetch(self, inventory_id: UUID) -> Kept | None:
        """Read it, and keep it; None where there is none."""
        async with self._reads, self._database.snapshot() as db:
            now = await self.clock.read(db)
            epoch = await queries.epoch(db)
            try:
                found = await inventory.find(db, inventory_id)
            except InventoryNotFound:
                return None
            view = await queries.view_of(db, found, now=now)
        kept = self._kept[inventory_id] = Kept(found, view, epoch, time.monotonic())
        self._slots += kept.slots
        while self._slots > self._slots_max and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))
        return kept

    def _forget(self, inventory_id: UUID) -> None:
        self._slots -= self._kept.pop(inventory_id).slots


async def public(lookout: Lookout, inventory_id: UUID) -> Kept:
    """Of what anybody may look at: a draft is nobody's business. InventoryNotFound."""
    kept = await lookout.look(inventory_id)
    if kept.view.state == "draft":
        raise InventoryNotFound
    return kept
