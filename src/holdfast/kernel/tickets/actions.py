"""Issue tickets with the confirmation, cancel them with their items, let each be used once."""

import secrets
from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.tickets import queries
from holdfast.kernel.tickets.models import ticket_numbers, tickets
from holdfast.kernel.tickets.signing import new_nonce
from holdfast.kernel.tickets.values import (
    Ticket,
    TicketAlreadyUsed,
    TicketCancelled,
    TicketClaims,
    TicketForged,
)
from holdfast.kit import ids
from holdfast.kit.db import Transaction

NUMBER_DIGITS = 12


async def issue(db: Transaction, booking: Booking, *, now: datetime) -> None:
    """One ticket a kept item, in the transaction that confirms."""
    rows = []
    for item in booking.hold.kept:
        ticket_id = ids.new_id()
        rows.append(
            {
                "inventory_id": booking.inventory_id,
                "id": ticket_id,
                "booking_id": booking.id,
                "provider_id": booking.provider_id,
                "item_number": item.number,
                "place": item.place,
                "label": item.label,
                "number": await _new_number(db, booking.inventory_id, ticket_id),
                "nonce": new_nonce(),
                "state": "valid",
                "issued_at": now,
                "updated_at": now,
            }
        )
    await db.execute(sa.insert(tickets), rows)


async def cancel(db: Transaction, booking: Booking, items: Collection[int], *, now: datetime) -> None:
    """The tickets of these items let nobody in any more."""
    await db.execute(
        sa.update(tickets)
        .where(
            tickets.c.inventory_id == booking.inventory_id,
            tickets.c.booking_id == booking.id,
            tickets.c.item_number.in_(items),
            tickets.c.state == "valid",
        )
        .values(state="cancelled", updated_at=now)
    )


async def used_items(db: Transaction, booking: Booking) -> set[int]:
    """Whose tickets of this booking let somebody in; all are locked, so that no scan slips in before the commit."""
    rows = await db.all(
        sa.select(tickets.c.item_number, tickets.c.state)
        .where(tickets.c.inventory_id == booking.inventory_id, tickets.c.booking_id == booking.id)
        .order_by(tickets.c.id)
        .with_for_update(key_share=True)
    )
    return {row.item_number for row in rows if row.state == "used"}


async def use(db: Transaction, claims: TicketClaims, *, actor: Actor, now: datetime) -> Ticket:
    """Let somebody in: valid -> used, the first scan wins.

    Raises TicketAlreadyUsed, TicketCancelled, TicketNotFound; TicketForged where the code was replaced by a newer one.
    """
    moved = await db.execute(
        sa.update(tickets)
        .where(
            tickets.c.inventory_id == claims.inventory_id,
            tickets.c.id == claims.ticket_id,
            tickets.c.nonce == claims.nonce,
            tickets.c.state == "valid",
        )
        .values(state="used", used_at=now, used_by=actor.user_id, updated_at=now)
    )
    ticket = await queries.find(db, claims.ticket_id)
    if moved == 0:
        _say_why_not(ticket, claims)
    await audit.record(
        db,
        actor=actor,
        action="ticket_used",
        entity_type="ticket",
        entity_id=ticket.id,
        provider_id=ticket.provider_id,
        before={"state": "valid"},
        after={"state": "used"},
        now=now,
    )
    return ticket


def new_number() -> str:
    """A number as it is printed; that nobody has it yet is the table's to say."""
    return f"T{secrets.randbelow(10**NUMBER_DIGITS):0{NUMBER_DIGITS}d}"


def _say_why_not(ticket: Ticket, claims: TicketClaims) -> None:
    if ticket.nonce != claims.nonce or ticket.inventory_id != claims.inventory_id:
        raise TicketForged
    if ticket.state == "cancelled":
        raise TicketCancelled
    assert ticket.used_at is not None
    raise TicketAlreadyUsed(ticket.used_at)


async def _new_number(db: Transaction, inventory_id: UUID, ticket_id: UUID) -> str:
    while True:
        number = new_number()
        row = {"number": number, "inventory_id": inventory_id, "ticket_id": ticket_id}
        if await db.execute(db.insert(ticket_numbers).values(row).on_conflict_do_nothing()):
            return number
