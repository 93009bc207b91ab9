"""How confirmations ride together: none harmed by another, none lost with a connection (docs/holds.md)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa

from holdfast.kernel import bookings, checkout, tickets
from holdfast.kernel.checkout import TillBatch
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import turn
from holdfast.kernel.payments import Notice, Payment
from holdfast.kernel.payments.models import gateway_events, payment_allocations
from holdfast.kit import bulk, jobs
from holdfast.kit.bulk import ConnectionLost, Program, Writer
from holdfast.kit.db import Database, Reader
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from tests import builders
from tests.builders import Time
from tests.races.racing import drop_key_of_changes, without
from tests.toy_product import Room

T = TypeVar("T")
MANY = 12


@pytest.fixture
def way() -> str:
    """Only the batch."""
    return "batched"


@dataclass(slots=True)
class Unlucky:
    """A writer whose connection breaks after the commit, the first few times."""

    writer: Writer
    times: int

    async def run(self, program: Program[T]) -> T:
        result = await self.writer.run(program)
        if self.times:
            self.times -= 1
            raise ConnectionLost
        return result

    async def close(self) -> None:
        await self.writer.close()


async def owed(database: Database, room: Room, many: int = MANY) -> list[Payment]:
    """So many open payments of one place each."""
    held = [await builders.hold(database, room, [place]) for place in range(many)]
    return [await builders.pending(database, each) for each in held]


async def paid(batch: TillBatch, due: Sequence[Payment]) -> list[str | None]:
    """What became of each, all of them told at once; None: nothing, it is for the plain path."""
    now = await batch.now()
    return list(await asyncio.gather(*(batch.confirm(each, builders.told(each), now=now) for each in due)))


async def of(database: Database, payment: Payment) -> tuple[str, str, int]:
    """(state of the booking, status of the payment, tickets)."""
    booked = await builders.booking_of(database, payment.booking_id)
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booked.id]))[booked.id]
    return booked.state, (await builders.payment_of(database, payment.id)).status, len(issued)


def notice(payment: Payment, event_id: str = "evt_1") -> Notice:
    body = {"id": event_id, "type": "payment.completed", "data": {"object": "payment", "key": str(payment.id)}}
    return Notice(event_id, "payment.completed", "payment", str(payment.id), None, None, body)


async def test_what_is_paid_at_once_is_confirmed_in_one_change(database: Database) -> None:
    room = await builders.room(database, places=MANY)
    due = await owed(database, room)
    before = (await builders.inventory_of(database, room)).seq

    async with TillBatch(database) as batch:
        outcomes = await paid(batch, due)

    after = await builders.inventory_of(database, room)
    assert outcomes == ["confirmed"] * MANY
    assert [await of(database, each) for each in due] == [("confirmed", "completed", 1)] * MANY
    assert await builders.states_of(database, room) == dict.fromkeys(range(MANY), "sold")
    assert (after.seq, after.sold, after.state) == (before + 1, MANY, "sold_out")


async def test_the_same_money_told_again_changes_nothing(database: Database) -> None:
    (payment,) = await owed(database, await builders.room(database), 1)

    async with TillBatch(database) as batch:
        outcomes = [await paid(batch, [payment, payment]), await paid(batch, [payment])]

    assert outcomes == [["confirmed", "unchanged"], ["unchanged"]]
    assert await of(database, payment) == ("confirmed", "completed", 1)


async def test_money_that_has_to_go_back_is_left_to_the_plain_path(database: Database) -> None:
    short, whole = await owed(database, await builders.room(database), 2)

    async with TillBatch(database) as batch:
        now = await batch.now()
        outcomes = await asyncio.gather(
            batch.confirm(short, builders.told(short, captured=Money(999, short.currency)), now=now),
            batch.confirm(whole, builders.told(whole), now=now),
        )

    assert list(outcomes) == [None, "confirmed"]
    assert await of(database, short) == ("pending", "initiated", 0)


async def test_one_that_the_database_refuses_fails_alone(database: Database) -> None:
    room = await builders.room(database, places=MANY)
    due = await owed(database, room)
    poisoned = due[7]
    async with database.transaction() as db:  # a breach that was there before: its money is allocated already
        row = {"inventory_id": poisoned.inventory_id, "payment_id": poisoned.id, "booking_id": poisoned.booking_id}
        await db.execute(sa.insert(payment_allocations).values(**row, amount=1))

    async with TillBatch(database) as batch:
        outcomes = await paid(batch, due)

    assert [number for number, outcome in enumerate(outcomes) if outcome is None] == [7]
    assert await of(database, poisoned) == ("pending", "initiated", 0)
    assert (await builders.inventory_of(database, room)).sold == MANY - 1


async def test_late_money_takes_what_is_free_and_nothing_that_somebody_has(database: Database, time: Time) -> None:
    room = await builders.room(database)
    lucky, unlucky = await owed(database, room, 2)
    await time.to(lucky.expires_at)
    await builders.hold(database, room, [1])

    async with TillBatch(database) as batch:
        outcomes = await paid(batch, [lucky, unlucky])

    assert outcomes == ["confirmed", None]
    assert await builders.states_of(database, room) == {0: "sold", 1: "held"}


async def test_of_two_late_ones_for_one_place_the_first_gets_it_whoever_looks_sooner(
    database: Database, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await builders.room(database)
    (first,) = await owed(database, room, 1)
    await time.to(first.expires_at)
    (second,) = await owed(database, room, 1)
    await time.to(second.expires_at)
    look, delays = Database.reader, iter((0.08, 0.04, 0.02, 0.01))

    @asynccontextmanager
    async def hesitating(there: Database) -> AsyncIterator[Reader]:
        await asyncio.sleep(next(delays, 0.0))
        async with look(there) as db:
            yield db

    monkeypatch.setattr(Database, "reader", hesitating)
    async with TillBatch(database) as batch:
        outcomes = await paid(batch, [first, second])

    assert outcomes == ["confirmed", None]
    assert (await of(database, first))[0] == "confirmed"


async def test_a_commit_that_nobody_heard_of_is_not_done_twice(database: Database) -> None:
    room = await builders.room(database)
    due = await owed(database, room, 3)

    async with TillBatch(database, open_writer=lambda each: Unlucky(bulk.open_writer(each), times=2)) as batch:
        outcomes = await paid(batch, due)

    assert set(outcomes) == {"unchanged"}  # as it is told of what was applied before
    assert [await of(database, each) for each in due] == [("confirmed", "completed", 1)] * 3
    assert (await builders.inventory_of(database, room)).sold == 3


async def test_a_notice_is_kept_once_and_finished_with_its_confirmation(database: Database) -> None:
    (payment,) = await owed(database, await builders.room(database), 1)
    event_id = f"evt_{new_id()}"

    async with TillBatch(database) as batch:
        told = notice(payment, event_id)
        heard, again = await asyncio.gather(*(batch.hear(told, gateway="sandbox") for _ in range(2)))
        assert heard is not None
        assert again is not None
        assert heard.payment is not None
        await batch.confirm(heard.payment, builders.told(payment), now=heard.now, told=heard, notice=told)
        later = await batch.hear(told, gateway="sandbox")

    async with database.reader() as db:
        rows = await db.all(sa.select(gateway_events).where(gateway_events.c.event_id == event_id))
    assert heard.event_id == again.event_id
    assert [(row.id, row.outcome) for row in rows] == [(heard.event_id, "confirmed")]
    assert later is not None
    assert later.is_processed


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_turn_that_somebody_has_keeps_only_its_own_waiting(database: Database) -> None:
    busy, idle = await builders.room(database), await builders.room(database)
    (waits,), (goes,) = await owed(database, busy, 1), await owed(database, idle, 1)

    async with TillBatch(database) as batch:
        async with database.transaction() as db, turn(db, busy.inventory.id):
            waiting = asyncio.create_task(paid(batch, [waits]))
            async with asyncio.timeout(5):
                assert await paid(batch, [goes]) == ["confirmed"]
            assert not waiting.done()
        assert await waiting == ["confirmed"]


# Going to the till


async def opened(batch: TillBatch, held: Sequence[Hold]) -> list[Payment | None]:
    """The payments of those who go to the till at once; None: it is for the plain path."""
    goings = [
        batch.open(
            each,
            method="credit_card",
            gateway=builders.GATEWAY,
            amount=None,
            actor=builders.user_actor(each.owner_id),
            clocks=builders.CLOCKS,
        )
        for each in held
    ]
    return list(await asyncio.gather(*goings))


async def test_payments_opened_together_are_those_that_the_plain_path_opens(database: Database, time: Time) -> None:
    room, twin = await builders.room(database), await builders.room(database)
    held = [await builders.hold(database, room, [place], fee=100) for place in range(3)]
    plain = [await builders.hold(database, twin, [place], fee=100) for place in range(3)]

    async with TillBatch(database) as batch:
        together = [payment for payment in await opened(batch, held) if payment is not None]
    for each in plain:
        going = partial(
            checkout.open_payment,
            hold_id=each.id,
            method="credit_card",
            gateway=builders.GATEWAY,
            amount=None,
            actor=builders.user_actor(each.owner_id),
            clocks=builders.CLOCKS,
        )
        await database.run(going)

    assert [await builders.payment_of(database, each.id) for each in together] == together
    assert [await looks(database, each) for each in held] == [await looks(database, each) for each in plain]


async def test_a_hold_that_ended_or_is_being_paid_is_left_to_the_plain_path(database: Database) -> None:
    room = await builders.room(database)
    given_up, is_paying, lives = [await builders.hold(database, room, [place]) for place in range(3)]
    await builders.release(database, given_up)
    await builders.pending(database, is_paying)

    async with TillBatch(database) as batch:
        payments = await opened(batch, [given_up, is_paying, lives])

    assert [payment is not None for payment in payments] == [False, False, True]


async def looks(database: Database, held: Hold) -> object:
    """What going to the till left of a hold, without what differs between twins."""
    async with database.reader() as db:
        booked = await bookings.of_hold(db, held.id)
        jobs_due = await db.all(sa.select(jobs.jobs.c.key, jobs.jobs.c.kind, jobs.jobs.c.run_at))
    assert booked is not None
    (payment,) = await builders.payments_of(database, booked.id)
    told = await builders.told_of(database, entity_id=booked.id)
    also_told = await builders.told_of(database, entity_id=payment.id)
    return (
        (booked.state, booked.total, booked.expires_at, booked.hold.state, booked.hold.expires_at),
        (payment.status, payment.amount, payment.fare_amount, payment.service_fee, payment.expires_at),
        [(job.kind, job.run_at) for job in jobs_due if str(job.key).endswith(str(payment.id))],
        (told.actions, also_told.actions),
    )


# Two processes, one inventory


async def by_two(database: Database, due: Sequence[Payment]) -> list[Any]:
    """Two batches of two processes meet: the payments by turns, one at a time in each."""

    async def one_by_one(mine: Sequence[Payment]) -> list[Any]:
        async with TillBatch(database) as batch:
            return [(await paid(batch, [each]))[0] for each in mine]

    halves = await asyncio.gather(one_by_one(due[::2]), one_by_one(due[1::2]))
    return [outcome for half in halves for outcome in half]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_count_every_sale(database: Database) -> None:
    room = await builders.room(database, places=60)
    due = await owed(database, room, 60)

    await by_two(database, due)

    assert (await builders.inventory_of(database, room)).sold == 60


@pytest.mark.alone
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_without_turn_and_number_sales_are_lost_from_the_count(database: Database, database_url: str) -> None:
    """Either of the two alone still refuses the second, which then finds what the first has done."""
    room = await builders.room(database, places=60)
    due = await owed(database, room, 60)
    await drop_key_of_changes(database)

    async with without(database_url, "turn", "seq") as bare:
        await by_two(bare, due)

    assert (await builders.inventory_of(database, room)).sold < 60
