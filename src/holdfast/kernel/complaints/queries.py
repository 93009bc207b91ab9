"""Read complaints."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.complaints.models import complaints
from holdfast.kernel.complaints.values import Category, Complaint, ComplaintNotFound, State
from holdfast.kit.db import Reader

#: Newest first; for `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (complaints.c.created_at, complaints.c.id)
OWN_ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class ComplaintFilter:
    """Which complaints; None filters nothing. `since` and `until` bound the time they were opened, half open."""

    user_id: UUID | None = None
    state: State | None = None
    category: Category | None = None
    booking_id: UUID | None = None
    provider_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


async def find(db: Reader, complaint_id: UUID) -> Complaint:
    """ComplaintNotFound where there is none."""
    row = await db.first(sa.select(complaints).where(complaints.c.id == complaint_id))
    if row is None:
        raise ComplaintNotFound
    return as_complaint(row)


def listing(only: ComplaintFilter) -> sa.Select[Any]:
    """The statement of a filtered list, without order and limit."""
    c = complaints.c
    equal = {
        c.user_id: only.user_id,
        c.state: only.state,
        c.category: only.category,
        c.booking_id: only.booking_id,
        c.provider_id: only.provider_id,
    }
    wanted = [column == value for column, value in equal.items() if value is not None]
    if only.since is not None:
        wanted.append(c.created_at >= only.since)
    if only.until is not None:
        wanted.append(c.created_at < only.until)
    return sa.select(complaints).where(*wanted)


def is_of(user_id: UUID | None) -> sa.ColumnElement[bool]:
    return complaints.c.user_id == user_id


async def of_user(db: Reader, user_id: UUID) -> list[Complaint]:
    """What somebody complained about, newest first, for the export of everything about oneself."""
    newest_first = [column.desc() for column in ORDER]
    rows = await db.all(listing(ComplaintFilter(user_id)).order_by(*newest_first).limit(OWN_ROWS_MAX))
    return [as_complaint(row) for row in rows]


async def unfinished(db: Reader, user_id: UUID) -> int:
    """How many of somebody's complaints are not closed."""
    open_ones = (complaints.c.user_id == user_id, complaints.c.state != "closed")
    return int(await db.scalar(sa.select(sa.func.count()).select_from(complaints).where(*open_ones)))


def as_complaint(row: sa.Row[Any]) -> Complaint:
    return Complaint(
        id=row.id,
        user_id=row.user_id,
        booking_id=row.booking_id,
        inventory_id=row.inventory_id,
        provider_id=row.provider_id,
        category=row.category,
        subject=row.subject,
        text=row.text,
        state=row.state,
        note=row.note,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        closed_at=row.closed_at,
        blanked_at=row.blanked_at,
    )
