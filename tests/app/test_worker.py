"""The worker: facts become jobs, jobs are done, and what breaks is tried again."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app import house, worker
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kernel import identity, retention
from holdfast.kernel.product import Product
from holdfast.kit import clock, idempotency, jobs, outbox, ratelimit
from holdfast.kit.db import Database
from holdfast.kit.http import Router
from holdfast.kit.ids import new_id
from holdfast.kit.jobs import Handler
from holdfast.kit.letters import MemorySender
from holdfast.kit.outbox import Fact
from tests.builders_identity import sign_up

pytestmark = pytest.mark.alone


@dataclass(frozen=True, slots=True)
class BellRung(Fact):
    """Somebody rang."""

    bell_id: UUID


class Listener:
    """A product that hears bells."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Any]] = []
        self.rounds = 0
        self.fails = 0

    def product(self) -> Product:
        return Product(
            name="bells", api=Router(), on={BellRung: self.handler}, every={"bells.count": (1, self.count_round)}
        )

    def handler(self, _database: Database) -> Handler:
        async def hear(payload: Mapping[str, Any]) -> None:
            self.heard.append(payload)

        return hear

    async def count_round(self, _database: Database) -> None:
        self.rounds += 1
        if self.rounds <= self.fails:
            message = "the bell is cracked"
            raise RuntimeError(message)


def housed(database: Database, folder: Path, listener: Listener) -> House:
    settings = Settings(_env_file=None, environment="test", data_folder=folder, bcrypt_cost=4)
    return house.build(settings, database=database, gateways={}, sender=MemorySender(), products=(listener.product(),))


async def ring(database: Database) -> UUID:
    bell_id = new_id()
    async with database.transaction() as db:
        await outbox.publish(db, BellRung(bell_id), now=await clock.moment(db))
    return bell_id


async def until(is_so: Any) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    pytest.fail("not within 10 s")


async def test_a_product_hears_of_a_fact_once_it_is_committed(database: Database, tmp_path: Path) -> None:
    listener = Listener()
    ours = housed(database, tmp_path, listener)
    bell_id = await ring(database)

    await worker.drain(ours)
    await worker.drain(ours)

    assert [told["bell_id"] for told in listener.heard] == [str(bell_id)]
    assert listener.heard[0]["fact"] == "BellRung"


async def test_an_idle_worker_takes_no_transaction(database: Database, tmp_path: Path) -> None:
    listener = Listener()
    ours = housed(database, tmp_path, listener)
    await worker.drain(ours)

    async with database.transaction():  # on SQLite the only one there can be
        async with asyncio.timeout(2):
            done = await worker.once(database, worker.handlers(ours), worker.listening(ours.products))

    assert done == 0


async def test_it_works_until_it_is_told_to_stop(database: Database, tmp_path: Path) -> None:
    listener = Listener()
    ours, stop = housed(database, tmp_path, listener), asyncio.Event()
    running = asyncio.create_task(worker.run(ours, stop))

    await ring(database)
    await until(lambda: listener.heard)
    stop.set()
    async with asyncio.timeout(5):
        await running

    assert len(listener.heard) == 1


async def test_several_workers_do_everything_once(database: Database, tmp_path: Path) -> None:
    listener, stop = Listener(), asyncio.Event()
    ours = housed(database, tmp_path, listener)
    running = [asyncio.create_task(worker.run(ours, stop)) for _ in range(3)]

    rung = {str(await ring(database)) for _ in range(20)}
    await until(lambda: len(listener.heard) >= 20)
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*running)

    assert {told["bell_id"] for told in listener.heard} == rung
    assert len(listener.heard) == 20


async def test_a_chore_that_fails_is_done_again(database: Database, tmp_path: Path) -> None:
    listener, stop = Listener(), asyncio.Event()
    listener.fails = 1
    ours = housed(database, tmp_path, listener)
    running = asyncio.create_task(worker.run(ours, stop))

    await until(lambda: listener.rounds >= 2)
    stop.set()
    await running


async def test_letters_leave_by_the_sender(database: Database, tmp_path: Path) -> None:
    ours = housed(database, tmp_path, Listener())
    person = await sign_up(database, is_verified=False, settings=ours.identity)

    await worker.drain(ours)

    assert isinstance(ours.sender, MemorySender)
    assert {letter.template for letter in ours.sender.to(person.email)} == {"verify_email", "registered"}


async def test_every_kind_of_job_that_is_enqueued_has_a_handler(database: Database, tmp_path: Path) -> None:
    ours = housed(database, tmp_path, Listener())

    assert {
        "payment.end",
        "refund.send",
        "occurrence.cancel",
        "occurrence.finish",
        identity.LETTER_JOB,
        "notification.hear",
        "notification.send",
        "bells.BellRung",
    } <= set(worker.handlers(ours))


async def test_what_has_been_kept_long_enough_is_forgotten(database: Database, tmp_path: Path) -> None:
    ours = housed(database, tmp_path, Listener())
    await ring(database)
    await worker.drain(ours)
    await ratelimit.allow(database, bucket="test:somebody", limit=1, per=timedelta(seconds=1))
    async with database.transaction() as db:
        await clock.move(db, by=timedelta(days=8))

    forgotten = await retention.tidy(database)

    assert forgotten["outbox"] == 1
    assert forgotten["rate_limits"] == 1
    async with database.reader() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(outbox.outbox)) == 0
        assert await db.scalar(sa.select(sa.func.count()).select_from(idempotency.idempotency_keys)) == 0
        assert await db.scalar(sa.select(sa.func.count()).select_from(jobs.jobs)) == 0
