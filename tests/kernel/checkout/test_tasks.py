"""The flows with the gateway's call in their midst, over HTTP with the sandbox: money ends up right."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from holdfast.app.check import check
from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel import checkout, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import PaymentUnavailable, Till, tasks
from holdfast.kernel.payments import AlreadyPaid, BadSignature, CheckoutRequest, CheckoutSession, MethodNotOffered
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests import builders
from tests.kernel.checkout.conftest import API_KEY, SECRET, Shop

pytestmark = pytest.mark.alone


async def test_a_payment_at_the_gateway_confirms_by_its_webhook(database: Database, shop: Shop) -> None:
    room = await builders.room(database)
    payment = await shop.pay(await builders.hold(database, room, [0, 1]))

    await shop.enter(payment)

    booked = await shop.until(payment.booking_id, "confirmed")
    paid = await builders.payment_of(database, payment.id)
    assert payment.url is not None
    assert (paid.status, paid.captured, paid.gateway_fee) == ("completed", 2000, 30)
    assert booked.total == 2000
    assert await check(database) == []


async def test_the_same_webhook_has_one_effect_twenty_times_at_once(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database)))
    shop.is_deaf = True
    await shop.enter(payment)
    headers, body = await shop.until_told("payment.success")

    await asyncio.gather(*(shop.receive(headers, body) for _ in range(20)))
    await shop.receive(headers, body)

    told = await builders.told_of(database, entity_id=payment.id)
    assert told.actions == ["payment_initiated", "payment_pending", "payment_completed"]
    assert (await builders.booking_of(database, payment.booking_id)).state == "confirmed"
    assert await check(database) == []


async def test_a_webhook_that_is_not_the_gateways_changes_nothing(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database)))
    shop.is_deaf = True
    await shop.enter(payment)
    headers, body = await shop.until_told("payment.success")

    for forged in (({}, body), (headers, body.replace(b"success", b"failure")), (headers, body + b" ")):
        with pytest.raises(BadSignature):
            await shop.receive(*forged)

    async with database.reader() as db:
        assert await db.scalar(sa.text("SELECT count(*) FROM gateway_events")) == 0
    assert (await builders.payment_of(database, payment.id)).status == "pending"


async def test_a_webhook_may_come_before_the_checkout_call_returned(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))
    await shop.tell(complete_before_answer=1)

    payment = await shop.pay(held)

    assert (payment.status, payment.url is not None) == ("completed", True)
    assert (await builders.booking_of(database, payment.booking_id)).state == "confirmed"
    with pytest.raises(AlreadyPaid):
        await shop.pay(held)
    assert await check(database) == []


async def test_a_webhook_that_was_stored_and_not_processed_is_found_again(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database)))
    shop.is_deaf = True
    await shop.enter(payment)
    headers, body = await shop.until_told("payment.success")
    async with database.transaction() as db:
        now = await clock.moment(db)
        notice = shop.gateway.read(headers, body, now=now)
        await payments.store_event(db, gateway="sandbox", notice=notice, now=now)
        await clock.move(db, by=timedelta(seconds=10))

    await tasks.reconcile(database, shop.till)

    assert (await builders.booking_of(database, payment.booking_id)).state == "confirmed"
    async with database.reader() as db:
        assert await db.scalar(sa.text("SELECT outcome FROM gateway_events")) == "confirmed"


async def test_a_webhook_that_was_lost_is_made_good_by_comparing(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database)))
    shop.is_deaf = True
    await shop.enter(payment)

    applied = await tasks.catch_up(database, shop.till, since=payment.created_at - timedelta(minutes=1))

    assert applied == 1
    assert (await builders.booking_of(database, payment.booking_id)).state == "confirmed"
    assert await tasks.catch_up(database, shop.till, since=payment.created_at - timedelta(minutes=1)) == 0


async def test_a_decline_and_then_another_card(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await shop.pay(held)
    await shop.enter(first, "decline")
    await shop.until_told("payment.failed")
    await shop.until_payment(first.id, "failed")

    second = await shop.pay(held)
    await shop.enter(second)

    await shop.until(first.booking_id, "confirmed")
    assert second.id != first.id


async def test_another_method_ends_the_first_checkout_and_opens_one(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))
    first = await shop.pay(held)

    second = await shop.pay(held, method="wallet")

    state = await shop.gateway.payment(key=str(first.id))
    assert state is not None
    assert (state.status, (await builders.payment_of(database, first.id)).status) == ("expired", "expired")
    assert (second.method, second.status) == ("wallet", "pending")


async def test_the_intent_of_a_process_that_died_is_taken_up_by_the_same_request(
    database: Database, shop: Shop
) -> None:
    held = await builders.hold(database, await builders.room(database))
    intent = await builders.pending(database, held)

    payment = await shop.pay(held)

    assert (payment.id, payment.status) == (intent.id, "pending")


async def test_an_intent_that_never_reached_the_gateway_expires(database: Database, shop: Shop) -> None:
    intent = await builders.pending(database, await builders.hold(database, await builders.room(database)))

    assert await tasks.end(database, shop.till, intent.id) == "expired"
    assert await tasks.end(database, shop.till, intent.id) == "unchanged"


async def test_a_gateway_that_is_away_leaves_the_places_held_and_the_intent_standing(
    database: Database, shop: Shop
) -> None:
    held = await builders.hold(database, await builders.room(database))
    away = SandboxGateway("http://127.0.0.1:9", api_key=API_KEY, secrets=(SECRET,))
    till, shop.till = shop.till, Till({"sandbox": away}, builders.CLOCKS, shop.till.webhook_base)

    with pytest.raises(PaymentUnavailable), capture_logs() as lines:
        await shop.pay(held)

    await away.close()
    assert [(line["event"], line["error"]) for line in lines] == [("checkout_not_opened", "gateway_unreachable")]
    shop.till = till
    assert (await shop.pay(held)).status == "pending"


async def test_a_release_ends_the_checkout_at_the_gateway_at_once(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))
    payment = await shop.pay(held)
    await builders.release(database, held)

    await shop.work()

    state = await shop.gateway.payment(key=str(payment.id))
    assert state is not None
    assert (state.status, (await builders.payment_of(database, payment.id)).status) == ("expired", "expired")


async def test_the_checkout_is_ended_a_minute_before_the_booking(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))
    payment = await shop.pay(held)
    deadline = held.expires_at - timedelta(seconds=60)

    async with builders.standing_clock(database) as time:
        await time.to(deadline - timedelta(microseconds=1))
        await shop.work()
        before = (await builders.payment_of(database, payment.id)).status
        await time.to(deadline)
        await shop.work()

    assert (before, (await builders.payment_of(database, payment.id)).status) == ("pending", "expired")
    assert (await builders.booking_of(database, payment.booking_id)).state == "pending"


async def test_who_paid_in_the_moment_of_the_release_is_paid_back_by_the_gateway(
    database: Database, shop: Shop
) -> None:
    held = await builders.hold(database, await builders.room(database))
    payment = await shop.pay(held)
    shop.is_deaf = True
    await builders.release(database, held)
    await shop.enter(payment)

    await shop.work()
    (refund,) = await builders.refunds_of(database, payment.booking_id)
    await _settled(shop, refund.id)

    booked = await builders.booking_of(database, payment.booking_id)
    assert (refund.why, refund.amount, booked.state, booked.refund_state) == ("released", 1000, "cancelled", "full")
    assert (await builders.payment_of(database, payment.id)).status == "refunded"
    assert await check(database) == []


async def test_a_cancelled_booking_is_paid_back_once_however_often_the_job_runs(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database), [0, 1]))
    await shop.enter(payment)
    booked = await shop.until(payment.booking_id, "confirmed")
    await builders.cancel(database, booked, [0])
    (refund,) = await builders.refunds_of(database, booked.id)

    await _settled(shop, refund.id)
    await tasks.send_refund(database, shop.till, {"refund_id": str(refund.id)})
    await tasks.settle_refund(database, shop.till, refund.id)

    booked = await builders.booking_of(database, booked.id)
    assert (booked.state, booked.refund_state) == ("confirmed", "part")
    assert (await builders.payment_of(database, payment.id)).status == "partially_refunded"
    (state,) = [await shop.gateway.refund_state(key=str(refund.id))]
    assert state is not None
    assert (state.status, state.amount.minor) == ("processed", 1000)
    assert await check(database) == []


async def test_a_refund_that_the_gateway_refuses_is_shown_as_failed(database: Database, shop: Shop) -> None:
    payment = await shop.pay(await builders.hold(database, await builders.room(database)))
    await shop.enter(payment)
    booked = await shop.until(payment.booking_id, "confirmed")
    await builders.cancel(database, booked)
    (refund,) = await builders.refunds_of(database, booked.id)
    await shop.tell(api=[{"operation": "refund", "kind": "refuse"}])

    await tasks.send_refund(database, shop.till, {"refund_id": str(refund.id)})

    (refund,) = await builders.refunds_of(database, booked.id)
    assert (refund.status, refund.gateway_reference) == ("failed", None)
    assert await check(database) == []


async def test_a_checkout_that_was_given_up_while_it_opened_is_ended(
    database: Database, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await builders.hold(database, await builders.room(database))
    open_there = shop.gateway.open

    async def slowly(request: CheckoutRequest) -> CheckoutSession:
        await builders.release(database, held)
        await shop.work()
        return await open_there(request)

    monkeypatch.setattr(shop.gateway, "open", slowly)
    payment = await shop.pay(held)

    state = await shop.gateway.payment(key=str(payment.id))
    assert state is not None
    assert (payment.status, state.status) == ("expired", "expired")


async def test_a_method_that_is_not_offered_opens_nothing(database: Database, shop: Shop) -> None:
    held = await builders.hold(database, await builders.room(database))

    with pytest.raises(MethodNotOffered):
        await shop.pay(held, method="cash")

    assert (await builders.hold_of(database, held)).state == "active"


async def test_everybody_who_pays_while_the_provider_cancels_gets_everything_back(
    database: Database, shop: Shop
) -> None:
    room = await builders.room(database)
    paying = [await shop.pay(await builders.hold(database, room, [number])) for number in range(5)]

    async def cancel() -> None:
        await database.run(
            partial(checkout.cancel_occurrence, inventory_id=room.inventory.id, actor=Actor.system(), reason=None)
        )

    await asyncio.gather(*(shop.enter(payment) for payment in paying[:3]), cancel())
    await asyncio.gather(*(shop.enter(payment) for payment in paying[3:]), shop.work())
    await tasks.catch_up(database, shop.till, since=paying[0].created_at - timedelta(minutes=1))
    await shop.work()

    for payment in paying:
        booked = await builders.booking_of(database, payment.booking_id)
        state = await shop.gateway.payment(key=str(payment.id))
        assert state is not None
        assert booked.state == "cancelled"
        refunds = await builders.refunds_of(database, booked.id)
        assert sum(refund.amount for refund in refunds) == state.captured.minor
    assert await check(database) == []


async def _settled(shop: Shop, refund_id: object) -> None:
    """Send it, and ask until the gateway has said how it ended."""
    await shop.work()
    for _ in range(200):
        if await tasks.settle_refund(shop.database, shop.till, refund_id) != "pending":  # type: ignore[arg-type]
            return
        await asyncio.sleep(0.02)
    raise AssertionError
