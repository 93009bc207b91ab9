"""The worker: relays facts, does jobs, sweeps and reconciles. Any number of them run beside one another.

Whatever it does may be done twice, or by another worker at the same time: jobs are leased, the sweeper takes turns.
Nothing waits for it but letters, refunds and tidiness: a place whose time is over is free without it.
"""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from holdfast.app.house import House
from holdfast.kernel import audit, checkout, identity, notifications, refunds, retention, webhooks
from holdfast.kernel.checkout import tasks as checkout_tasks
from holdfast.kernel.identity import tasks as identity_tasks
from holdfast.kernel.notifications import tasks as notification_tasks
from holdfast.kernel.product import Products
from holdfast.kit import beats, clock, jobs, outbox
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id
from holdfast.kit.jobs import Handler
from holdfast.kit.keeping import Kept

IDLE_SECONDS = 0.3
BROKEN_SECONDS = 2.0
RECONCILE_SECONDS = 5
CHAIN_SECONDS = 3
CATCH_UP_SECONDS = 300
CATCH_UP_WINDOW = timedelta(hours=2)
CATCH_UP_WINDOW_FIRST = timedelta(days=3)  # as long as gateways try: nobody may have worked meanwhile
TIDY_SECONDS = 86_400
ARCHIVE_SECONDS = 600

log = structlog.get_logger("holdfast.worker")


@dataclass(slots=True)
class Chore:
    """Something done again and again, by its name."""

    name: str
    every: float
    work: Callable[[], Awaitable[object]]


async def run(house: House, stop: asyncio.Event) -> None:
    """Work until `stop` is set; what was begun is finished first. A failure is logged and survived."""
    log.info("worker_started")
    worker_id = new_id()
    pulse = Chore("beat", beats.EVERY_SECONDS, partial(beat, house.database, worker_id))
    chores = [asyncio.create_task(_again(chore, stop)) for chore in [pulse, *chores_of(house)]]
    courier = asyncio.create_task(webhooks.Courier(house.database, house.webhooks).run(stop))
    todo, listeners = handlers(house), listening(house.products)
    while not stop.is_set():
        try:
            done = await once(house.database, todo, listeners)
        except Exception as error:  # noqa: BLE001 - the database may be away: it comes back, and so do we
            _told("worker_failed", error)
            await _rest(stop, BROKEN_SECONDS)
        else:
            if not done:
                await _rest(stop, IDLE_SECONDS)
    await asyncio.gather(*chores, courier)
    with contextlib.suppress(Error):  # the database may be away; a silent worker is taken for dead soon enough
        await house.database.run(lambda db: beats.leave(db, worker_id))
    log.info("worker_stopped")


async def once(database: Database, todo: Mapping[str, Handler], listeners: Mapping[str, Sequence[str]]) -> int:
    """Relay what waits and do what is due; how much that was. Both look first: an idle worker locks nothing."""
    relayed = await outbox.relay_waiting(database, listeners=listeners, hearers=(webhooks.hear,))
    return relayed + await jobs.run_due(database, todo)


async def drain(house: House, *, rounds_max: int = 200) -> None:
    """Relay and work until nothing is due: for tests and for a tidy end of a seed."""
    todo, listeners = handlers(house), listening(house.products)
    courier = webhooks.Courier(house.database, house.webhooks)
    for _ in range(rounds_max):
        if not await once(house.database, todo, listeners) + await courier.deliver_due():
            return


def handlers(house: House) -> dict[str, Handler]:
    """Every kind of job with what does it."""
    database, till = house.database, house.till
    todo: dict[str, Handler] = {
        checkout.END: partial(checkout_tasks.end_payment, database, till),
        checkout.CANCEL_OCCURRENCE: partial(checkout_tasks.cancel_occurrence, database),
        checkout.FINISH_OCCURRENCE: partial(checkout_tasks.finish_occurrence, database),
        refunds.SEND: partial(checkout_tasks.send_refund, database, till),
        identity.LETTER_JOB: partial(identity_tasks.send_letter, database, house.identity, house.sender),
        notifications.HEAR: partial(notification_tasks.hear, database, house.identity),
        notifications.SEND: partial(
            notification_tasks.send, database, house.identity, house.sender, house.ticket_keys[0]
        ),
    }
    for product in house.products.all:
        for fact, make in product.on.items():
            todo[f"{product.name}.{fact.name()}"] = make(database)
    return todo


def listening(products: Products) -> dict[str, list[str]]:
    """By the name of a fact, the kinds of job it becomes."""
    kinds: dict[str, list[str]] = {fact: [notifications.HEAR] for fact in notifications.FACTS}
    for product in products.all:
        for fact in product.on:
            kinds.setdefault(fact.name(), []).append(f"{product.name}.{fact.name()}")
    return kinds


def chores_of(house: House) -> list[Chore]:
    """What is done without being asked, and how often."""
    database, till = house.database, house.till
    skipped: dict[UUID, int] = {}
    windows = itertools.chain([CATCH_UP_WINDOW_FIRST], itertools.repeat(CATCH_UP_WINDOW))
    chores = [
        Chore("sweep", till.clocks.sweep_every.total_seconds(), partial(checkout_tasks.sweep, database, skipped)),
        Chore("reconcile", RECONCILE_SECONDS, partial(checkout_tasks.reconcile, database, till)),
        Chore("catch_up", CATCH_UP_SECONDS, partial(catch_up, house, windows)),
        Chore("chain", CHAIN_SECONDS, partial(chain, database)),
        Chore("archive", ARCHIVE_SECONDS, partial(retention.archive, database)),
        Chore("tidy", TIDY_SECONDS, partial(retention.tidy, database, kept(house.products))),
    ]
    for product in house.products.all:
        for name, (seconds, make) in product.every.items():
            chores.append(Chore(name, seconds, partial(make, database)))
    return chores


def kept(products: Products) -> tuple[Kept, ...]:
    """How long the rows of every table are kept: the kernel's, the kit's and each product's."""
    return (*retention.KEPT, *(each for product in products.all for each in product.kept))


async def beat(database: Database, worker_id: UUID) -> None:
    """Tell that this worker is alive (`holdfast doctor` and /health/ready look)."""

    async def beating(db: Transaction) -> None:
        await beats.beat(db, worker_id, now=await clock.moment(db))

    await database.run(beating)


async def catch_up(house: House, windows: Iterator[timedelta]) -> int:
    """Ask every gateway what changed lately, in case all of its webhooks were lost; the first time, long ago too."""
    async with house.database.reader() as db:
        since = await clock.moment(db) - next(windows)
    return await checkout_tasks.catch_up(house.database, house.till, since=since)


async def chain(database: Database) -> int:
    """Chain the rows of the activity log that settled, batch by batch; looking costs no writer."""
    chained = 0
    while True:
        async with database.reader() as db:
            if not await audit.waits(db):
                return chained
        done = await database.run(audit.chain)
        if not done:  # another worker is at it
            return chained
        chained += done


async def _again(chore: Chore, stop: asyncio.Event) -> None:
    while not stop.is_set():
        began = time.monotonic()
        try:
            await chore.work()
        except Exception as error:  # noqa: BLE001 - the next round may succeed
            _told("chore_failed", error, chore=chore.name)
        await _rest(stop, max(0.1, chore.every - (time.monotonic() - began)))


def _told(event: str, error: Exception, **fields: str) -> None:
    """What has a name is expected now and then; the rest is a bug, and its trace is wanted."""
    if isinstance(error, Error):
        log.warning(event, error=f"{error.code}: {error}", **fields)
    else:
        log.error(event, exc_info=error, **fields)


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
