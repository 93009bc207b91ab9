"""The activity log: who did what to what, filtered, with what stood before and after."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from holdfast.kernel import audit
from holdfast.kernel.audit import LogFilter, admin
from holdfast.kernel.identity import Identity
from holdfast.kit.cursors import Paged
from holdfast.kit.http import Db, allow
from holdfast.kit.zones import day_bounds
from holdfast.web import forms
from holdfast.web.forms import Form
from holdfast.web.frame import frame_of, viewer_of
from holdfast.web.pages.staff.lookups import people
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff, words, zone_of

router = Pages()


class AuditFilter(Form):
    entity_type: Annotated[str, Field(max_length=60)] | None = None
    entity_id: UUID | None = None
    user_id: UUID | None = None
    action_type: Annotated[str, Field(max_length=60)] | None = None
    since: Annotated[date, Field(ge=date(1970, 1, 2), le=date(2199, 12, 30))] | None = None
    until: Annotated[date, Field(ge=date(1970, 1, 2), le=date(2199, 12, 30))] | None = None


@router.get("/staff/audit")
@allow(admin)
async def audit_page(request: Request, database: Db, settings: Identity, page: Paged) -> Response:
    """Newest first; both days are included, by the clocks of whoever looks."""
    filled = await forms.asked(request, AuditFilter)
    async with database.reader() as db:
        rows = (
            await db.all(page.select(audit.listing(await _wanted(request, filled.said)), *audit.ORDER))
            if filled.said is not None
            else []
        )
        listed = page.listed(rows, audit.entry, lambda row: (row.timestamp, row.id))
        users = await people(db, (entry.user_id for entry in listed.items), settings=settings)
    return await show_staff(
        request,
        "web/staff/audit.html",
        entries=listed.items,
        users=users,
        next_cursor=listed.next_cursor,
        filled=filled,
        entity_types=sorted(words.ENTITIES),
        actions=sorted(words.ACTIONS),
        status=200 if filled.said is not None else 422,
    )


@router.get("/staff/audit.csv")
@allow(admin)
async def audit_csv(request: Request, database: Db) -> Response:
    """What is filtered, the newest rows first."""
    filled = await forms.asked(request, AuditFilter)
    newest = [column.desc() for column in audit.ORDER]
    async with database.reader() as db:
        rows = (
            await db.all(audit.listing(await _wanted(request, filled.said)).order_by(*newest).limit(ROWS_MAX))
            if filled.said is not None
            else []
        )
    head = (
        "timestamp",
        "entity_type",
        "entity_id",
        "action",
        "actor",
        "user",
        "provider",
        "details",
        "before",
        "after",
        "ip_address",
        "request_id",
        "id",
    )
    return csv_answer(
        "activity-log",
        head,
        (
            (
                entry.timestamp,
                entry.entity_type,
                entry.entity_id,
                entry.action_type,
                entry.actor_kind,
                entry.user_id,
                entry.provider_id,
                entry.details,
                entry.before,
                entry.after,
                entry.address,
                entry.request_id,
                entry.id,
            )
            for entry in map(audit.entry, rows)
        ),
    )


async def _wanted(request: Request, said: AuditFilter) -> LogFilter:
    zone = zone_of(await viewer_of(request), frame_of(request))
    return LogFilter(
        entity_type=said.entity_type,
        entity_id=said.entity_id,
        user_id=said.user_id,
        action_type=said.action_type,
        since=None if said.since is None else day_bounds(said.since, zone)[0],
        until=None if said.until is None else day_bounds(said.until, zone)[1],
    )
