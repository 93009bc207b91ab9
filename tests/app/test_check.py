"""Each line of the safety contract is broken by hand once, and `holdfast check` names the breach."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel import checkout, refunds
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import tasks
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import turn
from holdfast.kernel.notifications.models import notifications
from holdfast.kit import clock
from holdfast.kit.checks import Breach
from holdfast.kit.db import Database, Moment
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from tests import builders, builders_identity
from tests.builders import Time
from tests.conftest import cloned_database
from tests.toy_product import Room

pytestmark = pytest.mark.alone


@dataclass
class World:
    """A small, healthy database, and a saw."""

    database: Database
    time: Time
    chairs: Room
    standing: Room
    held: Hold
    held_standing: Hold
    pending: Booking
    sold: Booking
    sold_standing: Booking

    async def plant(self, statement: str, **values: object) -> int:
        """Do what no verb of ours does, with triggers, foreign keys and constraints out of the way."""
        typed = [
            sa.bindparam(name, value, sa.Uuid if isinstance(value, UUID) else Moment() if name == "at" else None)
            for name, value in values.items()
        ]
        async with self.database.transaction() as db:
            return await db.execute(sa.text(statement).bindparams(*typed))

    async def without(self, table: str, *constraints: str) -> None:
        """Drop what would refuse a breach: constraints by name and the triggers of append-only tables."""
        async with self.database.transaction() as db:
            if db.dialect == "postgresql":
                await db.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
                for constraint in constraints:
                    await db.execute(sa.text(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"))
                return
            for row in await db.all(
                sa.text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table").bindparams(
                    table=table
                )
            ):
                await db.execute(sa.text(f"DROP TRIGGER {row.name}"))
            if constraints:  # SQLite's are part of the table: make it again, bare
                await db.execute(sa.text(f"CREATE TABLE bare AS SELECT * FROM {table}"))
                await db.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
                await db.execute(sa.text(f"DROP TABLE {table}"))
                await db.execute(sa.text(f"ALTER TABLE bare RENAME TO {table}"))

    async def found(self) -> list[Breach]:
        return await check(self.database)

    async def names(self) -> set[tuple[int, str]]:
        return {(breach.line, breach.name) for breach in await self.found()}


#: What this process has made, by dialect.
_made: dict[str, World] = {}


@pytest.fixture(scope="session")
def made_on_sqlite(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = Path(shutil.copy(_sqlite_template, tmp_path_factory.mktemp("healthy") / "healthy.sqlite3"))
    _made["sqlite"] = asyncio.run(make(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def made_on_postgresql(postgres_url: str) -> Iterator[str]:
    with cloned_database(postgres_url) as url:
        _made["postgresql"] = asyncio.run(make(url))
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A copy, for one test, of a database that is made once: its making takes longer than what is done to it."""
    made = request.getfixturevalue(f"made_on_{request.param}")
    if request.param == "sqlite":
        yield f"sqlite:///{shutil.copy(made, tmp_path)}"
        return
    template = sa.make_url(made).database
    assert template is not None
    with cloned_database(request.getfixturevalue("postgres_url"), template=template) as url:
        yield url


@pytest.fixture
async def world(database: Database) -> World:
    made = _made[database.dialect]
    return replace(made, database=database, time=Time(database, made.time.now))


async def make(url: str) -> World:
    """Its clock stands."""
    async with Database(url, pool_size=2, test_clock=True) as database:
        async with database.reader() as db:
            time = Time(database, (await clock.moment(db)).replace(microsecond=0))
        await time.to(time.now)
        chairs = await builders.room(database)
        standing = await builders.room(database, shape="standing")
        return World(
            database,
            time,
            chairs,
            standing,
            held=await builders.hold(database, chairs, [0, 1]),
            held_standing=await builders.hold(database, standing, count=2),
            pending=await builders.booking(database, chairs, [2, 3]),
            sold=await builders.confirmed(database, chairs, [4, 5]),
            sold_standing=await builders.confirmed(database, standing, count=3),
        )


def named(found: Sequence[Breach], line: int, name: str) -> str:
    """The breach of that name, as it is printed."""
    return next(str(breach) for breach in found if (breach.line, breach.name) == (line, name))


async def test_a_busy_healthy_database_has_no_breach(world: World) -> None:
    database, time = world.database, world.time
    await builders.release(database, await builders.hold(database, world.chairs, [6]))
    lapsing = await builders.booking(database, world.chairs, [6, 7], fee=150)
    late, lost = (
        await builders.booking(database, world.chairs, [8]),
        await builders.booking(database, world.chairs, [9]),
    )
    await builders.settle(database, (await builders.payments_of(database, lapsing.id))[0], status="failed")
    cancelled = await builders.cancel(database, world.sold, [0])
    await builders.cancel(database, world.sold_standing)
    assert await world.found() == []
    await time.forward(minutes=16)
    assert await world.found() == []
    await builders.confirmed(database, world.chairs, [9], fee=100, gateway_fee=7)
    for booked, outcome in ((late, "confirmed"), (lost, "refunded_late")):
        payment = (await builders.payments_of(database, booked.id))[0]
        assert await builders.settle(database, payment) == outcome
    assert await world.found() == []
    await tasks.sweep(database)
    wrong = await builders.booking(database, world.chairs, [2])
    await builders.settle(
        database, (await builders.payments_of(database, wrong.id))[0], captured=Money(5, "USD"), fee=0
    )
    for booked in (world.sold, world.sold_standing, lost, wrong):
        for refund in await builders.refunds_of(database, booked.id):
            failed = refund.cancellation_id == cancelled.id
            await builders.refunded(database, refund, status="failed" if failed else "processed")
    for _ in range(2):
        await builders.confirmed(database, world.standing, count=5)
    await database.run(lambda db: checkout.finish_occurrence(db, world.standing.inventory.id, actor=Actor.system()))
    await tasks.finish_occurrence(database, {"inventory_id": str(world.standing.inventory.id)})
    await database.run(
        lambda db: checkout.cancel_occurrence(db, world.chairs.inventory.id, actor=Actor.system(), reason=None)
    )
    assert await world.found() == []
    await tasks.cancel_occurrence(database, {"inventory_id": str(world.chairs.inventory.id)})

    assert await world.found() == []


async def test_line_1_a_slot_claimed_twice(world: World) -> None:
    await world.without("claims", "pk_claims")
    await world.plant(
        "INSERT INTO claims SELECT inventory_id, slot, :hold, kind, expires_at FROM claims WHERE slot = 4",
        hold=new_id(),
    )

    found = await world.found()

    assert named(found, 1, "slot_claimed_twice") == (
        f"line 1: slot_claimed_twice: inventory_id {world.chairs.inventory.id}, slot 4, live_claims 2"
    )


async def test_line_1_a_lapsed_claim_beside_a_live_one_is_no_breach_of_it(world: World) -> None:
    await world.without("claims", "pk_claims")
    await world.plant(
        "INSERT INTO claims SELECT inventory_id, slot, :hold, kind, :at FROM claims WHERE slot = 4",
        hold=new_id(),
        at=world.time.now,
    )

    assert await world.names() == set()


async def test_line_2_a_counter_that_is_not_the_sum_of_its_claims(world: World) -> None:
    await world.plant("UPDATE counters SET taken = taken + 1")

    found = await world.found()

    assert named(found, 2, "counter_is_not_the_sum_of_its_claims").endswith("slot 0, taken 6, claimed 5")


async def test_line_2_more_taken_than_there_is(world: World) -> None:
    await world.without("counters", "ck_counters_taken_within_capacity")
    await world.plant("UPDATE counters SET capacity = 4")

    assert await world.names() == {(2, "counter_out_of_range")}


async def test_line_2_a_quantity_without_its_counter(world: World) -> None:
    await world.plant("DELETE FROM counters")

    assert await world.names() == {(2, "quantity_claimed_without_counter")}


async def test_line_2_sold_that_no_claim_stands_for(world: World) -> None:
    await world.plant("UPDATE inventories SET sold = 3 WHERE id = :id", id=world.chairs.inventory.id)

    found = await world.found()

    assert named(found, 2, "sold_is_not_what_is_claimed_for_good").endswith("sold 3, claimed_for_good 2")


async def test_line_2_sold_out_with_places_left(world: World) -> None:
    await world.plant("UPDATE inventories SET state = 'sold_out' WHERE id = :id", id=world.chairs.inventory.id)

    assert await world.names() == {(2, "sold_out_wrongly")}


async def test_line_3_a_live_hold_that_lost_a_claim(world: World) -> None:
    await world.plant("DELETE FROM claims WHERE slot = 1")

    found = await world.found()

    assert [(breach.line, breach.name) for breach in found] == [(3, "live_hold_without_a_claim")]
    assert str(world.held.id) in str(found[0])
    assert "place 'C2', slot 1" in str(found[0])


async def test_line_3_a_live_hold_that_lost_a_quantity(world: World) -> None:
    await world.plant("UPDATE quantity_claims SET quantity = 1 WHERE hold_id = :id", id=world.held_standing.id)
    await world.plant("UPDATE counters SET taken = taken - 1")

    assert await world.names() == {(3, "live_hold_without_a_quantity")}


async def test_line_3_a_pending_booking_that_lost_a_claim(world: World) -> None:
    await world.plant("DELETE FROM claims WHERE slot = 3")

    assert await world.names() == {(3, "pending_booking_without_a_claim")}


async def test_line_3_a_claim_that_ends_before_its_hold(world: World) -> None:
    sooner = world.time.now.replace(microsecond=1)
    await world.plant("UPDATE claims SET expires_at = :at WHERE slot = 1", at=sooner)

    assert await world.names() == {(3, "live_hold_without_a_claim"), (3, "claim_of_no_live_hold")}


async def test_line_3_a_booking_that_ends_after_its_hold(world: World) -> None:
    await world.plant("UPDATE holds SET expires_at = :at WHERE id = :id", id=world.pending.hold_id, at=world.time.now)

    assert (3, "booking_and_hold_disagree") in await world.names()


async def test_line_3_a_claim_of_a_hold_that_never_was(world: World) -> None:
    await world.plant("UPDATE claims SET hold_id = :id WHERE slot = 1", id=new_id())

    assert (3, "claim_of_no_live_hold") in await world.names()


async def test_line_3_a_claim_of_a_hold_that_was_released(world: World) -> None:
    await world.plant(
        "UPDATE holds SET state = 'cancelled', live_owner = NULL, ended_at = placed_at WHERE id = :id",
        id=world.held.id,
    )

    assert {(3, "claim_of_no_live_hold"), (8, "hold_state_not_logged")} == await world.names()


async def test_line_4_a_confirmed_booking_that_lost_a_claim(world: World) -> None:
    await world.plant("DELETE FROM claims WHERE slot = 5")

    found = await world.found()

    assert "place 'C6', slot 5" in named(found, 4, "confirmed_booking_without_a_claim")
    assert (2, "sold_is_not_what_is_claimed_for_good") in {(breach.line, breach.name) for breach in found}


async def test_line_4_a_confirmed_booking_whose_claim_runs_out(world: World) -> None:
    await world.plant("UPDATE claims SET expires_at = :at WHERE slot = 5", at=world.time.now)

    assert (4, "confirmed_booking_without_a_claim") in await world.names()


async def test_line_4_a_confirmed_booking_that_lost_a_quantity(world: World) -> None:
    await world.plant("DELETE FROM quantity_claims WHERE hold_id = :id", id=world.sold_standing.hold_id)

    assert (4, "confirmed_booking_without_a_quantity") in await world.names()


async def test_line_4_a_place_claimed_for_good_by_an_item_that_was_given_up(world: World) -> None:
    await world.plant("UPDATE items SET state = 'cancelled' WHERE hold_id = :id AND number = 1", id=world.sold.hold_id)

    found = await world.found()

    assert named(found, 4, "claimed_for_good_by_no_booking").endswith("slot 5")


async def test_line_4_a_hold_that_is_claimed_for_good(world: World) -> None:
    await world.plant("UPDATE claims SET expires_at = NULL WHERE hold_id = :id", id=world.held.id)
    await world.plant("UPDATE quantity_claims SET expires_at = NULL WHERE hold_id = :id", id=world.held_standing.id)

    assert {(4, "claimed_for_good_by_no_booking"), (4, "quantity_claimed_for_good_by_no_booking")} <= (
        await world.names()
    )


async def test_line_4_allocations_that_are_less_than_the_total(world: World) -> None:
    await world.plant("UPDATE payment_allocations SET amount = 1999 WHERE booking_id = :id", id=world.sold.id)

    found = await world.found()

    assert named(found, 4, "allocations_are_not_the_total").endswith("total 2000, allocated 1999")


async def test_line_4_a_total_that_is_not_its_price_lines(world: World) -> None:
    await world.plant("UPDATE price_lines SET amount = 1 WHERE hold_id = :id AND position = 0", id=world.held.id)

    assert await world.names() == {(4, "total_is_not_the_sum_of_its_lines")}


async def test_line_4_a_sold_item_without_its_ticket(world: World) -> None:
    await world.plant("UPDATE tickets SET state = 'cancelled' WHERE booking_id = :id", id=world.sold.id)

    assert await world.names() == {(4, "item_without_ticket")}


async def test_line_5_a_captured_payment_that_pays_nothing(world: World) -> None:
    await world.plant("DELETE FROM payment_allocations WHERE booking_id = :id", id=world.sold.id)

    found = await world.found()

    assert named(found, 5, "captured_payment_neither_allocated_nor_sent_back").endswith(
        "captured 2000, allocated 0, sent_back 0"
    )


async def test_line_5_money_that_came_late_and_is_not_wholly_under_refund(world: World) -> None:
    payment = (await builders.payments_of(world.database, world.pending.id))[0]
    await builders.release(world.database, world.pending.hold)
    await builders.settle(world.database, payment)
    await world.plant("UPDATE refunds SET amount = 1999 WHERE payment_id = :id", id=payment.id)

    assert (5, "captured_payment_neither_allocated_nor_sent_back") in await world.names()


async def test_line_5_a_capture_that_was_never_completed(world: World) -> None:
    await world.plant("UPDATE payments SET captured = amount WHERE booking_id = :id", id=world.pending.id)

    assert await world.names() == {(5, "captured_but_not_completed")}


async def test_line_6_more_refunded_than_captured(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await world.plant("UPDATE refunds SET amount = 2001")

    found = await world.found()

    assert named(found, 6, "refunds_are_not_what_is_reserved_or_captured").endswith(
        "captured 2000, refund_reserved 1000, refunded 2001"
    )


async def test_line_6_a_refund_that_nothing_is_reserved_for(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await world.plant("UPDATE payments SET refund_reserved = 0 WHERE booking_id = :id", id=world.sold.id)

    assert await world.names() == {(6, "refunds_are_not_what_is_reserved_or_captured")}


async def test_line_6_a_refund_in_another_currency(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await world.plant("UPDATE refunds SET currency = 'USD'")

    assert (6, "refund_in_another_currency") in await world.names()


async def test_line_7_an_entry_that_was_changed(world: World) -> None:
    await world.without("ledger_entries")
    await world.plant("UPDATE ledger_entries SET amount = amount - 1 WHERE amount = 2000")

    assert {(7, "capture_not_in_the_ledger"), (7, "append_only_trigger_missing")} == await world.names()


async def test_line_7_an_entry_of_another_currency_than_its_accounts(world: World) -> None:
    await world.without(
        "ledger_entries",
        "fk_ledger_entries_debit_account_currency",
        "fk_ledger_entries_credit_account_currency",
    )
    await world.plant("UPDATE ledger_entries SET currency = 'USD' WHERE amount = 2000")

    assert (7, "entry_is_no_transfer_between_two_accounts_of_its_currency") in await world.names()


async def test_line_7_the_same_cause_posted_twice(world: World) -> None:
    await world.without("ledger_entries", "uq_ledger_entries_cause_kind_cause_id_step", "pk_ledger_entries")
    await world.plant("INSERT INTO ledger_entries SELECT * FROM ledger_entries WHERE amount = 2000")

    assert {(7, "posted_twice"), (7, "capture_not_in_the_ledger")} <= await world.names()


async def test_line_7_a_refund_that_the_books_know_nothing_of(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await world.without("ledger_entries")
    await world.plant("DELETE FROM ledger_entries WHERE cause_kind = 'refund'")

    assert {(7, "refund_not_in_the_ledger")} <= await world.names()


async def test_line_7_money_paid_back_that_the_books_do_not_show(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await builders.refunded(world.database, (await builders.refunds_of(world.database, world.sold.id))[0])
    await world.without("ledger_entries")
    await world.plant("DELETE FROM ledger_entries WHERE step = 'paid_back'")

    assert {(7, "payment_back_not_in_the_ledger"), (7, "refunds_payable_is_not_what_is_owed")} <= await world.names()


async def test_line_7_a_provider_whose_pending_is_overdrawn(world: World) -> None:
    await world.without("ledger_entries")
    await world.plant(
        "UPDATE ledger_entries SET debit_account = credit_account, credit_account = debit_account"
        " WHERE cause_kind = 'payment'"
    )

    assert (7, "account_overdrawn") in await world.names()


@pytest.mark.parametrize(
    ("change", "breach"),
    [
        (
            "UPDATE bookings SET state = 'completed', confirmed_at = updated_at WHERE state = 'confirmed'",
            "booking_state",
        ),
        ("UPDATE payments SET status = 'failed' WHERE status = 'initiated'", "payment_status"),
        ("UPDATE tickets SET state = 'used', used_at = issued_at", "used_ticket"),
        ("UPDATE inventories SET state = 'over'", "inventory_state"),
        ("UPDATE holds SET state = 'expired', live_owner = NULL WHERE state = 'active'", "hold_state"),
    ],
)
async def test_line_8_a_state_that_no_row_of_the_log_tells_of(world: World, change: str, breach: str) -> None:
    await world.plant(change)

    assert (8, f"{breach}_not_logged") in await world.names()


async def test_line_8_a_refund_that_failed_unlogged(world: World) -> None:
    await builders.cancel(world.database, world.sold, [0])
    await world.plant("UPDATE refunds SET status = 'failed'")
    await world.plant("UPDATE payments SET refund_reserved = 0")

    assert await world.names() == {(8, "refund_status_not_logged")}


async def test_line_8_a_log_that_lost_a_row(world: World) -> None:
    await world.without("activity_logs")
    await world.plant("DELETE FROM activity_logs WHERE action_type = 'booking_confirmed'")

    assert await world.names() == {(8, "booking_state_not_logged"), (8, "append_only_trigger_missing")}


async def test_line_10_a_change_that_is_missing_in_the_stream(world: World) -> None:
    await world.plant("DELETE FROM outbox WHERE kind = 'inventory.changed' AND seq = 2")

    assert await world.names() == {(10, "gap_in_the_changes_of_an_inventory")}


async def test_line_10_the_last_change_is_missing_in_the_stream(world: World) -> None:
    await world.plant("UPDATE inventories SET seq = seq + 1 WHERE id = :id", id=world.chairs.inventory.id)

    found = await world.found()

    assert [(breach.line, breach.name) for breach in found] == [(10, "gap_in_the_changes_of_an_inventory")]


async def test_line_11_a_notification_about_the_booking_of_another(world: World) -> None:
    owner, other = [await builders_identity.sign_up(world.database) for _ in range(2)]
    booked = await builders.confirmed(world.database, world.chairs, [9], owner=owner.actor)
    async with world.database.transaction() as db:
        for person in (owner, other):
            await db.execute(
                sa.insert(notifications).values(
                    id=new_id(),
                    user_id=person.id,
                    template="confirmed",
                    fact_id=new_id(),
                    inventory_id=booked.inventory_id,
                    booking_id=booked.id,
                    created_at=world.time.now,
                )
            )

    [breach] = await world.found()

    assert (breach.line, breach.name) == (11, "notification_of_anothers_booking")
    assert breach.row["user_id"] == other.id


async def test_a_refund_that_failed_and_is_tried_again_is_healthy(world: World) -> None:
    await builders.cancel(world.database, world.sold)
    refund = (await builders.refunds_of(world.database, world.sold.id))[0]
    await builders.refunded(world.database, refund, status="failed")
    assert await world.found() == []
    async with world.database.transaction() as db, turn(db, refund.inventory_id) as taken:
        await refunds.try_again(taken, refund.id, actor=Actor.system())

    assert await world.found() == []
