"""What a period brought: sales, occupancy and money, with their sums checked against another source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from holdfast.kernel import identity, reports
from holdfast.kernel.audit import Actor, RoleNeeded
from holdfast.kernel.identity import Caller, Provider, ProviderNotFound, staff
from holdfast.kernel.reports import Period
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow
from holdfast.kit.words import mark
from holdfast.kit.zones import utc_to_local
from holdfast.web import forms
from holdfast.web.forms import Filled, Form
from holdfast.web.frame import frame_of
from holdfast.web.routing import Pages
from holdfast.web.staff import READING, csv_answer, show_staff

router = Pages()

DAYS_DEFAULT = 30
KINDS = {"sales": mark("Sales"), "occupancy": mark("Occupancy"), "finance": mark("Money")}
GROUPS = {"day": mark("by day"), "product": mark("by product"), "occurrence": mark("by occurrence")}
#: column of a report -> what stands above it; numbers stand at the end of their cells
COLUMNS: Mapping[str, str] = {
    "day": mark("Day"),
    "product": mark("Product"),
    "occurrence_id": mark("Occurrence"),
    "starts_at": mark("Start"),
    "state": mark("State"),
    "currency": mark("Currency"),
    "bookings": mark("Bookings"),
    "items": mark("Places"),
    "gross": mark("Sold"),
    "cancellations": mark("Cancellations"),
    "items_cancelled": mark("Places cancelled"),
    "refunded": mark("Paid back"),
    "net": mark("Left"),
    "occurrences": mark("Occurrences"),
    "capacity": mark("Places"),
    "sold": mark("Sold"),
    "percent": mark("Percent"),
    "account": mark("Account of the books"),
    "holder": mark("Of whom"),
    "opening": mark("Opening"),
    "debits": mark("Debits"),
    "credits": mark("Credits"),
    "closing": mark("Closing"),
}
#: what a figure is checked against
TIES: Mapping[str, str] = {
    "debits and credits": mark("debits and credits"),
    "debits and entries": mark("debits and entries"),
    "closing balances and nothing": mark("closing balances and nothing"),
    "movement of accounts and of entries": mark("movement of accounts and of entries"),
    "totals of bookings and entries of the ledger": mark("totals of bookings and entries of the ledger"),
}
_WORDS = {"day", "product", "occurrence_id", "starts_at", "state", "currency", "account", "holder"}

Kind: TypeAlias = Literal["sales", "occupancy", "finance"]
Day: TypeAlias = Annotated[date, Field(ge=date(1970, 1, 2), le=date(2199, 12, 30))]


class ReportFilter(Form):
    kind: Kind = "sales"
    first: Day | None = None
    last: Day | None = None
    group_by: Literal["day", "product", "occurrence"] = "day"
    provider: UUID | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A report as it is shown: only columns in which something stands, and what it was checked against."""

    columns: Sequence[str]
    rows: Sequence[BaseModel]
    ties: Sequence[BaseModel]
    period: Period


@router.get("/staff/reports")
@allow(staff)
async def reports_page(request: Request, database: Db, caller: Caller) -> Response:
    """30 days to today by default; both days included, in the provider's zone (the platform's for all of them)."""
    filled = await forms.asked(request, ReportFilter)
    said = filled.said or ReportFilter()
    table, status = None, 200 if filled.said is not None else 422
    try:
        if filled.said is not None:
            table = await _built(request, database, said, caller)
    except RoleNeeded:
        raise
    except Error as error:
        filled, status = await forms.refused(request, filled, error), error.status
    providers = await _readable(database, caller)
    return await show_staff(
        request,
        "web/staff/reports.html",
        table=table,
        kinds=KINDS,
        groups=GROUPS,
        columns=COLUMNS,
        ties=TIES,
        is_word=_WORDS.__contains__,
        kind=said.kind,
        providers=[(each.id, each.name) for each in providers],
        filled=filled if filled.errors else Filled({**_stands(said, table, caller), **filled.typed}),
        status=status,
    )


@router.get("/staff/reports.csv")
@allow(staff)
async def reports_csv(request: Request, database: Db, caller: Caller) -> Response:
    said = (await forms.asked(request, ReportFilter)).said or ReportFilter()
    table = await _built(request, database, said, caller)
    rows = ([getattr(row, column) for column in table.columns] for row in table.rows)
    return csv_answer(f"{said.kind}-{table.period.first}-{table.period.last}", table.columns, rows)


async def _built(request: Request, database: Database, said: ReportFilter, caller: Actor) -> Table:
    """RoleNeeded, ProviderNotFound, PeriodReversed, PeriodTooLong."""
    of = _whose(caller, said.provider)
    async with database.snapshot() as db:
        now = await clock.moment(db)
        zone = frame_of(request).identity.zone if of is None else (await identity.provider(db, of)).zone
        last = said.last or utc_to_local(now, zone).date()
        period = Period.of(said.first or last - timedelta(days=DAYS_DEFAULT - 1), last, zone=zone)
        match said.kind:
            case "sales":
                sales = await reports.sales(db, period, provider_id=of, group_by=said.group_by, now=now)
                return _table(sales.rows, sales.ties, period)
            case "occupancy":
                occupancy = await reports.occupancy(db, period, provider_id=of, group_by=said.group_by, now=now)
                return _table(occupancy.rows, (), period)
            case "finance":
                finance = await reports.finance(db, period, provider_id=of, now=now)
                return _table(finance.accounts, finance.ties, period)


def _table(rows: Sequence[BaseModel], ties: Sequence[BaseModel], period: Period) -> Table:
    known = list(type(rows[0]).model_fields) if rows else []
    columns = [name for name in known if any(getattr(row, name) is not None for row in rows)]
    return Table(columns, rows, ties, period)


def _whose(caller: Actor, provider_id: UUID | None) -> UUID | None:
    """Whose report: an admin's is of all unless one is named; a member's of the first of theirs."""
    if caller.is_admin:
        return provider_id
    mine = sorted(each for each, role in caller.members.items() if role in READING)
    if not mine or (provider_id in caller.members and provider_id not in mine):
        raise RoleNeeded(mark("admins, and owners, managers and finance of a provider"))
    if provider_id is not None and provider_id not in mine:
        raise ProviderNotFound
    return provider_id or mine[0]


async def _readable(database: Database, caller: Actor) -> list[Provider]:
    async with database.reader() as db:
        found = await identity.all_providers(db)
    return [each for each in found if caller.is_admin or caller.members.get(each.id) in READING]


def _stands(said: ReportFilter, table: Table | None, caller: Actor) -> dict[str, str]:
    """What the fields say where nothing was typed."""
    stands: dict[str, str] = {"kind": said.kind, "group_by": said.group_by}
    if table is not None:
        stands |= {"first": table.period.first.isoformat(), "last": table.period.last.isoformat()}
    provider = _whose(caller, said.provider)
    return stands if provider is None else {**stands, "provider": str(provider)}
