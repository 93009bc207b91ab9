"""Reports and exports over HTTP: JSON to read, CSV for a spreadsheet, JSON lines for a warehouse."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from holdfast.kernel import audit, identity
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.identity import Caller, Identity, ProviderNotFound
from holdfast.kernel.reports import building, exporting, schemas
from holdfast.kernel.reports.values import GroupBy, Period
from holdfast.kit import clock
from holdfast.kit.cursors import BadCursor, Key, Page, read_cursor
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Forbidden
from holdfast.kit.fields import DateField, IdField
from holdfast.kit.http import Db, Router, allow
from holdfast.kit.ids import new_id
from holdfast.kit.problems import plain
from holdfast.kit.sheets import csv_of
from holdfast.kit.zones import utc_to_local

router = Router(tags=["reports"])

READING = ("owner", "manager", "finance")
DAYS_DEFAULT = 30
EXPORT_ROWS_MAX = 100_000
#: What is answered besides JSON, as the API's description says it.
_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
_LINES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/jsonl": {"schema": {"type": "string"}}}}}

#: Admins, and those of a provider who see its money; of which one, the query says.
reader = audit.policy(
    "reports",
    allowed="admins, and owners, managers and finance of a provider",
    test=lambda actor: actor.is_admin or any(role in READING for role in actor.members.values()),
    fresh=True,
)

Format: TypeAlias = Literal["json", "csv"]
From = Annotated[DateField | None, Query(alias="from")]
To = Annotated[DateField | None, Query(alias="to")]
Of = Annotated[IdField | None, Query()]


class ReportNotYours(Forbidden):
    """Your role at this provider does not include its reports."""


@router.get("/reports/finance", response_model=schemas.FinanceReport, responses=_SHEET)
@allow(reader)
async def finance_report(
    *,
    database: Db,
    settings: Identity,
    caller: Caller,
    first: From = None,
    last: To = None,
    provider_id: Of = None,
    format: Format = "json",  # noqa: A002 - its name in the address
) -> Any:  # noqa: ANN401 - JSON or CSV
    """From the ledger: accounts and flows over local days, both included (30 days to today by default)."""
    of = _whose(caller, provider_id)
    async with database.snapshot() as db:
        now = await clock.moment(db)
        period = await _period(database, settings, of, first, last, today=utc_to_local(now, settings.zone).date())
        report = await building.finance(db, period, provider_id=of, now=now)
    return _answer(report, report.accounts, schemas.AccountView, format=format, name="finance", period=period)


@router.get("/reports/sales", response_model=schemas.SalesReport, responses=_SHEET)
@allow(reader)
async def sales_report(
    *,
    database: Db,
    settings: Identity,
    caller: Caller,
    first: From = None,
    last: To = None,
    provider_id: Of = None,
    group_by: GroupBy = "day",
    format: Format = "json",  # noqa: A002 - its name in the address
) -> Any:  # noqa: ANN401 - JSON or CSV
    """What was sold and given back, by day, product or occurrence."""
    of = _whose(caller, provider_id)
    async with database.snapshot() as db:
        now = await clock.moment(db)
        period = await _period(database, settings, of, first, last, today=utc_to_local(now, settings.zone).date())
        report = await building.sales(db, period, provider_id=of, group_by=group_by, now=now)
    return _answer(report, report.rows, schemas.SalesRow, format=format, name="sales", period=period)


@router.get("/reports/occupancy", response_model=schemas.OccupancyReport, responses=_SHEET)
@allow(reader)
async def occupancy_report(
    *,
    database: Db,
    settings: Identity,
    caller: Caller,
    first: From = None,
    last: To = None,
    provider_id: Of = None,
    group_by: GroupBy = "day",
    format: Format = "json",  # noqa: A002 - its name in the address
) -> Any:  # noqa: ANN401 - JSON or CSV
    """How full what starts in the period is."""
    of = _whose(caller, provider_id)
    async with database.snapshot() as db:
        now = await clock.moment(db)
        period = await _period(database, settings, of, first, last, today=utc_to_local(now, settings.zone).date())
        report = await building.occupancy(db, period, provider_id=of, group_by=group_by, now=now)
    return _answer(report, report.rows, schemas.OccupancyRow, format=format, name="occupancy", period=period)


@router.get("/admin/export/{table}.jsonl", response_class=StreamingResponse, responses=_LINES)
@allow(admin)
async def export_table(
    *,
    request: Request,
    table: str,
    database: Db,
    caller: Caller,
    since: Annotated[str | None, Query(max_length=500)] = None,
    personal: bool = False,
    limit: Annotated[int, Query(ge=1, le=EXPORT_ROWS_MAX)] = EXPORT_ROWS_MAX,
) -> StreamingResponse:
    """A table as JSON lines, from the beginning, from a moment, or from a cursor (`since`).

    The last line is `{"cursor": …}`: `since` of the next request, which goes on behind it.

    Rows that changed are handed out again (a table without a time of change is handed out whole, in the order of its
    key). Personal data only with `personal=true`, which is written down.
    """
    secrets = request.app.state.edge.secrets
    moment = _moment(since)
    is_cursor = since is not None and moment is None
    after = read_cursor(str(since), list_name=_list_name(table), secrets=secrets) if is_cursor else None
    products = request.app.state.products.all
    async with database.reader() as db:
        now = await clock.moment(db)
    wanted = exporting.plan(table, products=products, personal=personal, now=now, limit=limit, since=moment)
    if after is not None and len(after) != len(wanted.order):
        raise BadCursor
    await database.run(lambda db: _note(db, table, caller, personal=personal))
    page = Page(limit, after, _list_name(table), tuple(secrets))
    lines = _lines(database, wanted, page)
    disposition = f'attachment; filename="{table}.jsonl"'
    return StreamingResponse(lines, media_type="application/jsonl", headers={"Content-Disposition": disposition})


def _moment(since: str | None) -> datetime | None:
    """A moment with its offset; None for anything else, which is a cursor or a mistake."""
    try:
        moment = datetime.fromisoformat(since or "")
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


async def _lines(database: Database, wanted: exporting.Plan, page: Page) -> AsyncIterator[str]:
    last: Key | None = page.after
    async for row, behind in exporting.rows(database, wanted, page.after):
        last = behind
        yield json.dumps(_travelling(row), ensure_ascii=False, separators=(",", ":")) + "\n"
    yield json.dumps({"cursor": None if last is None else page.cursor(last)}) + "\n"


def _travelling(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else plain(value) for name, value in row.items()}


async def _note(db: Transaction, table: str, caller: Actor, *, personal: bool) -> None:
    await audit.record(
        db,
        actor=caller,
        action="table_exported",
        entity_type="table",
        entity_id=new_id(),
        details={"table": table, "personal": personal},
        now=await clock.moment(db),
    )


def _whose(caller: Actor, provider_id: UUID | None) -> UUID | None:
    """Whose report: an admin's is of all unless one is named. ProviderNotFound for strangers, ReportNotYours."""
    if caller.is_admin:
        return provider_id
    mine = {each: role for each, role in caller.members.items() if role in READING}
    if provider_id is None:
        return min(mine)
    if provider_id not in caller.members:
        raise ProviderNotFound
    if provider_id not in mine:
        raise ReportNotYours
    return provider_id


async def _period(
    database: Database,
    settings: identity.IdentitySettings,
    provider_id: UUID | None,
    first: date | None,
    last: date | None,
    *,
    today: date,
) -> Period:
    zone = settings.zone
    if provider_id is not None:
        async with database.reader() as db:
            zone = (await identity.provider(db, provider_id)).zone
    end = last or today
    return Period.of(first or end - timedelta(days=DAYS_DEFAULT - 1), end, zone=zone)


def _answer(
    report: BaseModel,
    rows: Sequence[BaseModel],
    row: type[BaseModel],
    *,
    format: Format,  # noqa: A002 - its name in the address
    name: str,
    period: Period,
) -> Any:  # noqa: ANN401 - JSON or CSV
    if format == "json":
        return report
    head = list(row.model_fields)
    content = csv_of(head, [[getattr(each, column) for column in head] for each in rows])
    disposition = f'attachment; filename="{name}-{period.first}-{period.last}.csv"'
    return Response(content, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})


def _list_name(table: str) -> str:
    return f"export of {table}"
