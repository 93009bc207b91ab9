"""Nobody is told twice of one fact, whatever is repeated and whoever dies."""

from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app import worker
from holdfast.kernel import identity, retention
from holdfast.kernel.audit import Actor
from holdfast.kernel.notifications import SEND, actions, tasks
from holdfast.kernel.notifications.models import notifications
from holdfast.kernel.notifications.values import Message
from holdfast.kit import clock
from holdfast.kit.db import Transaction
from holdfast.kit.jobs import jobs
from holdfast.kit.letters import Letter, LetterNotSent, LetterRefused, MemorySender
from tests import builders
from tests.builders_identity import Person
from tests.kernel.notifications import world as worlds
from tests.kernel.notifications.world import World

pytestmark = pytest.mark.alone


@dataclass
class Postman:
    """A sender that does what it is told to, and remembers every try."""

    raises: list[Exception] = field(default_factory=list)
    tried: list[Letter] = field(default_factory=list)
    arrived: MemorySender = field(default_factory=MemorySender)
    dies_after: bool = False

    async def send(self, letter: Letter) -> None:
        self.tried.append(letter)
        if self.raises:
            raise self.raises.pop(0)
        await self.arrived.send(letter)
        if self.dies_after:
            self.dies_after = False
            raise KilledError


class KilledError(BaseException):
    """The process is gone: nothing after this is done."""


async def jobs_of(world: World, kind: str) -> list[dict[str, object]]:
    async with world.database.reader() as db:
        rows = await db.all(sa.select(jobs.c.payload).where(jobs.c.kind == kind))
    return [row.payload for row in rows]


async def hear(world: World, fact: dict[str, object]) -> None:
    await tasks.hear(world.database, world.house.identity, fact)


async def send(world: World, postman: Postman, person: Person) -> None:
    """The job of the person's one notification, done by a worker with that postman."""
    [told] = await world.told(person)
    payload = {"notification_id": str(told.id)}
    await tasks.send(world.database, world.house.identity, postman, world.house.ticket_keys[0], payload)


async def heard(world: World, person: Person) -> dict[str, object]:
    """Somebody has a confirmed booking, whose fact was heard and whose letter was not sent yet."""
    booked = await worlds.confirmed(world, person)
    [fact] = await world.facts("BookingConfirmed", booked.id)
    await hear(world, fact)
    return fact


async def test_a_fact_that_is_delivered_again_and_again_is_told_once(world: World) -> None:
    person = await world.person()
    fact = await heard(world, person)
    await hear(world, fact)
    await world.work()
    await hear(world, fact)

    letters = await world.letters(person, "confirmed")

    assert len(letters) == len(await world.told(person)) == 1
    assert await jobs_of(world, SEND) == []


async def test_a_worker_that_dies_while_hearing_leaves_notification_and_job_or_neither(world: World) -> None:
    person = await world.person()
    booked = await worlds.confirmed(world, person)
    [fact] = await world.facts("BookingConfirmed", booked.id)
    message = Message("confirmed", person.id, UUID(str(fact["fact_id"])), booked.inventory_id, booked.id)

    async def write_and_die(db: Transaction) -> None:
        assert await actions.write(db, message, now=await clock.moment(db))
        raise KilledError

    with pytest.raises(KilledError):
        await world.database.run(write_and_die)

    assert (await world.told(person), await jobs_of(world, SEND)) == ([], [])
    await hear(world, fact)
    assert (len(await world.told(person)), len(await jobs_of(world, SEND))) == (1, 1)


async def test_a_letter_that_was_sent_is_not_sent_again_by_a_repeated_job(world: World) -> None:
    person, postman = await world.person(), Postman()
    await heard(world, person)

    for _ in range(3):
        await send(world, postman, person)

    [letter] = postman.tried
    [told] = await world.told(person)
    assert (letter.id, told.channel, told.sent_at) == (told.id, "email", world.time.now)
    assert (await builders.told_of(world.database, entity_id=told.id)).actions == ["notification_sent"]


async def test_a_worker_that_dies_after_sending_sends_the_same_letter_again(world: World) -> None:
    person, postman = await world.person(), Postman(dies_after=True)
    await heard(world, person)

    with pytest.raises(KilledError):
        await send(world, postman, person)
    await send(world, postman, person)

    assert len({letter.id for letter in postman.tried}) == 1
    assert len(postman.tried) == 2
    assert len(postman.arrived.letters) == 1


async def test_a_letter_that_could_not_leave_is_tried_again_with_the_patience_of_jobs(world: World) -> None:
    person = await world.person()
    postman = Postman([LetterNotSent("SMTP 451")])
    await heard(world, person)
    hurried = replace(world.house, sender=postman)

    await worker.drain(hurried)
    waiting = await jobs_of(world, SEND)
    await world.time.forward(minutes=1)
    await worker.drain(hurried)

    assert len(waiting) == 1
    assert [letter.template for letter in postman.arrived.letters] == ["confirmed"]
    assert await jobs_of(world, SEND) == []


async def test_a_letter_refused_for_good_is_noted_and_given_up(world: World) -> None:
    person, postman = await world.person(), Postman([LetterRefused("SMTP 550")])
    await heard(world, person)

    await send(world, postman, person)
    await send(world, postman, person)

    [told] = await world.told(person)
    assert len(postman.tried) == 1
    assert (told.sent_at, told.refused_at, told.is_done) == (None, world.time.now, True)
    assert (await builders.told_of(world.database, entity_id=told.id)).actions == ["notification_refused"]


async def test_who_was_erased_is_told_nothing_any_more(world: World) -> None:
    early, late, postman = await world.person(), await world.person(), Postman()
    await heard(world, early)
    await erase(world, early)
    booked = await worlds.confirmed(world, late)
    [fact] = await world.facts("BookingConfirmed", booked.id)
    await erase(world, late)

    await send(world, postman, early)
    await hear(world, fact)

    assert postman.tried == []
    assert await world.told(late) == []


async def test_what_was_sold_to_nobody_with_an_account_is_told_to_nobody(world: World) -> None:
    booked = await builders.confirmed(world.database, await builders.room(world.database), owner=builders.user_actor())

    await world.work()

    [fact] = await world.facts("BookingConfirmed", booked.id)
    await hear(world, fact)
    async with world.database.reader() as db:
        assert await db.scalar(sa.select(sa.func.count()).select_from(notifications)) == 0


async def test_who_can_be_reached_by_nothing_reads_it_in_the_list(world: World) -> None:
    person, postman = await world.person(has_email=False), Postman()
    await world.change_user(person.id, phone_number=None, phone_verified_at=None)
    await heard(world, person)

    await send(world, postman, person)

    [told] = await world.told(person)
    assert (postman.tried, told.is_done) == ([], False)


async def test_nothing_personal_is_written_down(world: World) -> None:
    person = await world.person()
    await heard(world, person)

    columns = set(notifications.columns.keys())
    async with world.database.reader() as db:
        payloads = [str(row.payload) for row in await db.all(sa.select(jobs.c.payload))]

    assert columns == {
        *("id", "user_id", "template", "fact_id", "inventory_id", "booking_id", "subject_id", "channel"),
        *("created_at", "sent_at", "refused_at", "read_at"),
    }
    assert payloads
    assert not any(person.email in payload or "Amal" in payload for payload in payloads)


async def test_what_is_kept_long_enough_is_forgotten(world: World) -> None:
    person = await world.person()
    await heard(world, person)
    await world.time.forward(days=366)

    forgotten = await retention.tidy(world.database)

    assert forgotten["notifications"] == 1
    assert await world.told(person) == []


async def test_a_everybody_with_a_booking_of_what_moved_is_told_batch_by_batch(world: World) -> None:
    people = [await world.person() for _ in range(5)]
    room = await builders.room(world.database)
    booked = [
        await builders.confirmed(world.database, room, [place], owner=person.actor)
        for place, person in enumerate(people)
    ]
    await worlds.move(world, booked[0], hours=1)
    fact = await world.fact_of_inventory("OccurrenceMoved", room.inventory.id)

    await tasks.hear(world.database, world.house.identity, fact, batch_max=2)
    await tasks.hear(world.database, world.house.identity, fact, batch_max=2)

    assert [len(await world.told(person)) for person in people] == [1] * 5


async def erase(world: World, person: Person) -> None:
    async with world.database.transaction() as db:
        await identity.erase(
            db, person.id, settings=world.house.identity, actor=Actor.system(), now=await clock.moment(db)
        )
