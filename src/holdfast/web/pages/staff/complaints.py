"""Complaints: the list, one with what it says, and answering it."""

from typing import Annotated, Literal, TypeAlias

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings, complaints
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.complaints import Complaint, ComplaintFilter
from holdfast.kernel.identity import Caller, Identity, IdentitySettings
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.kit.words import say
from holdfast.web import forms
from holdfast.web.forms import FORM_BYTES_MAX, MISSING, Filled, Form
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import people
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

NOTE_MAX = 4_000
OneComplaint: TypeAlias = Annotated[Complaint, Found]


class StateFilter(Form):
    state: Literal["open", "in_review", "closed"] | None = None


class AnswerForm(Form):
    version: Annotated[int, Field(ge=0, le=10**9)]
    #: the button that was pressed: a step, or none for the note alone
    step: Literal["in_review", "closed"] | None = None
    note: Annotated[str, Field(max_length=NOTE_MAX)] | None = None


async def any_complaint(request: Request, _caller: Actor) -> Complaint:
    async with request.app.state.database.reader() as db:
        return await complaints.find(db, path_id(request, "complaint_id"))


@router.get("/staff/complaints")
@allow(admin)
async def complaints_page(request: Request, database: Db, settings: Identity, page: Paged) -> Response:
    """Newest first."""
    filled = await forms.asked(request, StateFilter)
    state = filled.said.state if filled.said is not None else None
    async with database.reader() as db:
        rows = await db.all(page.select(complaints.listing(ComplaintFilter(state=state)), *complaints.ORDER))
        listed = page.listed(rows, complaints.as_complaint, lambda row: (row.created_at, row.id))
        users = await people(db, (each.user_id for each in listed.items), settings=settings)
    return await show_staff(
        request,
        "web/staff/complaints.html",
        complaints=listed.items,
        users=users,
        chosen=state,
        next_cursor=listed.next_cursor,
    )


@router.get("/staff/complaints.csv")
@allow(admin)
async def complaints_csv(request: Request, database: Db) -> Response:
    """Without what they say and who said it: ids only."""
    filled = await forms.asked(request, StateFilter)
    state = filled.said.state if filled.said is not None else None
    newest = [column.desc() for column in complaints.ORDER]
    async with database.reader() as db:
        statement = complaints.listing(ComplaintFilter(state=state))
        found = map(complaints.as_complaint, await db.all(statement.order_by(*newest).limit(ROWS_MAX)))
    head = ("complaint", "user", "provider", "booking", "category", "state", "created_at", "closed_at")
    rows = (
        (c.id, c.user_id, c.provider_id, c.booking_id, c.category, c.state, c.created_at, c.closed_at) for c in found
    )
    return csv_answer("complaints", head, rows)


@router.get("/staff/complaints/{complaint_id}")
@allow(admin, find=any_complaint)
async def complaint_page(request: Request, complaint: OneComplaint, database: Db, settings: Identity) -> Response:
    return await _shown(request, database, complaint, settings)


@router.post("/staff/complaints/{complaint_id}")
@allow(admin, find=any_complaint)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def answer(
    request: Request, complaint: OneComplaint, database: Db, caller: Caller, settings: Identity
) -> Response:
    """Write a note, take it into review, close it with what came of it, or take it up again."""
    filled = await forms.read(request, AnswerForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, complaint, settings, filled=filled, status=422)
    if said.step is None and said.note is None:
        missing = {"note": say(MISSING, (await viewer_of(request)).locale)}
        filled = Filled(filled.typed, said, missing)
        return await _shown(request, database, complaint, settings, filled=filled, status=422)
    note = said.note if said.note != complaint.note else None  # what a closed one told stays

    async def write(db: Transaction) -> None:
        await complaints.change(
            db,
            complaint.id,
            state=said.step,
            note=note,
            expected=said.version,
            actor=caller,
            now=await clock.moment(db),
        )

    try:
        await database.run(write)
    except Error as error:
        filled = await forms.refused(request, filled, error, at="note" if error.code == "note_needed" else "")
        return await _shown(request, database, complaint, settings, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/complaints/{complaint.id}?done=saved", status_code=303)


async def _shown(
    request: Request,
    database: Database,
    complaint: Complaint,
    settings: IdentitySettings,
    *,
    filled: Filled[AnswerForm] | None = None,
    status: int = 200,
) -> Response:
    async with database.reader() as db:
        complaint = await complaints.find(db, complaint.id)
        users = await people(db, [complaint.user_id], settings=settings)
        about = None if complaint.booking_id is None else await bookings.find(db, complaint.booking_id)
    return await show_staff(
        request,
        "web/staff/complaint.html",
        complaint=complaint,
        user=users.get(complaint.user_id),
        booking=about,
        filled=filled or Filled(),
        status=status,
    )
