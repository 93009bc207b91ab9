import pytest
import sqlalchemy as sa

from holdfast.kernel import bookings, ledger, payments, refunds
from holdfast.kernel.audit import Actor
from holdfast.kernel.inventory import turn
from holdfast.kernel.refunds import Refund, RefundNotFailed, RefundNotFound
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from tests import builders


async def try_again(database: Database, refund: Refund) -> Refund:
    async with database.transaction() as db, turn(db, refund.inventory_id) as taken:
        return await refunds.try_again(taken, refund.id, actor=Actor.system())


async def balance(database: Database, kind: ledger.values.Kind, holder: str) -> int:
    async with database.reader() as db:
        found = await ledger.balances(db, kind=kind, holder=holder)
    return sum(each.minor for each in found)


async def jobs_of(database: Database, refund: Refund) -> list[str]:
    async with database.reader() as db:
        rows = await db.all(sa.text("SELECT key FROM jobs WHERE key LIKE :key ORDER BY key").bindparams(
            key=f"refund.send:{refund.id}%"
        ))  # fmt: skip
    return [row.key for row in rows]


async def test_what_a_part_gives_back_comes_from_whom_it_was_posted_to(database: Database) -> None:
    who = await builders.provider(database, platform_fee_bps=1000)
    room = await builders.room(database, provider_id=who.id)
    booked = await builders.confirmed(database, room, [0, 1, 2], prices=(333, 333, 335))

    for number in (1, 2, 0):
        await builders.cancel(database, booked, [number])

    async with database.reader() as db:
        borne = [
            dict(await ledger.posted(db, cause_kind="refund", cause_id=refund.id))
            for refund in (await refunds.of_bookings(db, [booked.id]))[booked.id]
        ]
    assert [sum(each.values()) for each in borne] == [333, 335, 333]
    assert sum(each["owed:platform_revenue"] for each in borne) == 100
    assert await balance(database, "provider_pending", str(who.id)) == 0


async def test_a_processed_refund_pays_what_is_owed_and_says_so_everywhere(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    cancellation = await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)

    processed = await builders.refunded(database, refund)

    (payment,) = await builders.payments_of(database, booked.id)
    async with database.reader() as db:
        settled = await bookings.cancellation(db, cancellation.id)
        steps = dict(await ledger.posted(db, cause_kind="refund", cause_id=refund.id))
    assert (processed.status, payment.status) == ("processed", "refunded")
    assert (await builders.booking_of(database, booked.id)).refund_state == "full"
    assert settled.refund_status == "processed"
    assert settled.processed_at is not None
    assert steps == {"owed:provider_pending": 2000, "paid_back": 2000}
    assert (await builders.told_of(database, entity_id=refund.id)).actions == ["refund_issued", "refund_processed"]


@pytest.mark.parametrize("word", ["processed", "failed"])
async def test_the_gateways_word_has_one_effect(database: Database, word: refunds.values.Status) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)

    first = await builders.refunded(database, refund, status=word)
    again = await builders.refunded(database, refund, status="failed" if word == "processed" else "processed")

    assert first == again
    assert first.status == word


async def test_a_refund_the_gateway_is_still_at_stays_pending(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)

    pending = await builders.refunded(database, refund, status="pending")

    assert (pending.status, pending.gateway_reference) == ("pending", f"back-{refund.id}")
    assert (await builders.booking_of(database, booked.id)).refund_state == "pending"


async def test_a_refund_that_failed_is_still_owed_and_shown_and_can_be_tried_again(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    cancellation = await builders.cancel(database, booked, [0])
    (refund,) = await builders.refunds_of(database, booked.id)

    failed = await builders.refunded(database, refund, status="failed")
    (payment,) = await builders.payments_of(database, booked.id)
    shown = await builders.booking_of(database, booked.id)
    async with database.reader() as db:
        listed = await refunds.with_status(db, "failed", limit=1000)
        told = (await bookings.cancellation(db, cancellation.id)).refund_status
        owed = dict(await ledger.posted(db, cause_kind="refund", cause_id=refund.id))
    again = await try_again(database, refund)
    async with database.reader() as db:
        key = await refunds.gateway_key(db, refund.id)
    done = await builders.refunded(database, again)

    assert (failed.status, failed.last_error) == ("failed", "the gateway refused it")
    assert (payment.refund_reserved, payment.status) == (0, "completed")
    assert (shown.refund_state, told, refund.id in {each.id for each in listed}) == ("failed", "failed", True)
    assert owed == {"owed:provider_pending": 1000}
    assert (again.status, key) == ("pending", f"{refund.id}-2")
    (payment,) = await builders.payments_of(database, booked.id)
    assert (done.status, payment.status, payment.refund_reserved) == ("processed", "partially_refunded", 1000)
    assert (await builders.booking_of(database, booked.id)).refund_state == "part"


async def test_a_new_try_has_a_job_of_its_own(database: Database) -> None:
    """That of the last try may still be at work, and is deleted with its own end."""
    booked = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)
    await builders.refunded(database, refund, status="failed")

    await try_again(database, refund)

    assert await jobs_of(database, refund) == [f"refund.send:{refund.id}", f"refund.send:{refund.id}-2"]


async def test_late_news_of_an_earlier_try_says_nothing_of_this_one(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)
    await builders.refunded(database, refund, status="failed")
    again = await try_again(database, refund)
    amount = Money(refund.amount, refund.currency)
    stale = payments.GatewayRefund(str(refund.id), "of the payment", reference="stale", status="failed", amount=amount)

    async with database.transaction() as db, turn(db, refund.inventory_id) as taken:
        after = await refunds.settle(taken, refund.id, stale)

    assert (again.status, after.status) == ("pending", "pending")


@pytest.mark.parametrize("word", ["pending", "processed"])
async def test_only_a_refund_that_failed_is_tried_again(database: Database, word: refunds.values.Status) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)
    await builders.refunded(database, refund, status=word)

    with pytest.raises(RefundNotFailed):
        await try_again(database, refund)


async def test_one_failed_refund_among_others_is_what_the_booking_shows(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    for number in (0, 1):
        await builders.cancel(database, booked, [number])
    first, second = await builders.refunds_of(database, booked.id)

    states = []
    for refund, word in ((first, "failed"), (second, "processed")):
        await builders.refunded(database, refund, status=word)  # type: ignore[arg-type]
        states.append((await builders.booking_of(database, booked.id)).refund_state)
    await builders.refunded(database, await try_again(database, first))

    assert states == ["failed", "failed"]
    assert (await builders.booking_of(database, booked.id)).refund_state == "full"


async def test_what_came_twice_and_went_back_says_nothing_of_the_booking(database: Database) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await builders.pending(database, held)
    await builders.settle(database, first, status="failed")
    await builders.settle(database, await builders.pending(database, held))
    await builders.settle(database, first)
    (refund,) = await builders.refunds_of(database, first.booking_id)

    await builders.refunded(database, refund)

    booked = await builders.booking_of(database, first.booking_id)
    assert (booked.state, booked.refund_state) == ("confirmed", "none")


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    async with database.reader() as db:
        with pytest.raises(RefundNotFound):
            await refunds.find(db, new_id())
