"""The sweeper tidies what has lapsed; nothing waits for it, and any number of them may sweep (spec, kernel 6)."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel import holds, payments
from holdfast.kernel.checkout import tasks
from holdfast.kernel.inventory import turn
from holdfast.kit import clock
from holdfast.kit.db import Database, Moment
from tests import builders
from tests.builders import Time

pytestmark = pytest.mark.alone


async def test_it_ends_what_lapsed_frees_its_places_logs_and_tells(database: Database, time: Time) -> None:
    room, standing = await builders.room(database), await builders.room(database, shape="standing")
    held, booked = await builders.hold(database, room, [0, 1]), await builders.booking(database, room, [2])
    counted = await builders.hold(database, standing, count=4)
    await time.to(booked.expires_at)

    swept = await tasks.sweep(database)

    told = await builders.told_of(database, entity_id=held.id, inventory_id=room.inventory.id)
    assert swept == 3
    assert [(await builders.hold_of(database, each)).state for each in (held, counted)] == ["expired", "expired"]
    assert (await builders.booking_of(database, booked.id)).state == "expired"
    assert told.actions == ["hold_placed", "hold_expired"]
    assert sorted(told.facts[-2:]) == ["BookingExpired", "HoldLapsed"]
    assert await _rows(database, "claims") == await _rows(database, "quantity_claims") == 0
    assert await _taken(database) == 0
    assert await check(database) == []


async def test_sweeping_again_changes_nothing(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    await time.to(held.expires_at)
    await tasks.sweep(database)
    seq = (await builders.inventory_of(database, room)).seq

    assert await tasks.sweep(database) == 0
    assert (await builders.inventory_of(database, room)).seq == seq


async def test_a_microsecond_before_the_end_there_is_nothing_to_sweep(database: Database, time: Time) -> None:
    held = await builders.hold(database, await builders.room(database))
    await time.to(held.expires_at - timedelta(microseconds=1))

    assert await tasks.sweep(database) == 0
    assert (await builders.hold_of(database, held)).state == "active"


async def test_it_leaves_places_alone_that_somebody_took_meanwhile(database: Database, time: Time) -> None:
    room = await builders.room(database)
    lapsed = await builders.hold(database, room, [0, 1])
    await time.to(lapsed.expires_at)
    await builders.confirmed(database, room, [1])

    await tasks.sweep(database)

    async with database.reader() as db:
        payload = await db.scalar(
            sa.text(
                "SELECT payload FROM outbox WHERE kind = 'inventory.changed' AND inventory_id = :id ORDER BY seq DESC"
            )
            .bindparams(sa.bindparam("id", room.inventory.id, sa.Uuid))
            .columns(payload=sa.JSON)
        )
    assert payload["states"] == [[0, "free", None]]
    assert await builders.states_of(database, room) == {1: "sold"}


async def test_what_was_read_as_lapsed_is_looked_at_again_in_the_write(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    await time.to(held.expires_at - timedelta(microseconds=1))

    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        ended = await holds.expire(taken, held)

    assert not ended
    assert await builders.states_of(database, room) == {0: "held"}


async def test_several_sweepers_end_each_hold_once(database: Database, time: Time) -> None:
    rooms = [await builders.room(database) for _ in range(4)]
    held = [await builders.hold(database, room, [number]) for room in rooms for number in range(3)]
    await time.to(held[0].expires_at)

    while sum(await asyncio.gather(*(tasks.sweep(database) for _ in range(3)))):
        pass

    for each in held:
        told = await builders.told_of(database, entity_id=each.id)
        assert told.actions == ["hold_placed", "hold_expired"]
    assert await check(database) == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_turn_that_somebody_has_is_skipped_and_the_others_are_swept(database: Database, time: Time) -> None:
    busy, idle = await builders.room(database), await builders.room(database)
    waiting, lapsed = await builders.hold(database, busy), await builders.hold(database, idle)
    await time.to(lapsed.expires_at)

    async with database.transaction() as db, turn(db, busy.inventory.id):
        async with asyncio.timeout(2):
            assert await tasks.sweep(database) == 1
        assert (await builders.hold_of(database, waiting)).state == "active"

    assert await tasks.sweep(database) == 1
    assert (await builders.hold_of(database, waiting)).state == "expired"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_turn_that_was_skipped_three_times_is_waited_for(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = [await builders.hold(database, room, [number]) for number in range(4)]
    await time.to(held[0].expires_at)
    has_turn, may_end = asyncio.Event(), asyncio.Event()

    async def sell() -> None:
        async with database.transaction() as db, turn(db, room.inventory.id):
            has_turn.set()
            await may_end.wait()

    selling = asyncio.create_task(sell())
    await has_turn.wait()
    skipped: dict[UUID, int] = {}
    for _ in range(3):
        assert await tasks.sweep(database, skipped) == 0
    sweeping = asyncio.create_task(tasks.sweep(database, skipped))
    await _somebody_waits_for_a_lock(database)
    may_end.set()
    await selling

    assert await sweeping == len(held)


async def test_what_is_swept_and_open_at_its_gateway_still_is_stuck(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held, other = await builders.hold(database, room, [0]), await builders.hold(database, room, [1])
    await builders.pending(database, held)
    now = await time.to(held.expires_at)
    await tasks.sweep(database)

    async with database.reader() as db:
        stuck = await payments.overdue_holds(db, now=now, limit=1000)
        shown = {hold.id for hold in await holds.live(db, now=now, limit=1000, besides=stuck)}

    assert (held.id in stuck, other.id in stuck) == (True, False)
    assert (held.id in shown, other.id in shown) == (True, False)


async def test_sweeping_ends_the_checkout_of_what_lapsed(database: Database, time: Time) -> None:
    booked = await builders.booking(database, await builders.room(database))
    (payment,) = await builders.payments_of(database, booked.id)
    await time.to(booked.expires_at)

    await tasks.sweep(database)

    assert await _run_at(database, payment.id) <= 0


async def _run_at(database: Database, payment_id: UUID) -> float:
    async with database.reader() as db:
        row = await db.one(
            sa.text("SELECT run_at FROM jobs WHERE key = :key")
            .bindparams(key=f"payment.end:{payment_id}")
            .columns(run_at=Moment())
        )
        now = await clock.moment(db)
    return (row.run_at - now).total_seconds()  # type: ignore[no-any-return]


async def _rows(database: Database, table: str) -> int:
    async with database.reader() as db:
        return int(await db.scalar(sa.text(f"SELECT count(*) FROM {table}")))


async def _taken(database: Database) -> int:
    async with database.reader() as db:
        return int(await db.scalar(sa.text("SELECT sum(taken) FROM counters")))


async def _somebody_waits_for_a_lock(database: Database) -> None:
    for _ in range(200):
        if await _waiting(database):
            return
        await asyncio.sleep(0.02)
    raise AssertionError


async def _waiting(database: Database) -> bool:
    async with database.reader() as db:
        return bool(
            await db.scalar(
                sa.text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
                )
            )
        )
