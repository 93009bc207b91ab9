"""Read tickets."""

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.tickets.models import tickets
from holdfast.kernel.tickets.values import Ticket, TicketNotFound
from holdfast.kit.db import Dialect, Reader, given


async def find(db: Reader, ticket_id: UUID) -> Ticket:
    """TicketNotFound where there is none."""
    row = await db.first(sa.select(tickets).where(tickets.c.id == ticket_id))
    if row is None:
        raise TicketNotFound
    return _ticket(row)


async def of_bookings(db: Reader, booking_ids: Sequence[UUID]) -> dict[UUID, list[Ticket]]:
    """Tickets by booking, in the order of their items."""
    found: dict[UUID, list[Ticket]] = {booking_id: [] for booking_id in booking_ids}
    for row in await db.all(_of_bookings(db.dialect), {"ids": list(booking_ids)}):
        found[row.booking_id].append(_ticket(row))
    return found


@cache
def _of_bookings(dialect: Dialect) -> sa.Select[Any]:
    """Made once: to make one costs as much as to run it."""
    return sa.select(tickets).where(given(tickets.c.booking_id, dialect)).order_by(tickets.c.item_number)


def _ticket(row: sa.Row[Any]) -> Ticket:
    return Ticket(
        id=row.id,
        inventory_id=row.inventory_id,
        booking_id=row.booking_id,
        provider_id=row.provider_id,
        item_number=row.item_number,
        place=row.place,
        label=row.label,
        number=row.number,
        nonce=bytes(row.nonce),
        state=row.state,
        issued_at=row.issued_at,
        used_at=row.used_at,
        updated_at=row.updated_at,
    )
