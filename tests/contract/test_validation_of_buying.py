"""Chapter 12: what is refused of reservations, bookings, payments and cancellations, and what always holds of them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.contract.answers import at, eventually, refused, said
from tests.contract.coach import SEATS
from tests.contract.site import Site


def test_the_expiry_lies_15_minutes_after_the_reservation(site: Site) -> None:
    schedule = site.schedule()

    reservations = [site.reserve(site.customer(), schedule, seat) for seat in ("1A", "1B")]

    for reservation in reservations:
        began, ends = at(reservation["reservation_datetime"]), at(reservation["expiry_datetime"])
        assert ends - began == timedelta(minutes=15)
        assert abs(datetime.now(UTC) - began) < timedelta(minutes=1)


def test_the_total_is_the_sum_of_base_prices_and_modifiers(site: Site) -> None:
    schedule = site.schedule(base_price="33.33")
    seats = site.seats(schedule)

    reservation = site.reserve(site.customer(), schedule, "1A", "2A", "3A")

    chosen = [seats[number] for number in ("1A", "2A", "3A")]
    expected = sum(Decimal(schedule["base_price"]) + Decimal(seat["price_modifier"]) for seat in chosen)
    assert Decimal(reservation["total_amount"]) == expected == Decimal("155.49")
    assert sum(Decimal(line["amount"]) for line in reservation["price_lines"]) == expected
    assert [seat["price"] for seat in reservation["seats"]] == [seat["price"] for seat in chosen]


def test_a_reservation_names_one_to_six_different_seats(site: Site) -> None:
    schedule, other, customer = site.schedule(), site.schedule(), site.customer()
    foreign = site.seats(other)["1A"]["id"]

    refused(site.ask(customer, schedule), 422, "validation_failed")
    refused(site.ask(customer, schedule, *SEATS[:7]), 422, "too_many_items")
    refused(site.ask(customer, schedule, "1A", "1A"), 422, "same_place_twice")
    refused(site.ask(customer, schedule, "77X"), 404, "seat_not_found")
    wish = {"schedule_id": schedule["id"]}
    refused(customer.post("/reservations/create", wish | {"seat_ids": [foreign]}), 422, "place_of_another")
    refused(customer.post("/reservations/create", wish | {"count": 0}), 422, "validation_failed")
    refused(customer.post("/reservations/create", wish), 422, "seats_unsaid")
    reservation = site.reserve(customer, schedule, *SEATS[:6])

    assert len(reservation["seats"]) == 6


def test_one_customer_reserves_once_a_schedule_and_again_elsewhere(site: Site) -> None:
    schedule, other, customer = site.schedule(), site.schedule(), site.newcomer()
    first = site.reserve(customer, schedule, "1A")

    second = site.ask(customer, schedule, "1B")
    elsewhere = site.reserve(customer, other, "1A")

    assert refused(second, 409, "already_holding")["hold_id"] == first["id"]
    assert [each["id"] for each in said(customer.get("/reservations/active"))["items"]] == [
        first["id"],
        elsewhere["id"],
    ]


def test_a_booking_reference_matches_its_pattern(site: Site) -> None:
    booking = site.book(site.customer(), site.schedule(), "1A")

    reference = booking["booking_reference"]

    assert re.fullmatch(r"[A-Z0-9]{8,12}", reference)


def test_a_booking_costs_what_its_reservation_did(site: Site) -> None:
    schedule, customer = site.schedule(base_price="33.33"), site.customer()
    reservation = site.reserve(customer, schedule, "1A", "3A")

    said(site.admin.put(f"/schedules/{schedule['id']}", {"base_price": "99.00"}))
    booking = site.pay(customer, reservation)

    details = said(customer.get(f"/bookings/{booking['id']}/details"))
    assert booking["total_amount"] == reservation["total_amount"] == details["payments"][0]["amount"] == "122.16"


def test_a_payment_status_is_one_of_four_words(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    opened = site.initiate(customer, reservation)
    seen = [said(customer.get(f"/payments/{opened['payment_id']}"))["status"]]

    site.settle(customer, opened, "expired")
    seen.append(site.payment_becomes(customer, opened["payment_id"], "failed")["status"])
    booking = site.pay(customer, reservation)
    seen.append(booking["payment_status"])
    site.cancel(customer, booking)
    refunded = eventually(
        lambda: said(customer.get(f"/bookings/{booking['id']}"))["payment_status"], lambda it: it != "completed"
    )

    assert [*seen, refunded] == ["pending", "failed", "completed", "refunded"]


def test_a_booking_status_is_one_of_three_words(site: Site) -> None:
    schedule, customer, other = site.schedule(), site.customer(), site.customer()
    opened = site.initiate(other, site.reserve(other, schedule, "1B"))
    booking = site.book(customer, schedule, "1A")

    site.cancel(customer, booking)

    assert booking["status"] == "confirmed"
    assert said(customer.get(f"/bookings/{booking['id']}"))["status"] == "cancelled"
    refused(other.get(f"/bookings/{opened['booking_id']}"), 404, "booking_not_found")
    refused(site.admin.get(f"/bookings/{opened['booking_id']}/details"), 404, "booking_not_found")


def test_an_amount_to_pay_is_positive_and_exact(site: Site) -> None:
    customer = site.customer()
    wanted = {"reservation_id": site.reserve(customer, site.schedule(), "1A")["id"]}

    for wrong in ("-120.00", "1e2", "a lot", True):
        refused(customer.post("/payments/initiate", wanted | {"amount": wrong}), 422, "validation_failed")
    refused(customer.post("/payments/initiate", wanted | {"amount": "0.00"}), 422, "amount_mismatch")
    refused(customer.post("/payments/initiate", wanted | {"amount": "120.001"}), 422, "malformed_amount")
    opened = said(customer.post("/payments/initiate", wanted | {"amount": 120}), 201)

    assert Decimal(said(customer.get(f"/payments/{opened['payment_id']}"))["amount"]) == 120


def test_an_unknown_method_of_payment_is_refused(site: Site) -> None:
    customer = site.customer()
    wanted = {"reservation_id": site.reserve(customer, site.schedule(), "1A")["id"]}

    for wrong in ("barter", "CREDIT_CARD", "", 7, None):
        unknown = customer.post("/payments/initiate", wanted | {"payment_method": wrong})
        refused(unknown, 422, "validation_failed")
    refused(customer.post("/payments/initiate", wanted | {"payment_method": "cash"}), 422, "method_not_offered")

    assert said(customer.get(f"/reservations/{wanted['reservation_id']}"))["status"] == "active"


def test_a_payment_has_a_moment_with_an_offset(site: Site) -> None:
    customer = site.customer()
    opened = site.initiate(customer, site.reserve(customer, site.schedule(), "1A"))
    at_first = said(customer.get(f"/payments/{opened['payment_id']}"))

    site.settle(customer, opened)
    paid = site.payment_becomes(customer, opened["payment_id"], "completed")

    moments = [at(payment["transaction_datetime"]) for payment in (at_first, paid)]
    assert all(moment.tzinfo is not None for moment in moments)
    assert at(paid["created_at"]) <= moments[0] <= moments[1] <= datetime.now(UTC) + timedelta(seconds=1)


def test_less_than_2_hours_before_departure_nothing_is_cancelled(site: Site) -> None:
    schedule, customer = site.schedule(timedelta(hours=1, minutes=59)), site.customer()
    booking = site.book(customer, schedule, "1A")

    for closed in (
        customer.post(f"/bookings/{booking['id']}/cancel", {}),
        customer.post(f"/bookings/{booking['id']}/cancel", {"items": [0]}),
        customer.post(f"/payments/refund/{booking['id']}"),
        customer.get(f"/bookings/{booking['id']}/cancellation-quote"),
    ):
        refused(closed, 409, "cancellation_closed")

    assert said(customer.get(f"/bookings/{booking['id']}"))["status"] == "confirmed"
    assert site.status_of(schedule, "1A") == ["booked"]


def test_a_refund_is_at_most_the_total(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A", "3A")

    more = customer.post(f"/bookings/{booking['id']}/cancel", {"refund_amount": "9999.00"})
    cancelled = site.cancel(customer, booking)

    refused(more, 422, "validation_failed")
    assert Decimal(cancelled["refund_amount"]) <= Decimal(booking["total_amount"])
    refused(customer.post(f"/bookings/{booking['id']}/cancel", {}), 409, "already_cancelled")


def test_a_refund_status_is_one_of_three_words(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A")

    cancelled = site.cancel(customer, booking)
    ended = eventually(
        lambda: said(customer.get(f"/cancellations/{cancelled['id']}")), lambda it: it["refund_status"] != "pending"
    )

    assert (cancelled["refund_status"], cancelled["processed_at"]) == ("pending", None)
    assert (ended["refund_status"], at(ended["processed_at"]) >= at(cancelled["cancellation_datetime"])) == (
        "processed",
        True,
    )
