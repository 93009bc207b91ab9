from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from holdfast.kernel import payments
from holdfast.kernel.payments import Notice, PaymentNotFound, RefundTooLarge
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time


def notice(event_id: str) -> Notice:
    return Notice(
        event_id=event_id,
        type="payment.success",
        object="payment",
        key=str(new_id()),
        reference="r",
        sent_at=None,
        body={"status": "completed"},
    )


async def test_the_database_itself_refuses_a_second_open_payment_of_a_booking(database: Database) -> None:
    payment = await builders.pending(database, await builders.hold(database, await builders.room(database)))

    async def second(db: Transaction) -> None:
        await payments.initiate(
            db,
            inventory_id=payment.inventory_id,
            booking_id=payment.booking_id,
            hold_id=payment.hold_id,
            user_id=payment.user_id,
            provider_id=payment.provider_id,
            fare_amount=1000,
            service_fee=0,
            currency="EGP",
            method="wallet",
            gateway="sandbox",
            expires_at=payment.expires_at,
            actor=builders.user_actor(),
            now=payment.created_at,
        )

    await _refused(database, second)


@pytest.mark.parametrize(
    "change",
    [
        "refund_reserved = captured + 1",
        "refund_reserved = -1",
        "amount = 0, fare_amount = 0",
        "fare_amount = fare_amount + 1",
        "status = 'paid'",
        "method = 'gold'",
        "gateway_fee = -1",
    ],
)
async def test_the_database_itself_refuses_what_makes_no_sense(database: Database, change: str) -> None:
    payment = await builders.pending(database, await builders.hold(database, await builders.room(database)))
    statement = sa.text(f"UPDATE payments SET {change} WHERE id = :id").bindparams(
        sa.bindparam("id", payment.id, sa.Uuid)
    )

    await _refused(database, lambda db: db.execute(statement))


async def test_no_more_is_put_under_refund_than_was_captured(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    (payment,) = await builders.payments_of(database, booked.id)

    async with database.transaction() as db:
        now = await clock.moment(db)
        await payments.reserve_refund(db, payment, amount=600, now=now)
        with pytest.raises(RefundTooLarge):
            await payments.reserve_refund(db, payment, amount=401, now=now)
        await payments.reserve_refund(db, payment, amount=400, now=now)
        await payments.free_refund(db, payment, amount=400, now=now)

    after = await builders.payment_of(database, payment.id)
    assert (after.refund_reserved, after.refundable) == (600, 400)


async def test_the_same_notice_is_stored_once_and_keeps_its_first_outcome(database: Database) -> None:
    name = new_id().hex
    async with database.transaction() as db:
        now = await clock.moment(db)
        first = await payments.store_event(db, gateway="sandbox", notice=notice(name), now=now)
        again = await payments.store_event(db, gateway="sandbox", notice=notice(name), now=now)
        other = await payments.store_event(db, gateway="another", notice=notice(name), now=now)
        await payments.finish_event(db, first, outcome="confirmed", now=now)
        await payments.finish_event(db, first, outcome="failed", now=now)

    async with database.reader() as db:
        assert (await payments.event(db, first)).is_processed
        assert await db.scalar(
            sa.text("SELECT outcome FROM gateway_events WHERE id = :id").bindparams(sa.bindparam("id", first, sa.Uuid))
        ) == ("confirmed")
    assert first == again != other


async def test_a_notice_that_was_stored_a_while_ago_and_not_processed_is_listed(database: Database) -> None:
    async with database.transaction() as db:
        now = await clock.moment(db)
        stored = await payments.store_event(db, gateway="sandbox", notice=notice(new_id().hex), now=now)

    async with database.reader() as db:
        before = await payments.unprocessed_events(db, received_before=now - timedelta(microseconds=1), limit=1000)
        after = await payments.unprocessed_events(db, received_before=now, limit=1000)
    assert (stored in before, stored in after) == (False, True)


async def test_an_open_payment_is_overdue_from_its_moment_on(database: Database, time: Time) -> None:
    payment = await builders.pending(database, await builders.hold(database, await builders.room(database)))
    least = timedelta(microseconds=1)

    async with database.reader() as db:
        before = await payments.overdue(db, now=payment.expires_at - least, limit=1000)
        after = await payments.overdue(db, now=payment.expires_at, limit=1000)
    assert (payment.id in before, payment.id in after) == (False, True)


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    async with database.reader() as db:
        with pytest.raises(PaymentNotFound):
            await payments.find(db, new_id())


async def _refused(database: Database, work: Callable[[Transaction], Awaitable[object]]) -> None:
    async def attempt() -> None:
        async with database.transaction() as db:
            await work(db)

    with pytest.raises(sa.exc.IntegrityError):
        await attempt()
