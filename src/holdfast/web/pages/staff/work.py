"""What is still to be done: jobs, and facts on their way. Trying a job that was given up once more."""

import re
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import audit
from holdfast.kernel.audit import admin
from holdfast.kernel.identity import Caller
from holdfast.kit import clock, jobs, outbox
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Transaction
from holdfast.kit.http import Db, allow, path_id, raw, unkeyed
from holdfast.kit.jobs import KeptJob
from holdfast.web import forms
from holdfast.web.failures import PageNotFound
from holdfast.web.forms import FORM_BYTES_MAX, Form
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

#: What an error's text may hold that nobody should read here: addresses, numbers of people, tokens, queries of links.
_PRIVATE = re.compile(
    r"(?P<mail>[^\s<>\"'()=]+@[^\s<>\"'()]+)|(?P<query>\?[^\s\"']+)|(?P<phone>\+\d[\d\s().-]{6,}\d)|(?P<long>[\w.+/=~-]{24,})"
)


class JobFilter(Form):
    state: Literal["ready", "dead"] | None = None
    kind: Annotated[str, Field(max_length=60)] | None = None


class FactFilter(Form):
    kind: Annotated[str, Field(max_length=60)] | None = None


@router.get("/staff/jobs")
@allow(admin)
async def jobs_page(request: Request, database: Db, page: Paged) -> Response:
    filled = await forms.asked(request, JobFilter)
    only = filled.said or JobFilter()
    async with database.reader() as db:
        waiting = await jobs.waiting(db, now=await clock.moment(db))
        rows = await db.all(page.select(jobs.listing(state=only.state, kind=only.kind), *jobs.ORDER))
    listed = page.listed(rows, jobs.kept, lambda row: (row.created_at, row.id))
    return await show_staff(
        request,
        "web/staff/jobs.html",
        waiting=waiting,
        jobs=listed.items,
        next_cursor=listed.next_cursor,
        kinds=[each.kind for each in waiting],
        filled=filled,
        scrubbed=scrubbed,
    )


@router.get("/staff/jobs.csv")
@allow(admin)
async def jobs_csv(request: Request, database: Db) -> Response:
    only = (await forms.asked(request, JobFilter)).said or JobFilter()
    newest = [column.desc() for column in jobs.ORDER]
    async with database.reader() as db:
        statement = jobs.listing(state=only.state, kind=only.kind)
        rows = await db.all(statement.order_by(*newest).limit(ROWS_MAX))
    head = ("job", "kind", "state", "attempts", "run_at", "created_at", "last_error", "about")
    return csv_answer("jobs", head, (_job_row(jobs.kept(row)) for row in rows))


@router.post("/staff/jobs/{job_id}/retry")
@allow(admin)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("only a job that was given up is tried again")
async def retry_job(request: Request, database: Db, caller: Caller) -> Response:
    """Give a dead job its attempts again. One that is done or tried already by somebody else is not found."""
    job_id = path_id(request, "job_id")

    async def revive(db: Transaction) -> None:
        now = await clock.moment(db)
        job = await jobs.find(db, job_id)
        if job is None or not await jobs.revive(db, job_id, now=now):
            raise PageNotFound
        await _log(db, job, actor=caller, job_id=job_id)

    await database.run(revive)
    return RedirectResponse("/staff/jobs?done=revived", status_code=303)


@router.get("/staff/outbox")
@allow(admin)
async def outbox_page(request: Request, database: Db, page: Paged) -> Response:
    filled = await forms.asked(request, FactFilter)
    only = filled.said or FactFilter()
    async with database.reader() as db:
        waiting, age = await outbox.backlog(db, now=await clock.moment(db))
        position = await outbox.position(db)
        rows = await db.all(page.select(outbox.listing(kind=only.kind), *outbox.ORDER))
    listed = page.listed(rows, outbox.kept, lambda row: (row.at, row.id))
    return await show_staff(
        request,
        "web/staff/outbox.html",
        waiting=waiting,
        age_seconds=int(age.total_seconds()),
        position=position,
        facts=listed.items,
        next_cursor=listed.next_cursor,
        filled=filled,
    )


@router.get("/staff/outbox.csv")
@allow(admin)
async def outbox_csv(request: Request, database: Db) -> Response:
    only = (await forms.asked(request, FactFilter)).said or FactFilter()
    newest = [column.desc() for column in outbox.ORDER]
    async with database.reader() as db:
        rows = await db.all(outbox.listing(kind=only.kind).order_by(*newest).limit(ROWS_MAX))
    head = ("fact", "kind", "position", "at", "payload")
    return csv_answer("outbox", head, ((row.id, row.kind, row.position, row.at, row.payload) for row in rows))


def scrubbed(text: str | None) -> str:
    """An error's text without what may be private: addresses, phone numbers, long tokens; ids stay."""
    return _PRIVATE.sub(_hidden, text or "")


def _hidden(found: re.Match[str]) -> str:
    text = found[0]
    try:
        return str(UUID(text.strip(".")))
    except ValueError:
        pass
    is_words = found.lastgroup == "long" and not any(letter.isdigit() for letter in text)
    return text if is_words else "…"


def _job_row(job: KeptJob) -> tuple[object, ...]:
    error = scrubbed(job.last_error)
    return (job.id, job.kind, job.state, job.attempts, job.run_at, job.created_at, error, dict(job.about))


async def _log(db: Transaction, job: KeptJob, *, actor: audit.Actor, job_id: UUID) -> None:
    await audit.record(
        db,
        actor=actor,
        action="job_revived",
        entity_type="job",
        entity_id=job_id,
        before={"state": "dead", "attempts": job.attempts},
        after={"state": "ready", "attempts": 0},
        details={"kind": job.kind},
        now=await clock.moment(db),
    )
