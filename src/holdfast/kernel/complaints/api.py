"""Complaints over HTTP: people complain and see their own; admins see all and answer."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Query, Request, Response

from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.complaints import actions, queries, schemas
from holdfast.kernel.complaints.values import Category, Complaint, ComplaintNotFound, State
from holdfast.kernel.identity import Caller, account_owner, customer
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.fields import IdField, MomentField
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, path_id, versioned
from holdfast.kit.versions import etag, expect_version

router = Router(tags=["complaints"])


async def readable_complaint(request: Request, caller: Actor) -> Complaint:
    """For whoever complained, and admins."""
    return await _find(request, path_id(request, "complaint_id"), caller)


OneComplaint: TypeAlias = Annotated[Complaint, Found]
AnId: TypeAlias = Annotated[IdField | None, Query()]


async def _as_it_is(request: Request, complaint_id: UUID) -> schemas.ComplaintView:
    return schemas.ComplaintView.of(await _find(request, complaint_id, request.state.principal))


@router.post("/complaints", status_code=201)
@allow(customer)
@idempotent(replay=_as_it_is)
async def open_complaint(
    *, body: schemas.NewComplaintBody, response: Response, caller: Caller, database: Db, key: Key
) -> schemas.ComplaintView:
    """Complain, about one of one's own bookings where one is named."""

    async def complain(db: Transaction) -> Complaint:
        opened = await actions.open_complaint(db, body.wanted(), actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=opened.id, status=201)
        return opened

    opened = await database.run(complain)
    response.headers["ETag"] = etag(opened.version)
    return schemas.ComplaintView.of(opened)


@router.get("/complaints")
@allow(account_owner)
async def list_complaints(
    *,
    caller: Caller,
    database: Db,
    page: Paged,
    state: Annotated[State | None, Query()] = None,
    category: Annotated[Category | None, Query()] = None,
    booking_id: AnId = None,
    provider_id: AnId = None,
    user_id: AnId = None,
    since: Annotated[MomentField | None, Query(alias="from")] = None,
    until: Annotated[MomentField | None, Query(alias="to")] = None,
) -> Listed[schemas.ComplaintView]:
    """One's own, newest first; for admins all. By the time they were opened: `from` is included, `to` is not."""
    only = queries.ComplaintFilter(user_id, state, category, booking_id, provider_id, since, until)
    statement = queries.listing(only)
    if not caller.is_admin:
        statement = statement.where(queries.is_of(caller.user_id))
    async with database.reader() as db:
        rows = await db.all(page.select(statement, *queries.ORDER))
    found = [queries.as_complaint(row) for row in rows]
    return page.listed(found, schemas.ComplaintView.of, lambda complaint: (complaint.created_at, complaint.id))


@router.get("/complaints/{complaint_id}")
@allow(account_owner, find=readable_complaint)
async def show_complaint(*, complaint: OneComplaint, response: Response) -> schemas.ComplaintView:
    """One complaint, with what came of it."""
    response.headers["ETag"] = etag(complaint.version)
    return schemas.ComplaintView.of(complaint)


@router.patch("/complaints/{complaint_id}")
@allow(admin, find=readable_complaint)
@versioned
async def change_complaint(
    *,
    complaint: OneComplaint,
    body: schemas.ComplaintChange,
    request: Request,
    response: Response,
    caller: Caller,
    database: Db,
) -> schemas.ComplaintView:
    """Take it into review, close it with a note, take it up again, or write the note meanwhile."""

    async def change(db: Transaction) -> Complaint:
        return await actions.change(
            db,
            complaint.id,
            state=body.state,
            note=body.note,
            expected=expect_version(request),
            actor=caller,
            now=await clock.moment(db),
        )

    changed = await database.run(change)
    response.headers["ETag"] = etag(changed.version)
    return schemas.ComplaintView.of(changed)


async def _find(request: Request, complaint_id: UUID, caller: Actor) -> Complaint:
    database = request.app.state.database
    assert isinstance(database, Database)
    async with database.reader() as db:
        found = await queries.find(db, complaint_id)
    if not caller.is_admin and not caller.is_owner(found.user_id):
        raise ComplaintNotFound
    return found
