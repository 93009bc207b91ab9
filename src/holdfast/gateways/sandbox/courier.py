"""Bring webhooks to the shop over real HTTP, again and again until it answers with a 2xx; settle what time decides."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator

import httpx2

from holdfast.gateways.sandbox import captures, faults, refunds, webhooks
from holdfast.gateways.sandbox.settings import SandboxSettings
from holdfast.gateways.sandbox.signatures import SIGNATURE_HEADER, sign
from holdfast.gateways.sandbox.store import Store
from holdfast.gateways.sandbox.values import from_us

_LEASE_MARGIN_SECONDS = 5.0
_POLL_SECONDS = 0.02
_PAUSE_AFTER_A_FAULT_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Courier:
    """One background task a process; several processes may share the file."""

    def __init__(self, settings: SandboxSettings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._awake = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Say that something may be due now."""
        self._awake.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver in the background while the block lasts; what is then undelivered stays in its row."""
        async with httpx2.AsyncClient(timeout=self._settings.delivery_timeout_seconds, trust_env=False) as client:
            task = asyncio.create_task(self._run(client))
            try:
                yield
            finally:
                tasks = [task, *self._under_way]
                for one in tasks:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def told(self, subject: str) -> None:
        """Return once the first attempt at everything about this payment is over, however it ended."""
        self.wake()
        attempts = round(self._settings.delivery_timeout_seconds / _POLL_SECONDS)
        for _ in range(attempts):
            if not await self._store.run(lambda db: webhooks.untried(db, subject=subject)):
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _run(self, client: httpx2.AsyncClient) -> None:
        while True:
            self._awake.clear()
            try:
                wait = await self._round(client)
            except sqlite3.Error:
                _log.exception("the sandbox's file refuses; its webhooks wait")
                wait = _PAUSE_AFTER_A_FAULT_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), wait)

    async def _round(self, client: httpx2.AsyncClient) -> float:
        free = self._settings.deliveries_at_once_max - len(self._under_way)
        due, wait = await self._store.run(lambda db: self._due(db, free))
        for delivery in due:
            task = asyncio.create_task(self._deliver(client, delivery))
            self._under_way.add(task)
            task.add_done_callback(self._landed)
        return wait

    def _due(self, db: sqlite3.Connection, free: int) -> tuple[list[webhooks.Delivery], float]:
        captures.settle_due(db)
        refunds.settle_due(db)
        lease = self._settings.delivery_timeout_seconds + _LEASE_MARGIN_SECONDS
        due = webhooks.claim(db, count=free, lease_seconds=lease)
        now = faults.real_us()
        moments = [moment for moment in (webhooks.next_due_us(db), refunds.next_settle_us(db)) if moment is not None]
        waits = [max(0.0, (moment - now) / 1_000_000) for moment in moments]
        # With no hand free, the next landing wakes us; polling for what is overdue would only burn the processor.
        return due, min([*waits, self._settings.tick_seconds]) if free else self._settings.tick_seconds

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.wake()

    async def _deliver(self, client: httpx2.AsyncClient, delivery: webhooks.Delivery) -> None:
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: sign(self._settings.webhook_secret, delivery.body, now=from_us(delivery.sent_us)),
        }
        status: int | None = None
        try:
            status = (await client.post(delivery.url, content=delivery.body, headers=headers)).status_code
        except (httpx2.HTTPError, httpx2.InvalidURL):
            _log.info("webhook not delivered: attempt %s, nobody answered", delivery.attempts)
        await self._store.run(
            lambda db: webhooks.record(
                db,
                delivery,
                status=status,
                delays=self._settings.retry_seconds,
                total_seconds=self._settings.retry_total_seconds,
            )
        )
