"""Open a complaint, take it a step on, take its words away. The activity log says that it was done, never the words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, bookings
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking, BookingNotFound
from holdfast.kernel.complaints import queries, rules
from holdfast.kernel.complaints.models import complaints
from holdfast.kernel.complaints.values import (
    UNFINISHED_MAX,
    Complaint,
    ComplaintBlanked,
    ComplaintClosed,
    ComplaintOpened,
    NewComplaint,
    State,
    TooManyComplaints,
)
from holdfast.kit import outbox
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.versions import VersionStale, check_version


async def open_complaint(db: Transaction, new: NewComplaint, *, actor: Actor, now: datetime) -> Complaint:
    """Somebody complains. BookingNotFound for a booking that is not theirs, TooManyComplaints.

    The limit is one of manners: two requests at once may pass it by one.
    """
    assert actor.user_id is not None, "a person complains"
    booking = None if new.booking_id is None else await _own_booking(db, new.booking_id, actor)
    if await queries.unfinished(db, actor.user_id) >= UNFINISHED_MAX:
        raise TooManyComplaints(UNFINISHED_MAX)
    complaint_id = new_id()
    await db.execute(
        sa.insert(complaints).values(
            id=complaint_id,
            user_id=actor.user_id,
            inventory_id=None if booking is None else booking.inventory_id,
            booking_id=new.booking_id,
            provider_id=None if booking is None else booking.provider_id,
            category=new.category,
            subject=new.subject,
            text=new.text,
            state="open",
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    opened = await queries.find(db, complaint_id)
    after = {"state": "open", "category": opened.category, "booking_id": _text(opened.booking_id)}
    await _log(db, opened, "complaint_opened", actor=actor, now=now, after=after)
    await outbox.publish(db, ComplaintOpened(**_ids(opened)), now=now)
    return opened


async def change(
    db: Transaction,
    complaint_id: UUID,
    *,
    state: State | None,
    note: str | None,
    expected: int | None,
    actor: Actor,
    now: datetime,
) -> Complaint:
    """Take it into review, close it with a note, take a closed one up again, or write the note meanwhile.

    None leaves a thing as it is; a note that stands already is enough to close. ComplaintNotFound, VersionStale,
    ComplaintBlanked, ComplaintStepRefused, NoteNeeded.
    """
    old = await queries.find(db, complaint_id)
    check_version(expected, old.version)
    if old.blanked_at is not None:
        raise ComplaintBlanked
    kept = old.note if note is None else note
    if note is not None:
        rules.check_note(old.state, state)
    values: dict[str, Any] = {"note": kept}
    if state is not None:
        rules.check_step(old.state, state, note=kept)
        values |= {"state": state, "closed_at": now if state == "closed" else None}
    await _write(db, old, values, now=now)
    changed = await queries.find(db, complaint_id)
    await _log(
        db,
        changed,
        _action(old.state, state),
        actor=actor,
        now=now,
        details={"has_new_note": note is not None},
        before={"state": old.state},
        after={"state": changed.state},
    )
    if state == "closed":
        await outbox.publish(db, ComplaintClosed(**_ids(changed)), now=now)
    return changed


async def blank(db: Transaction, user_id: UUID, now: datetime, *, actor: Actor | None = None) -> int:
    """Take away the words of all that somebody complained about, and our notes on it; how many that were.

    For the erasure of an account: ids, category and dates stay. What is unfinished is left so, and can't go on.
    """
    who = Actor.system() if actor is None else actor
    count = 0
    for complaint in await queries.of_user(db, user_id):
        if complaint.blanked_at is not None:
            continue
        await _write(db, complaint, {"subject": None, "text": None, "note": None, "blanked_at": now}, now=now)
        await _log(db, complaint, "complaint_blanked", actor=who, now=now)
        count += 1
    return count


async def _own_booking(db: Transaction, booking_id: UUID, actor: Actor) -> Booking:
    booking = await bookings.find(db, booking_id)
    if not actor.is_owner(booking.owner_id):
        raise BookingNotFound
    return booking


async def _write(db: Transaction, old: Complaint, values: Mapping[str, Any], *, now: datetime) -> None:
    standing = (complaints.c.id == old.id, complaints.c.version == old.version)
    changed = {**values, "version": old.version + 1, "updated_at": now}
    if not await db.execute(sa.update(complaints).where(*standing).values(changed)):
        raise VersionStale(old.version + 1)


def _action(present: State, wanted: State | None) -> str:
    if wanted is None:
        return "complaint_noted"
    if wanted == "closed":
        return "complaint_closed"
    return "complaint_reopened" if present == "closed" else "complaint_reviewed"


def _ids(complaint: Complaint) -> dict[str, Any]:
    return {
        "complaint_id": complaint.id,
        "user_id": complaint.user_id,
        "booking_id": complaint.booking_id,
        "inventory_id": complaint.inventory_id,
        "provider_id": complaint.provider_id,
    }


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


async def _log(
    db: Transaction,
    complaint: Complaint,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="complaint",
        entity_id=complaint.id,
        provider_id=complaint.provider_id,
        details=details,
        before=before,
        after=after,
        now=now,
    )
