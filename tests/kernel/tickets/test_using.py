"""A ticket lets somebody in once; the first scan wins."""

import asyncio
from dataclasses import replace

import pytest

from holdfast.kernel import tickets
from holdfast.kernel.bookings import Booking
from holdfast.kernel.tickets import (
    Ticket,
    TicketAlreadyUsed,
    TicketCancelled,
    TicketClaims,
    TicketForged,
    TicketNotFound,
)
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders


async def tickets_of(database: Database, booked: Booking) -> list[Ticket]:
    async with database.reader() as db:
        return (await tickets.of_bookings(db, [booked.id]))[booked.id]


async def scan(database: Database, claims: TicketClaims) -> Ticket:
    async with database.transaction() as db:
        return await tickets.use(db, claims, actor=builders.user_actor(), now=await clock.moment(db))


def claims_of(ticket: Ticket) -> TicketClaims:
    return TicketClaims(ticket.id, ticket.inventory_id, ticket.place, ticket.nonce)


async def test_each_item_has_a_ticket_with_a_number_and_a_code_of_its_own(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database, shape="standing"), count=3)

    issued = await tickets_of(database, booked)

    assert [ticket.item_number for ticket in issued] == [0, 1, 2]
    assert len({ticket.number for ticket in issued}) == len({ticket.nonce for ticket in issued}) == 3


async def test_it_is_used_once_and_says_when_that_was(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    ticket, other = await tickets_of(database, booked)

    used = await scan(database, claims_of(ticket))
    with pytest.raises(TicketAlreadyUsed) as refusal:
        await scan(database, claims_of(ticket))

    assert (used.state, refusal.value.used_at) == ("used", used.used_at)
    assert (await builders.told_of(database, entity_id=ticket.id)).actions == ["ticket_used"]
    assert (await scan(database, claims_of(other))).state == "used"


async def test_of_ten_scans_at_once_one_lets_in(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))
    (ticket,) = await tickets_of(database, booked)

    outcomes = await asyncio.gather(*(scan(database, claims_of(ticket)) for _ in range(10)), return_exceptions=True)

    assert sum(isinstance(outcome, Ticket) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, TicketAlreadyUsed) for outcome in outcomes) == 9


async def test_a_ticket_that_was_given_up_forged_or_never_issued_lets_nobody_in(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    given_up, kept = await tickets_of(database, booked)
    await builders.cancel(database, booked, [0])

    with pytest.raises(TicketCancelled):
        await scan(database, claims_of(given_up))
    with pytest.raises(TicketForged):
        await scan(database, replace(claims_of(kept), nonce=bytes(12)))
    with pytest.raises(TicketForged):
        await scan(database, replace(claims_of(kept), inventory_id=new_id()))
    with pytest.raises(TicketNotFound):
        await scan(database, replace(claims_of(kept), ticket_id=new_id()))
