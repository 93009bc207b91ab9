"""Hear facts and send letters: the jobs of this feature. Both may be done again at any time, and tell nobody twice."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from holdfast.kernel import bookings, identity
from holdfast.kernel.identity import IdentitySettings, User
from holdfast.kernel.notifications import actions, queries, rules, stories, writing
from holdfast.kernel.notifications.values import Message, Notification, Template
from holdfast.kernel.notifications.writing import Recipient
from holdfast.kernel.tickets import TicketKey
from holdfast.kit import clock
from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.letters import Channel, LetterRefused, Sender

#: Of those who are told that an occurrence moved, so many in one transaction.
BATCH_MAX = 100

log = structlog.get_logger("holdfast.notifications")


async def hear(
    database: Database, settings: IdentitySettings, payload: Mapping[str, Any], *, batch_max: int = BATCH_MAX
) -> None:
    """Job: a fact happened; whoever is to be told of it gets one notification, and its letter a job of its own.

    `payload`: the fact's own, with `fact` (its name) and `fact_id`.
    """
    template = rules.template_of(payload["fact"], payload)
    if template is None:
        return
    if template == "rescheduled":
        await _hear_moved(database, settings, payload, batch_max=batch_max)
        return
    await database.run(partial(_tell_owner, settings=settings, template=template, payload=payload))


async def send(
    database: Database, settings: IdentitySettings, sender: Sender, key: TicketKey, payload: Mapping[str, Any]
) -> None:
    """Job: write the letter of a notification and send it. Nothing where it was sent, or nobody is there any more.

    A worker that dies between sending and noting it sends the same letter again, under the same id.
    """
    async with database.reader() as db:
        told = await queries.find(db, UUID(payload["notification_id"]))
        if told is None or told.is_done:
            return
        to = await _recipient(db, told, settings=settings)
        if to is None:
            return
        story = await stories.whole(db, told, settings=settings)
    letter = await writing.letter(story, to, key=key)
    try:
        await sender.send(letter)
    except LetterRefused as refused:  # again would be in vain
        log.warning("letter_refused", notification_id=str(told.id), template=told.template, why=refused.why)
        await database.run(partial(_note_refused, told=told, channel=letter.channel, why=refused.why))
    else:
        await database.run(partial(_note_sent, told=told, channel=letter.channel))


async def _tell_owner(
    db: Transaction, settings: IdentitySettings, template: Template, payload: Mapping[str, Any]
) -> None:
    """One person: who owns the account or the booking that the fact names."""
    booking = None
    user_id = payload.get("user_id")
    if payload.get("booking_id") is not None:
        booking = (await bookings.find_many(db, [UUID(payload["booking_id"])]))[0]
        user_id = booking.owner_id
    if user_id is None:  # sold to nobody with an account
        return
    subject = rules.subject_of(template, payload)
    message = Message(
        template=template,
        user_id=UUID(str(user_id)),
        fact_id=UUID(payload["fact_id"]),
        inventory_id=booking.inventory_id if booking is not None else None,
        booking_id=booking.id if booking is not None else None,
        subject_id=UUID(subject) if subject is not None else None,
    )
    if await _people(db, [message.user_id], settings=settings):
        await actions.write(db, message, now=await clock.moment(db))


async def _hear_moved(
    database: Database, settings: IdentitySettings, payload: Mapping[str, Any], *, batch_max: int
) -> None:
    """Everybody with a booking there, batch by batch; who was told before is not told again."""
    inventory_id, fact_id = UUID(payload["inventory_id"]), UUID(payload["fact_id"])
    last: UUID | None = None
    while True:
        async with database.reader() as db:
            owners = await bookings.owners(db, inventory_id, after=last, limit=batch_max)
        if not owners:
            return
        messages = [
            Message("rescheduled", owner_id, fact_id, inventory_id=inventory_id, booking_id=booking_id)
            for owner_id, booking_id in owners
        ]
        await database.run(partial(_tell_all, settings=settings, messages=messages))
        last = owners[-1][0]


async def _tell_all(db: Transaction, settings: IdentitySettings, messages: list[Message]) -> None:
    there = await _people(db, [message.user_id for message in messages], settings=settings)
    now = await clock.moment(db)
    for message in messages:
        if message.user_id in there:
            await actions.write(db, message, now=now)


async def _recipient(db: Reader, told: Notification, *, settings: IdentitySettings) -> Recipient | None:
    user = (await _people(db, [told.user_id], settings=settings)).get(told.user_id)
    way = rules.way_to(email=user.email, phone_number=user.phone_number) if user is not None else None
    if user is None or way is None:
        return None
    return Recipient(way[0], way[1], user.first_name, user.locale)


async def _people(db: Reader, user_ids: list[UUID], *, settings: IdentitySettings) -> dict[UUID, User]:
    """Those who are there: to who was erased nothing is told any more."""
    found = await identity.users_by_id(db, user_ids, settings=settings)
    return {user_id: user for user_id, user in found.items() if user.erased_at is None}


async def _note_sent(db: Transaction, told: Notification, channel: Channel) -> None:
    await actions.note_sent(db, told, channel=channel, now=await clock.moment(db))


async def _note_refused(db: Transaction, told: Notification, channel: Channel, why: str) -> None:
    await actions.note_refused(db, told, channel=channel, why=why, now=await clock.moment(db))
