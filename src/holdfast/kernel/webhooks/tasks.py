"""Bring deliveries to their receivers, beside whatever else a worker does: a slow receiver holds up nobody else.

Any number of couriers may run, in any number of processes: each attempt is leased to one of them.
"""

import asyncio
import contextlib
import random
from collections import Counter
from uuid import UUID

import structlog

from holdfast.kernel.webhooks import deliveries, rules
from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import Attempt, Outcome
from holdfast.kit import clock, outgoing
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error

AT_ONCE_MAX = 32
LOOK_SECONDS = 0.5
BROKEN_SECONDS = 2.0
_AGENT = "Holdfast-Webhooks/1"

log = structlog.get_logger("holdfast.webhooks")


class Courier:
    """Makes attempts side by side, at most `AT_ONCE_MAX` of them and few of one endpoint."""

    def __init__(self, database: Database, settings: WebhookSettings) -> None:
        self._database = database
        self._settings = settings
        self._under_way: dict[asyncio.Task[None], UUID] = {}
        self._landed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set; what was begun is finished first. A failure is logged and survived."""
        while not stop.is_set():
            pause = LOOK_SECONDS
            try:
                begun = await self.begin_due()
            except Exception as error:  # noqa: BLE001 - the database may be away: it comes back, and so do we
                named = f"{error.code}: {error}" if isinstance(error, Error) else type(error).__name__
                log.warning("webhooks_not_begun", error=named)
                pause = BROKEN_SECONDS
            else:
                if begun and len(self._under_way) < AT_ONCE_MAX:
                    continue  # there may be more
            await self._rest(stop, pause)
        await self.finish()

    async def deliver_due(self) -> int:
        """Make every attempt that is due at this moment, to its end; how many."""
        made = 0
        while begun := await self.begin_due():
            made += begun
            await self.finish()
        return made

    async def begin_due(self) -> int:
        """Begin what is due, as far as hands are free; how many. Looking costs no writer."""
        free = AT_ONCE_MAX - len(self._under_way)
        if not free or not await self._is_any_due():
            return 0
        busy = Counter(self._under_way.values())

        async def beginning(db: Transaction) -> list[Attempt]:
            now = await clock.moment(db)
            return await deliveries.begin(db, settings=self._settings, most=free, busy=busy, now=now)

        attempts = await self._database.run(beginning)
        for attempt in attempts:
            task = asyncio.create_task(self._make(attempt))
            self._under_way[task] = attempt.endpoint_id
            task.add_done_callback(self._land)
        return len(attempts)

    async def finish(self) -> None:
        """Wait for what is under way."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))

    async def _is_any_due(self) -> bool:
        async with self._database.reader() as db:
            return await deliveries.is_any_due(db, now=await clock.moment(db))

    async def _make(self, attempt: Attempt) -> None:
        outcome = await send(attempt, self._settings)
        jitter = random.uniform(0, 1)  # noqa: S311 - jitter, not a secret

        async def settling(db: Transaction) -> None:
            await deliveries.settle(db, attempt, outcome, jitter=jitter, now=await clock.moment(db))

        try:
            await self._database.run(settling)
        except Error as error:  # the lease ends, and the attempt is made again
            log.warning("webhook_not_settled", delivery_id=str(attempt.delivery_id), error=f"{error.code}: {error}")

    def _land(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._landed.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("webhook_broke", exc_info=error)

    async def _rest(self, stop: asyncio.Event, seconds: float) -> None:
        """Until a hand is free again, the time is over, or work ends."""
        self._landed.clear()
        waits = [asyncio.create_task(stop.wait()), asyncio.create_task(self._landed.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await wait


async def send(attempt: Attempt, settings: WebhookSettings) -> Outcome:
    """Make the call of one attempt, outside of any transaction. Whatever happens is an outcome."""
    if not attempt.secrets:
        return Outcome(None, "secret_unreadable")
    content = rules.body(attempt)
    headers = {"User-Agent": _AGENT, **rules.headers(attempt, content)}
    try:
        answer = await outgoing.post(attempt.url, body=content, headers=headers, calls=settings.calls)
    except outgoing.UrlRefused:  # what may be called was narrowed since
        return Outcome(None, "address_refused")
    except outgoing.NotAnsweredError as error:
        return Outcome(None, error.reason)
    except Exception:  # a bug of ours counts as a failure, or it would be repeated for ever
        log.exception("webhook_call_broke", delivery_id=str(attempt.delivery_id))
        return Outcome(None, "call_broke")
    return rules.outcome_of(answer.status, answer.retry_after, now=attempt.at)
