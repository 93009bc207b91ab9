"""Build the three reports, each in one snapshot, with the sums by which it can be checked against another source."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.kernel import bookings, inventory, ledger, payments
from holdfast.kernel.bookings import SoldThen
from holdfast.kernel.inventory import Inventory
from holdfast.kernel.reports.schemas import (
    AccountView,
    FinanceReport,
    FlowView,
    OccupancyReport,
    OccupancyRow,
    PeriodView,
    SalesReport,
    SalesRow,
    TieView,
)
from holdfast.kernel.reports.values import GroupBy, Period
from holdfast.kit.db import QUARTER_SECONDS, Reader
from holdfast.kit.money import Money

#: What the confirmation of a booking posts: together, its total.
SALE_STEPS = ("fare", "platform_fee", "service_fee")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_DAY = date.min

Key = tuple[date | None, str | None, UUID | None, str]


@dataclass(slots=True)
class _Sums:
    """What one row of the sales report adds up."""

    bookings: int = 0
    items: int = 0
    gross: int = 0
    cancellations: int = 0
    items_cancelled: int = 0
    refunded: int = 0


async def finance(db: Reader, period: Period, *, provider_id: UUID | None, now: datetime) -> FinanceReport:
    """From the ledger alone: every account's opening, movement and closing, and what moved between which.

    A provider's report shows the accounts it holds. The ties: debits equal credits in each currency, and what the
    accounts show as moved is what the entries say.
    """
    holder = None if provider_id is None else str(provider_id)
    accounts = await ledger.statements(db, since=period.since, before=period.before, holder=holder)
    flows = await ledger.flows(db, since=period.since, before=period.before, holder=holder)
    ties = []
    for currency in sorted({account.currency for account in accounts}):
        mine = [account for account in accounts if account.currency == currency]
        debits, credits_ = sum(each.debits for each in mine), sum(each.credits for each in mine)
        if provider_id is None:
            moved = sum(flow.amount for flow in flows if flow.currency == currency)
            ties.append(_tie("debits and credits", currency, debits, credits_))
            ties.append(_tie("debits and entries", currency, debits, moved))
            ties.append(_tie("closing balances and nothing", currency, sum(each.closing for each in mine), 0))
        else:
            net = sum(each.closing - each.opening for each in mine)
            ties.append(_tie("movement of accounts and of entries", currency, net, debits - credits_))
    return FinanceReport(
        period=_view(period),
        provider_id=provider_id,
        accounts=[
            AccountView(
                account=each.kind,
                holder=each.holder,
                currency=each.currency,
                opening=_amount(each.opening, each.currency),
                debits=_amount(each.debits, each.currency),
                credits=_amount(each.credits, each.currency),
                closing=_amount(each.closing, each.currency),
            )
            for each in accounts
        ],
        flows=[
            FlowView(
                step=flow.step,
                debit=flow.debit_kind,
                credit=flow.credit_kind,
                currency=flow.currency,
                amount=_amount(flow.amount, flow.currency),
                entries=flow.entries,
            )
            for flow in flows
        ],
        ties=ties,
        computed_at=now,
    )


async def sales(
    db: Reader, period: Period, *, provider_id: UUID | None, group_by: GroupBy, now: datetime
) -> SalesReport:
    """What was confirmed and what was cancelled; the gross ties to what the ledger posted for it."""
    since, before = period.since, period.before
    sold = await bookings.sold(db, since=since, before=before, provider_id=provider_id)
    cancelled = await bookings.cancelled(db, since=since, before=before, provider_id=provider_id)
    causes = None if provider_id is None else payments.ids_of_provider(provider_id)
    posted = await ledger.total_of(db, SALE_STEPS, since=since, before=before, causes=causes)
    return SalesReport(
        period=_view(period),
        provider_id=provider_id,
        rows=_sales_rows(sold, cancelled, group_by=group_by, zone=period.zone),
        ties=_sales_ties(sold, posted),
        computed_at=now,
    )


async def occupancy(
    db: Reader, period: Period, *, provider_id: UUID | None, group_by: GroupBy, now: datetime
) -> OccupancyReport:
    """How full what starts in the period is; what was cancelled counts only where occurrences are listed."""
    found = await inventory.occupancy_of(
        db, starts_from=period.since, starts_before=period.before, provider_id=provider_id
    )
    rows = (
        [_occurrence_row(each) for each in found]
        if group_by == "occurrence"
        else _occupancy_rows([each for each in found if each.state != "cancelled"], group_by, period.zone)
    )
    return OccupancyReport(period=_view(period), provider_id=provider_id, rows=rows, computed_at=now)


def _sales_rows(
    sold: Sequence[SoldThen], cancelled: Sequence[SoldThen], *, group_by: GroupBy, zone: str
) -> list[SalesRow]:
    sums: defaultdict[Key, _Sums] = defaultdict(_Sums)
    for then in sold:
        row = sums[_key(then, group_by, zone)]
        row.bookings, row.items, row.gross = (
            row.bookings + then.bookings,
            row.items + then.items,
            row.gross + then.amount,
        )
    for then in cancelled:
        row = sums[_key(then, group_by, zone)]
        row.cancellations += then.bookings
        row.items_cancelled += then.items
        row.refunded += then.amount
    ordered = sorted(
        sums.items(), key=lambda pair: (pair[0][0] or _NO_DAY, pair[0][1] or "", str(pair[0][2]), pair[0][3])
    )
    return [
        SalesRow(
            day=day,
            product=product,
            occurrence_id=occurrence,
            currency=currency,
            bookings=row.bookings,
            items=row.items,
            gross=_amount(row.gross, currency),
            cancellations=row.cancellations,
            items_cancelled=row.items_cancelled,
            refunded=_amount(row.refunded, currency),
            net=_amount(row.gross - row.refunded, currency),
        )
        for (day, product, occurrence, currency), row in ordered
    ]


def _sales_ties(sold: Sequence[SoldThen], posted: Mapping[str, int]) -> list[TieView]:
    gross: defaultdict[str, int] = defaultdict(int)
    for then in sold:
        gross[then.currency] += then.amount
    return [
        _tie("totals of bookings and entries of the ledger", currency, gross[currency], posted.get(currency, 0))
        for currency in sorted({*gross, *posted})
    ]


def _key(then: SoldThen, group_by: GroupBy, zone: str) -> Key:
    match group_by:
        case "day":
            moment = _EPOCH + timedelta(seconds=then.quarter * QUARTER_SECONDS)
            return moment.astimezone(ZoneInfo(zone)).date(), None, None, then.currency
        case "product":
            return None, then.product, None, then.currency
        case "occurrence":
            return None, then.product, then.inventory_id, then.currency


def _occupancy_rows(found: Sequence[Inventory], group_by: GroupBy, zone: str) -> list[OccupancyRow]:
    groups: defaultdict[tuple[date | None, str | None], list[Inventory]] = defaultdict(list)
    for each in found:
        day = each.starts_at.astimezone(ZoneInfo(zone)).date()
        groups[(day, None) if group_by == "day" else (None, each.product)].append(each)
    rows = []
    for (on, product), members in sorted(groups.items(), key=lambda pair: (pair[0][0] or _NO_DAY, pair[0][1] or "")):
        capacity, sold = sum(each.capacity for each in members), sum(each.sold for each in members)
        rows.append(
            OccupancyRow(
                day=on,
                product=product,
                occurrences=len(members),
                capacity=capacity,
                sold=sold,
                percent=_percent(sold, capacity),
            )
        )
    return rows


def _occurrence_row(each: Inventory) -> OccupancyRow:
    return OccupancyRow(
        product=each.product,
        occurrence_id=each.occurrence_id,
        starts_at=each.starts_at,
        state=each.state,
        occurrences=1,
        capacity=each.capacity,
        sold=each.sold,
        percent=_percent(each.sold, each.capacity),
    )


def _percent(sold: int, capacity: int) -> float:
    return round(100 * sold / capacity, 1) if capacity else 0.0


def _tie(what: str, currency: str, one: int, other: int) -> TieView:
    return TieView(
        what=what, currency=currency, one=_amount(one, currency), other=_amount(other, currency), agrees=one == other
    )


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).amount


def _view(period: Period) -> PeriodView:
    return PeriodView(first=period.first, last=period.last, zone=period.zone, since=period.since, before=period.before)
