"""Chapter 11: rules of cancellations. Edges by a clock that stands: at an edge both sides are a microsecond away."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.contract.answers import at, eventually, refused, said
from tests.contract.site import Caller, Site

TICK = timedelta(microseconds=1)


def test_a_booking_is_cancelled_until_2_hours_before_departure(site: Site) -> None:
    schedule, customer = site.schedule(timedelta(hours=2, minutes=10)), site.customer()
    booking = site.book(customer, schedule, "1A", "1B")
    edge = at(schedule["departure_datetime"]) - timedelta(hours=2)

    with site.standing(edge + TICK):
        closed = refused(customer.post(f"/bookings/{booking['id']}/cancel", {}), 409, "cancellation_closed")
    with site.standing(edge):
        cancelled = site.cancel(customer, booking)

    assert closed["status"] == 409
    assert (cancelled["refund_amount"], cancelled["items"]) == ("120.00", [0, 1])


def test_a_refund_follows_the_hours_left(site: Site) -> None:
    customer = site.customer()
    early = site.schedule(timedelta(hours=24, minutes=10), base_price="33.33")
    late = site.schedule(timedelta(hours=2, minutes=10), base_price="33.33")
    booked_early, booked_late = (site.book(customer, schedule, "2A") for schedule in (early, late))
    day_before = at(early["departure_datetime"]) - timedelta(hours=24)
    hours_before = at(late["departure_datetime"]) - timedelta(hours=2)

    quotes = [
        _quoted(site, customer, booked_early, moment=day_before - TICK),
        _quoted(site, customer, booked_early, moment=day_before),
        _quoted(site, customer, booked_early, moment=day_before + TICK),
        _quoted(site, customer, booked_late, moment=hours_before),
    ]

    assert quotes == [(100, "33.33"), (50, "16.67"), (50, "16.67"), (50, "16.67")]
    with site.standing(hours_before + TICK):
        quote = customer.get(f"/bookings/{booked_late['id']}/cancellation-quote")
    refused(quote, 409, "cancellation_closed")


def test_cancelled_seats_are_sold_again_at_once(site: Site) -> None:
    schedule, customer, next_one = site.schedule(), site.customer(), site.customer()
    booking = site.book(customer, schedule, "1A", "1B")

    site.cancel(customer, booking)
    sold_again = site.book(next_one, schedule, "1A", "1B")

    assert sold_again["status"] == "confirmed"
    assert site.status_of(schedule, "1A", "1B") == ["booked", "booked"]
    assert site.left_on(schedule) == 10


def test_refunds_of_parts_never_exceed_the_total(site: Site) -> None:
    schedule, customer = site.schedule(timedelta(hours=20), base_price="33.33"), site.customer()
    booking = site.book(customer, schedule, "2A", "2B", "3A")
    path = f"/bookings/{booking['id']}"
    whole = said(customer.get(f"{path}/cancellation-quote"))

    parts = [Decimal(site.cancel(customer, booking, items=[item])["refund_amount"]) for item in (2, 0, 1)]

    assert sum(parts) == Decimal(whole["refund_amount"]) <= Decimal(booking["total_amount"])
    assert parts == [Decimal("34.42"), Decimal("16.67"), Decimal("16.67")]
    refused(customer.post(f"{path}/cancel", {"items": [0]}), 409, "already_cancelled")
    refused(customer.post(f"/payments/refund/{booking['id']}"), 409, "already_cancelled")
    paid = eventually(lambda: said(customer.get(path)), lambda it: it["payment_status"] == "refunded")
    assert (paid["status"], len(paid["cancellations"])) == ("cancelled", 3)
    status = said(customer.get(f"/payments/status/{booking['id']}"))
    assert (status["amount_paid"], status["amount_refunded"]) == ("135.49", "67.76")


def _quoted(site: Site, customer: Caller, booking: Any, *, moment: datetime) -> tuple[int, str]:
    """Percent and amount that cancelling gives back at a moment."""
    with site.standing(moment):
        quote = said(customer.get(f"/bookings/{booking['id']}/cancellation-quote"))
    return quote["percent"], quote["refund_amount"]
