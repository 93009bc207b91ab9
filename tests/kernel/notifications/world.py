"""A platform with a worker's hands, a sender that keeps letters, and people to whom things happen in rooms."""

from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from holdfast.app import house, worker
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kernel import checkout
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import tasks
from holdfast.kernel.identity import logins
from holdfast.kernel.notifications import Notification, Template, queries
from holdfast.kernel.notifications.models import notifications
from holdfast.kernel.payments import Payment
from holdfast.kit import clock, outbox
from holdfast.kit.db import Database
from holdfast.kit.letters import Letter, MemorySender, Sender
from tests import builders, builders_identity
from tests import toy_product as toy
from tests.builders import Time
from tests.builders_identity import Person
from tests.toy_product import Room


@dataclass
class World:
    """One test's platform. `letters` are those that left, by whoever they went to."""

    database: Database
    house: House
    sent: MemorySender
    time: Time

    async def person(self, *, locale: str = "en", has_email: bool = True) -> Person:
        person = await builders_identity.sign_up(self.database, settings=self.house.identity)
        values: dict[str, object] = {"locale": locale}
        if not has_email:
            values |= {"email": None, "email_key": None, "email_verified_at": None}
        await self.change_user(person.id, **values)
        return person

    async def change_user(self, user_id: UUID, **values: object) -> None:
        users = sa.Table("users", sa.MetaData(), *(sa.Column(name) for name in values), sa.Column("id", sa.Uuid))
        async with self.database.transaction() as db:
            await db.execute(sa.update(users).where(users.c.id == user_id).values(values))

    async def headers(self, person: Person) -> dict[str, str]:
        """Of a sign-in of now."""
        settings = self.house.identity
        async with self.database.transaction() as db:
            now = await clock.moment(db)
            held = await logins.start(db, settings=settings, user=person.user, agent=None, actor=person.actor, now=now)
        return {"Authorization": f"Bearer {held.access_token}"}

    async def work(self) -> None:
        """Relay and do all that is due, but what asks a gateway: there is none here."""
        await worker.drain(self.house)

    async def letters(self, person: Person, template: Template | None = None) -> list[Letter]:
        """Do the work, then read what came to somebody, the oldest first."""
        await self.work()
        addresses = {person.email, person.user.phone_number}
        found = [letter for letter in self.sent.letters if letter.to in addresses]
        return [letter for letter in found if template is None or letter.template == template]

    async def letter(self, person: Person, template: Template) -> Letter:
        """The one letter of that kind."""
        [letter] = await self.letters(person, template)
        return letter

    async def told(self, person: Person) -> list[Notification]:
        """What is written down for somebody, the oldest first."""
        async with self.database.reader() as db:
            mine = notifications.c.user_id == person.id
            rows = await db.all(sa.select(notifications).where(mine).order_by(notifications.c.id))
        return [queries.notification_of(row) for row in rows]

    async def facts(self, kind: str, booking_id: UUID) -> list[dict[str, object]]:
        """A booking's facts of that kind, as the relay hands them to who listens."""
        return [fact for fact in await self._facts(kind) if fact["booking_id"] == str(booking_id)]

    async def fact_of_inventory(self, kind: str, inventory_id: UUID) -> dict[str, object]:
        [fact] = [fact for fact in await self._facts(kind) if fact["inventory_id"] == str(inventory_id)]
        return fact

    async def _facts(self, kind: str) -> list[dict[str, object]]:
        async with self.database.reader() as db:
            rows = await db.all(sa.select(outbox.outbox).where(outbox.outbox.c.kind == kind))
        return [{**row.payload, "fact": row.kind, "fact_id": str(row.id)} for row in rows]


def open_world(database: Database, folder: Path, time: Time, *, sender: Sender | None = None) -> World:
    sent = MemorySender()
    settings = Settings(
        _env_file=None, environment="test", data_folder=folder, bcrypt_cost=4, public_url="https://tickets.example"
    )
    return World(database, house.build(settings, database=database, gateways={}, sender=sender or sent), sent, time)


#: Several bookings of one person in one room.
ANY_NUMBER = replace(toy.LIMITS, second_hold="allow")

# What happens to somebody, so that each message is sent once


async def confirmed(world: World, person: Person) -> Booking:
    return await builders.confirmed(world.database, await _room(world), [0, 1], owner=person.actor)


async def payment_failed(world: World, person: Person) -> Booking:
    booked = await builders.booking(world.database, await _room(world), [0, 1], owner=person.actor)
    await builders.settle(world.database, await payment_of(world, booked), status="failed")
    return booked


async def expired(world: World, person: Person) -> Booking:
    booked = await builders.booking(world.database, await _room(world), [0, 1], owner=person.actor)
    await lapse(world, booked)
    return booked


async def cancelled(world: World, person: Person) -> Booking:
    booked = await confirmed(world, person)
    await builders.cancel(world.database, booked)
    return booked


async def refund_sent(world: World, person: Person) -> Booking:
    booked = await cancelled(world, person)
    [refund] = await builders.refunds_of(world.database, booked.id)
    await builders.refunded(world.database, refund)
    return booked


async def refund_failed(world: World, person: Person) -> Booking:
    booked = await cancelled(world, person)
    [refund] = await builders.refunds_of(world.database, booked.id)
    await builders.refunded(world.database, refund, status="failed")
    return booked


async def rescheduled(world: World, person: Person) -> Booking:
    booked = await confirmed(world, person)
    await move(world, booked, hours=3)
    return booked


async def occurrence_cancelled(world: World, person: Person) -> Booking:
    booked = await confirmed(world, person)
    await cancel_occurrence(world, booked)
    return booked


async def late_money_honoured(world: World, person: Person) -> Booking:
    booked = await expired(world, person)
    assert await builders.settle(world.database, await payment_of(world, booked)) == "confirmed"
    return booked


async def late_money_refunded(world: World, person: Person) -> Booking:
    room = await _room(world)
    booked = await builders.booking(world.database, room, [0, 1], owner=person.actor)
    await lapse(world, booked)
    await builders.confirmed(world.database, room, [1])
    assert await builders.settle(world.database, await payment_of(world, booked)) == "refunded_late"
    return booked


HAPPENINGS = {
    "confirmed": confirmed,
    "payment_failed": payment_failed,
    "expired": expired,
    "cancelled": cancelled,
    "refund_sent": refund_sent,
    "refund_failed": refund_failed,
    "rescheduled": rescheduled,
    "occurrence_cancelled": occurrence_cancelled,
    "late_money_honoured": late_money_honoured,
    "late_money_refunded": late_money_refunded,
}


async def lapse(world: World, booked: Booking) -> None:
    """Its time passes, and the sweeper comes."""
    await world.time.to(booked.expires_at)
    while await tasks.sweep(world.database):
        pass


async def move(world: World, booked: Booking, **by: float) -> None:
    """The provider moves the occurrence."""
    hold, later = booked.hold, timedelta(**by)
    await world.database.run(
        lambda db: checkout.reschedule(
            db,
            booked.inventory_id,
            starts_at=hold.starts_at + later,
            ends_at=hold.ends_at + later,
            actor=builders.user_actor(),
        )
    )


async def cancel_occurrence(world: World, booked: Booking) -> None:
    """The provider cancels it; the job for its bookings is left to the worker."""
    await world.database.run(
        lambda db: checkout.cancel_occurrence(db, booked.inventory_id, actor=builders.user_actor(), reason=None)
    )


async def payment_of(world: World, booked: Booking) -> Payment:
    """The first payment of a booking."""
    return (await builders.payments_of(world.database, booked.id))[0]


async def _room(world: World) -> Room:
    """A room of a fresh provider that can be told apart by its name."""
    return await builders.room(world.database, places=4)
