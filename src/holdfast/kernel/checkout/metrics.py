"""Count what a day brought, from bookings, holds and the ledger. Days are UTC's; money by currency."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from holdfast.kernel import bookings, holds, inventory, ledger, payments, refunds
from holdfast.kernel.inventory import Clocks
from holdfast.kit.db import Reader
from holdfast.kit.fields import Answer
from holdfast.kit.money import Money

DAYS_OF_MONEY = 30
DAYS_AHEAD = 7


class BookingCounts(Answer):
    today: int
    confirmed: int
    cancelled: int
    expired: int


class DayOfMoney(Answer):
    """What came in, went back and stayed with the platform on one day, in one currency."""

    day: date
    currency: str
    sales: str
    refunds: str
    platform_revenue: str


class DayAhead(Answer):
    """How full what starts that day is: sold slots of all that are for sale."""

    day: date
    capacity: int
    sold: int
    percent: float


class Metrics(Answer):
    bookings: BookingCounts
    money: list[DayOfMoney]
    total_sales: dict[str, str]
    active_reservations: int
    expiring_soon: int
    occupancy: list[DayAhead]
    payments_open: int
    payments_late: int
    refunds_failed: int
    computed_at: datetime


async def compute(db: Reader, *, now: datetime, clocks: Clocks) -> Metrics:
    """All figures in one snapshot."""
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)
    counts = await bookings.counts(db, since=midnight)
    live = await holds.count_live(db, now=now, soon=now + clocks.too_late_to_pay)
    open_, late = await payments.count_open(db, now=now)
    money = _by_day(await ledger.movements(db, since=midnight - timedelta(days=DAYS_OF_MONEY - 1)))
    totals: defaultdict[str, int] = defaultdict(int)
    for (_, currency), amounts in money.items():
        totals[currency] += amounts["sales"]
    ahead = await inventory.occupancy(db, starts_from=midnight, starts_before=midnight + timedelta(days=DAYS_AHEAD))
    return Metrics(
        bookings=BookingCounts(**counts),
        money=[
            DayOfMoney(
                day=day,
                currency=currency,
                **{name: Money(minor, currency).amount for name, minor in amounts.items()},
            )
            for (day, currency), amounts in sorted(money.items())
        ],
        total_sales={currency: Money(minor, currency).amount for currency, minor in sorted(totals.items())},
        active_reservations=live[0],
        expiring_soon=live[1],
        occupancy=_days_ahead(ahead, midnight.date()),
        payments_open=open_,
        payments_late=late,
        refunds_failed=await refunds.count_failed(db),
        computed_at=now,
    )


def _by_day(movements: Sequence[ledger.Movement]) -> dict[tuple[date, str], dict[str, int]]:
    money: dict[tuple[date, str], dict[str, int]] = {}
    for move in movements:
        key = (move.posted_at.astimezone(UTC).date(), move.currency)
        day = money.setdefault(key, {"sales": 0, "refunds": 0, "platform_revenue": 0})
        if move.step in {"fare", "platform_fee", "service_fee"}:
            day["sales"] += move.amount
        if move.step == "paid_back":
            day["refunds"] += move.amount
        if move.credit_kind == "platform_revenue":
            day["platform_revenue"] += move.amount
        if move.debit_kind == "platform_revenue":
            day["platform_revenue"] -= move.amount
    return money


def _days_ahead(found: Sequence[tuple[datetime, int, int]], first: date) -> list[DayAhead]:
    capacity: defaultdict[date, int] = defaultdict(int)
    sold: defaultdict[date, int] = defaultdict(int)
    for starts_at, its_capacity, its_sold in found:
        day = starts_at.astimezone(UTC).date()
        capacity[day] += its_capacity
        sold[day] += its_sold
    days = [first + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)]
    return [
        DayAhead(
            day=day,
            capacity=capacity[day],
            sold=sold[day],
            percent=round(100 * sold[day] / capacity[day], 1) if capacity[day] else 0.0,
        )
        for day in days
    ]
