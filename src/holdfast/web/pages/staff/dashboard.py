"""The overview: the figures of the day for admins, the ways on for everybody who works here."""

from collections import defaultdict
from datetime import date, timedelta
from typing import Annotated

from babel.dates import format_date
from fastapi import Query, Request
from starlette.responses import Response

from holdfast.kernel.checkout import metrics
from holdfast.kernel.identity import Caller, staff
from holdfast.kit import clock
from holdfast.kit.http import Db, allow
from holdfast.kit.money import Money
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import Cashier
from holdfast.web.routing import Pages
from holdfast.web.staff import charts, show_staff
from holdfast.web.staff.charts import Chart, Point

router = Pages()

REFRESH_SECONDS_MIN, REFRESH_SECONDS_MAX = 10, 600


@router.get("/staff")
@allow(staff)
async def overview_page(
    request: Request,
    database: Db,
    caller: Caller,
    till: Cashier,
    every: Annotated[int | None, Query(ge=REFRESH_SECONDS_MIN, le=REFRESH_SECONDS_MAX)] = None,
) -> Response:
    """All figures are of one moment. `every`: look again after so many seconds."""
    if not caller.is_admin:
        return await show_staff(request, "web/staff/start.html")
    async with database.snapshot() as db:
        figures = await metrics.compute(db, now=await clock.moment(db), clocks=till.clocks)
    viewer = await viewer_of(request)
    is_mirrored = viewer.direction == "rtl"
    return await show_staff(
        request,
        "web/staff/dashboard.html",
        figures=figures,
        money=money_by_currency(figures),
        sales={
            currency: _sales_chart(days, currency, viewer.locale, is_mirrored=is_mirrored)
            for currency, days in money_by_currency(figures).items()
        },
        occupancy=_occupancy_chart(figures, viewer.locale, is_mirrored=is_mirrored),
        every=every,
    )


def money_by_currency(figures: metrics.Metrics) -> dict[str, list[dict[str, date | int]]]:
    """Each currency's days up to today, those without a movement too: what came in, went back, and stayed here."""
    today = figures.computed_at.date()
    days = [today - timedelta(days=back) for back in reversed(range(metrics.DAYS_OF_MONEY))]
    known: defaultdict[str, dict[date, dict[str, int]]] = defaultdict(dict)
    for row in figures.money:
        known[row.currency][row.day] = {
            "sales": Money.parse(row.sales, row.currency).minor,
            "refunds": Money.parse(row.refunds, row.currency).minor,
            "revenue": Money.parse(row.platform_revenue, row.currency).minor,
        }
    nothing = {"sales": 0, "refunds": 0, "revenue": 0}
    return {currency: [{"day": day, **by_day.get(day, nothing)} for day in days] for currency, by_day in known.items()}


def _sales_chart(days: list[dict[str, date | int]], currency: str, locale: str, *, is_mirrored: bool) -> Chart:
    points = [
        Point(
            _short_day(day["day"], locale),  # type: ignore[arg-type]
            (float(day["sales"]), float(day["refunds"])),  # type: ignore[arg-type]
            f"{day['day']}: {Money(day['sales'], currency).amount} / {Money(day['refunds'], currency).amount}",  # type: ignore[arg-type]
        )
        for day in days
    ]
    return charts.bars(points, is_mirrored=is_mirrored)


def _occupancy_chart(figures: metrics.Metrics, locale: str, *, is_mirrored: bool) -> Chart:
    points = [
        Point(_short_day(day.day, locale), (day.percent,), f"{day.day}: {day.percent} % ({day.sold}/{day.capacity})")
        for day in figures.occupancy
    ]
    return charts.bars(points, most=100, is_mirrored=is_mirrored)


def _short_day(day: date, locale: str) -> str:
    return format_date(day, "d/M", locale="ar_EG@numbers=latn" if locale == "ar" else "en_GB")
