"""What erasing an account means for money that is on its way."""

from datetime import timedelta

import pytest

from holdfast.kernel import identity, retention
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import tasks as checkout_tasks
from holdfast.kernel.payments import Payment
from holdfast.kit.db import Database
from tests import builders, builders_identity
from tests.builders import Time
from tests.builders_identity import SETTINGS, Person


async def lapsed_payment_of(database: Database, time: Time, person: Person) -> Payment:
    """Its booking expired unpaid, and so did it, as its gateway says."""
    held = await builders.hold(database, await builders.room(database), owner=person.actor)
    payment = await builders.pending(database, held)
    await time.forward(hours=1)
    await checkout_tasks.sweep(database)
    await builders.settle(database, payment, status="expired")
    return payment


@pytest.mark.parametrize(("is_erased", "outcome"), [(False, "confirmed"), (True, "refunded_late")])
async def test_late_money_never_buys_for_who_was_erased(
    database: Database, time: Time, *, is_erased: bool, outcome: str
) -> None:
    person = await builders_identity.sign_up(database)
    payment = await lapsed_payment_of(database, time, person)
    if is_erased:
        async with database.transaction() as db:
            await identity.erase(db, person.id, settings=SETTINGS, actor=Actor.system(), now=time.now)

    assert await builders.settle(database, payment) == outcome


async def test_a_payment_that_may_still_come_is_unfinished_business(database: Database, time: Time) -> None:
    person = await builders_identity.sign_up(database)
    held = await builders.hold(database, await builders.room(database), owner=person.actor)
    async with database.reader() as db:
        holding = await retention.unfinished_business(db, person.id)
    payment = await builders.pending(database, held)
    await time.forward(hours=1)
    await checkout_tasks.sweep(database)
    async with database.reader() as db:
        paying = await retention.unfinished_business(db, person.id)
    await builders.settle(database, payment, status="expired")

    async with database.reader() as db:
        assert await retention.unfinished_business(db, person.id) == []
    assert (holding, paying) == (["holds"], ["payments"])


async def test_what_is_booked_is_unfinished_until_it_is_over(database: Database, time: Time) -> None:
    person = await builders_identity.sign_up(database)
    booked = await builders.confirmed(
        database, await builders.room(database, starts_in=timedelta(days=2)), owner=person.actor
    )

    async with database.reader() as db:
        before = await retention.unfinished_business(db, person.id)
    await builders.cancel(database, booked)

    async with database.reader() as db:
        assert await retention.unfinished_business(db, person.id) == []
    assert before == ["bookings"]
