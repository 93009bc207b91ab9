"""The provider cancels: the tombstone first, then everybody's money, whatever interrupts it (spec, kernel 9)."""

from functools import partial

import pytest

from holdfast.kernel import checkout, ledger
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import cancelling, tasks
from holdfast.kernel.inventory import OccurrenceCancelled
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.toy_product import Room


async def cancel(database: Database, room: Room) -> None:
    await database.run(
        partial(checkout.cancel_occurrence, inventory_id=room.inventory.id, actor=Actor.system(), reason="no bus")
    )


async def do_the_job(database: Database, room: Room) -> None:
    await tasks.cancel_occurrence(database, {"inventory_id": str(room.inventory.id)})


async def test_the_tombstone_stops_sales_before_anybody_is_paid_back(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [0])

    await cancel(database, room)

    assert (await builders.inventory_of(database, room)).state == "cancelled"
    assert (await builders.booking_of(database, booked.id)).state == "confirmed"
    with pytest.raises(OccurrenceCancelled):
        await builders.hold(database, room, [1])
    with pytest.raises(OccurrenceCancelled):
        await cancel(database, room)


async def test_everything_ends_and_every_payment_comes_back_in_full_with_fees(database: Database, time: Time) -> None:
    who = await builders.provider(database, platform_fee_bps=333)
    room = await builders.room(database, provider_id=who.id)
    held, waiting = await builders.hold(database, room, [0]), await builders.booking(database, room, [1])
    whole = await builders.confirmed(database, room, [2, 3], fee=100, prices=(333, 335))
    part = await builders.confirmed(database, room, [4, 5], fee=100)
    await builders.cancel(database, part, [0])
    await time.to(room.inventory.starts_at)

    await cancel(database, room)
    await do_the_job(database, room)

    assert (await builders.hold_of(database, held)).state == "cancelled"
    for booked, amounts in ((waiting, []), (whole, [768]), (part, [1000, 1100])):
        refunds = await builders.refunds_of(database, booked.id)
        assert (await builders.booking_of(database, booked.id)).state == "cancelled"
        assert [refund.amount for refund in refunds] == amounts
    assert await builders.states_of(database, room) == {}
    assert (await builders.inventory_of(database, room)).sold == 0
    async with database.reader() as db:
        (pending,) = await ledger.balances(db, kind="provider_pending", holder=str(who.id))
    assert pending.minor == 0


async def test_of_counted_places_too(database: Database) -> None:
    room = await builders.room(database, shape="standing")
    await builders.hold(database, room, count=2)
    booked = await builders.confirmed(database, room, count=3)

    await cancel(database, room)
    await do_the_job(database, room)

    assert await builders.taken_of(database, room) == 0
    assert [refund.amount for refund in await builders.refunds_of(database, booked.id)] == [3000]


async def test_a_job_that_was_interrupted_goes_on_with_what_is_not_done(database: Database) -> None:
    room = await builders.room(database)
    booked = [await builders.confirmed(database, room, [number]) for number in range(3)]
    await cancel(database, room)
    await database.run(partial(cancelling.cancel_for_provider, booking_id=booked[1].id))

    for _ in range(2):
        await do_the_job(database, room)

    for each in booked:
        (refund,) = await builders.refunds_of(database, each.id)
        assert (refund.amount, refund.why) == (1000, "provider_cancelled")


async def test_money_that_still_comes_is_refunded_and_sells_nothing(database: Database) -> None:
    room = await builders.room(database)
    before, after = [await builders.booking(database, room, [number], fee=100) for number in (0, 1)]
    await cancel(database, room)

    first = await builders.settle(database, (await builders.payments_of(database, before.id))[0])
    await do_the_job(database, room)
    second = await builders.settle(database, (await builders.payments_of(database, after.id))[0])

    for outcome, booked in ((first, before), (second, after)):
        (refund,) = await builders.refunds_of(database, booked.id)
        assert (outcome, refund.amount) == ("refunded_provider_cancelled", 1100)
        assert (await builders.booking_of(database, booked.id)).state == "cancelled"
    assert (await builders.inventory_of(database, room)).sold == 0


async def test_what_its_owner_cancelled_before_is_not_paid_back_twice(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room)
    await builders.cancel(database, booked)

    await cancel(database, room)
    await do_the_job(database, room)

    assert len(await builders.refunds_of(database, booked.id)) == 1


async def test_what_is_over_completes_its_bookings_and_its_provider_has_earned_them(database: Database) -> None:
    who = await builders.provider(database, platform_fee_bps=1000)
    room = await builders.room(database, provider_id=who.id)
    whole, part = await builders.confirmed(database, room, [0, 1]), await builders.confirmed(database, room, [2, 3])
    await builders.cancel(database, part, [0])

    ended = await database.run(
        partial(checkout.finish_occurrence, inventory_id=room.inventory.id, actor=Actor.system())
    )
    for _ in range(2):
        await tasks.finish_occurrence(database, {"inventory_id": str(room.inventory.id)})

    async with database.reader() as db:
        balances = {each.kind: -each.minor for each in await ledger.balances(db, holder=str(who.id))}
    assert ended
    assert [(await builders.booking_of(database, each.id)).state for each in (whole, part)] == ["completed"] * 2
    assert balances == {"provider_pending": 0, "provider_payable": 2700}
    assert not await database.run(
        partial(checkout.finish_occurrence, inventory_id=room.inventory.id, actor=Actor.system())
    )
