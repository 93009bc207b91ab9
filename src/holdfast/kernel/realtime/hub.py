"""Follow the inventories that are watched in this process, and tell their watchers, whoever made the change.

The hub reads the outbox by (inventory, seq > last seen), all followed inventories in one statement, a few times a
second while anybody watches: it needs no worker, no other process and no broker. Delivery never delays a sale: nobody
waits for the hub, and a hub that lost the database looks again.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from holdfast.kernel import identity
from holdfast.kernel.realtime import queries
from holdfast.kernel.realtime.audience import Audience, Watcher
from holdfast.kernel.realtime.values import Channel, RealtimeSettings, WriteFrame
from holdfast.kernel.realtime.views import GapInStreamError, View
from holdfast.kit import clock, metrics, outbox
from holdfast.kit.db import Database, Reader
from holdfast.kit.errors import Error

CHANGES_MAX = 2_000
_BROKEN_SECONDS = 0.5
#: Between two looks, whatever is due: everybody else gets a turn.
_BREATH_SECONDS = 0.001

_OPEN = metrics.gauge("holdfast_sockets_open", "Sockets open at the moment.")

log = structlog.stdlib.get_logger("holdfast.realtime")


@dataclass(slots=True)
class _Followed:
    """An inventory in memory with its audiences; `touched`: places that changed since anybody was told."""

    view: View
    audiences: dict[Channel, Audience] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)
    told_at: float = 0.0
    deserted_at: float | None = None

    @property
    def has_news(self) -> bool:
        """Whether anybody is to be told of something."""
        return bool(self.touched) or any(each.seq != self.view.seq for each in self.audiences.values())


class Hub:
    """One a process; `running` while the server serves."""

    def __init__(self, database: Database, settings: RealtimeSettings) -> None:
        self.settings = settings
        self._database = database
        self._followed: dict[UUID, _Followed] = {}
        self._joining = asyncio.Lock()
        self._has_watchers = asyncio.Event()
        self._addresses: Counter[str] = Counter()
        self._epoch = queries.FIRST_EPOCH
        self._noticed_at = 0.0
        self._clock = clock.KeptClock()

    @property
    def sockets(self) -> int:
        """How many are open in this process."""
        return self._addresses.total()

    @contextlib.contextmanager
    def admitted(self, address: str) -> Iterator[bool]:
        """Whether one socket more from there is within the limits; it counts until it leaves."""
        is_within = (
            self.sockets < self.settings.sockets_max
            and self._addresses[address] < self.settings.sockets_per_address_max
        )
        if not is_within:
            yield False
            return
        self._addresses[address] += 1
        _OPEN.inc()
        try:
            yield True
        finally:
            _OPEN.dec()
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow and tell until the end of the block."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def join(self, channel: Channel, write_frame: WriteFrame | None = None) -> Watcher:
        """Watch; the first message is a snapshot. InventoryNotFound."""
        async with self._joining:
            followed = self._followed.get(channel.inventory_id)
            if followed is None:
                followed = self._followed[channel.inventory_id] = _Followed(await self._read(channel.inventory_id))
        audience = followed.audiences.get(channel)
        if audience is None:
            audience = Audience(channel, followed.view, epoch=self._epoch, clock=self._clock.now)
            followed.audiences[channel] = audience
        watcher = Watcher(audience, queue_max=self.settings.queue_max, write_frame=write_frame)
        watcher.resync()
        audience.watchers.add(watcher)
        followed.deserted_at = None
        self._has_watchers.set()
        return watcher

    def leave(self, watcher: Watcher) -> None:
        audience = watcher.audience
        audience.watchers.discard(watcher)
        followed = self._followed.get(audience.channel.inventory_id)
        if followed is None or audience.watchers:
            return
        followed.audiences.pop(audience.channel, None)
        if not followed.audiences:
            followed.deserted_at = time.monotonic()

    async def know(self, watcher: Watcher, owner_id: UUID, *, login_id: UUID | None) -> None:
        """From now on this watcher is told what is theirs, beginning with a snapshot."""
        inventory_id = watcher.audience.channel.inventory_id
        async with self._database.reader() as db:
            now = await clock.moment(db)
            mine = await queries.slots_of_owners(db, inventory_id, [owner_id], now=now)
            stamps = await identity.stamps_of_logins(db, [] if login_id is None else [login_id])
        watcher.owner_id, watcher.slots = owner_id, mine[owner_id]
        watcher.login_id, watcher.stamp = login_id, stamps.get(login_id) if login_id is not None else None
        watcher.resync()

    async def _run(self) -> None:
        while True:
            if not self._followed:
                self._has_watchers.clear()
                await self._has_watchers.wait()
            try:
                await self._round()
            except Exception as error:
                if isinstance(error, Error):
                    log.warning("realtime_waits", error=error.code)
                else:
                    log.exception("realtime_failed")
                await asyncio.sleep(_BROKEN_SECONDS)
            await asyncio.sleep(self._rest())

    def _rest(self) -> float:
        """Until the outbox is looked at again, or sooner where a claim runs out or it is time to tell."""
        rests = [self.settings.poll_seconds]
        for followed in self._followed.values():
            if followed.view.next_end is not None:
                rests.append((followed.view.next_end - self._clock.now()).total_seconds())
            if followed.has_news:
                rests.append(followed.told_at + self.settings.message_seconds - time.monotonic())
        return max(min(rests), _BREATH_SECONDS)

    async def _round(self) -> None:
        """Look once: what changed, what is over, who is to be told."""
        async with self._database.reader() as db:
            now = await self._clock.read(db)
            await self._notice(db)
            seen = {inventory_id: followed.view.seq for inventory_id, followed in self._followed.items()}
            changes = await outbox.changes_after(db, seen, limit=CHANGES_MAX)
        gaps = set()
        for change in changes:
            followed = self._followed.get(change.inventory_id)
            if followed is None or change.inventory_id in gaps:
                continue
            try:
                followed.touched |= followed.view.apply(change)
            except GapInStreamError:
                gaps.add(change.inventory_id)
        for inventory_id in gaps:
            await self._restart(inventory_id)
        for inventory_id, followed in list(self._followed.items()):
            followed.touched |= followed.view.lapse(now)
            await self._tell(inventory_id, followed, now=now)

    async def _tell(self, inventory_id: UUID, followed: _Followed, *, now: datetime) -> None:
        """Tell every audience, but not more often than ten times a second; forget who has no audience left."""
        if followed.deserted_at is not None:
            if time.monotonic() - followed.deserted_at > self.settings.linger_seconds:
                del self._followed[inventory_id]
            return
        began = time.monotonic()
        if not followed.has_news or began - followed.told_at < self.settings.message_seconds:
            return
        owners = {
            watcher.owner_id
            for audience in followed.audiences.values()
            for watcher in audience.watchers
            if watcher.owner_id is not None
        }
        mine = {}
        if owners:
            async with self._database.reader() as db:
                mine = dict(await queries.slots_of_owners(db, inventory_id, owners, now=now))
        touched, followed.touched = followed.touched, set()
        for audience in list(followed.audiences.values()):
            if audience.tell(touched, mine):
                followed.told_at = began

    async def _restart(self, inventory_id: UUID) -> None:
        followed = self._followed[inventory_id]
        followed.view = await self._read(inventory_id)
        followed.touched.clear()
        for audience in followed.audiences.values():
            audience.restart(followed.view, epoch=self._epoch)

    async def _read(self, inventory_id: UUID) -> View:
        async with self._database.snapshot() as db:
            now = await self._clock.read(db)
            self._epoch = await queries.epoch(db)
            return await queries.view(db, inventory_id, now=now)

    async def _notice(self, db: Reader) -> None:
        """Look now and then whether a login ended, an account changed or an epoch began."""
        if time.monotonic() - self._noticed_at < self.settings.notice_seconds:
            return
        self._noticed_at = time.monotonic()
        await self._notice_logins(db)
        await self._notice_epoch(db)

    async def _notice_logins(self, db: Reader) -> None:
        """All logins of signed-in watchers in one statement; whose login looks otherwise than before is in doubt."""
        watchers = [
            watcher
            for followed in self._followed.values()
            for audience in followed.audiences.values()
            for watcher in audience.watchers
            if watcher.login_id is not None
        ]
        stamps = await identity.stamps_of_logins(db, {watcher.login_id for watcher in watchers if watcher.login_id})
        for watcher in watchers:
            stamp = stamps.get(watcher.login_id) if watcher.login_id else None
            if stamp != watcher.stamp:
                watcher.stamp = stamp
                watcher.is_doubtful.set()

    async def _notice_epoch(self, db: Reader) -> None:
        """A new epoch: positions of before mean nothing, so everybody begins anew."""
        epoch = await queries.epoch(db)
        if any(audience.epoch != epoch for each in self._followed.values() for audience in each.audiences.values()):
            for inventory_id in list(self._followed):
                await self._restart(inventory_id)
