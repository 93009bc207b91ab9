"""Chapter 11: rules of reservations and bookings."""

import re
from datetime import timedelta

from tests.contract.answers import at, eventually, refused, said
from tests.contract.coach import SEATS
from tests.contract.site import Site


def test_a_reservation_lasts_exactly_15_minutes_and_nothing_extends_it(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    path = f"/reservations/{reservation['id']}"
    began, ends = at(reservation["reservation_datetime"]), at(reservation["expiry_datetime"])

    declined = site.initiate(customer, reservation)
    site.settle(customer, declined, "failed")
    site.payment_becomes(customer, declined["payment_id"], "failed")
    again = site.initiate(customer, reservation)

    assert ends - began == timedelta(minutes=15)
    assert [at(opened["expires_at"]) for opened in (declined, again)] == [ends, ends]
    with site.standing(ends - timedelta(microseconds=1)):
        assert said(customer.get(path))["status"] == "active"
    with site.standing(ends):
        assert said(customer.get(path))["status"] == "expired"


def test_six_seats_are_reserved_and_seven_are_not(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()

    refused(site.ask(customer, schedule, *SEATS[:7]), 422, "too_many_items")
    by_count = customer.post("/reservations/create", {"schedule_id": schedule["id"], "count": 7})
    reservation = site.reserve(customer, schedule, *SEATS[:6])

    assert refused(by_count, 422, "too_many_items")["items_max"] == 6
    assert (len(reservation["seats"]), site.left_on(schedule)) == (6, 6)


def test_a_second_reservation_on_a_schedule_is_refused_while_one_runs(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    first = site.reserve(customer, schedule, "1A")

    while_held = refused(site.ask(customer, schedule, "1B"), 409, "already_holding")
    site.initiate(customer, first)
    while_pending = refused(site.ask(customer, schedule, "1B"), 409, "already_holding")
    said(customer.delete(f"/reservations/{first['id']}"), 204)
    site.book(customer, schedule, "1B")

    assert while_held["hold_id"] == while_pending["hold_id"] == first["id"]
    assert site.reserve(customer, schedule, "1C")["status"] == "active"


def test_seats_of_a_lapsed_reservation_are_sold_to_the_next_at_once(site: Site) -> None:
    schedule, slow, quick = site.schedule(), site.customer(), site.customer()
    lapsing = site.reserve(slow, schedule, "1A", "1B")

    with site.standing(at(lapsing["expiry_datetime"])):
        seats = site.status_of(schedule, "1A", "1B")
        taken = site.reserve(quick, schedule, "1A", "1B")
        lapsed = said(slow.get(f"/reservations/{lapsing['id']}"))

    assert seats == ["available", "available"]
    assert (taken["status"], taken["user_id"], lapsed["status"]) == ("active", quick.id, "expired")


def test_the_sweeper_runs_each_30_seconds_and_tidies_what_lapsed(site: Site) -> None:
    schedule, customer, payer = site.schedule(), site.customer(), site.customer()
    lapsing, pending = site.reserve(customer, schedule, "1A"), site.reserve(payer, schedule, "1B")
    opened = site.initiate(payer, pending)

    def swept() -> list[tuple[str, str, str | None]]:
        """A sweep leaves what somebody else has the turn of at this moment, as the server's own worker may."""
        assert site.do_chore("sweep") == 30
        rows = [site.log(entity_id=lapsing["id"])[0], site.log(entity_id=opened["booking_id"])[0]]
        return [(row["action_type"], row["actor_kind"], row["user_id"]) for row in rows]

    with site.later(minutes=15, seconds=5):
        eventually(swept, lambda it: it == [("hold_expired", "system", None), ("booking_expired", "system", None)])


def test_a_lapsed_reservation_becomes_no_booking(site: Site) -> None:
    schedule, slow, fickle = site.schedule(), site.newcomer(), site.customer()
    lapsing, given_up = site.reserve(slow, schedule, "1A"), site.reserve(fickle, schedule, "1B")
    said(fickle.delete(f"/reservations/{given_up['id']}"), 204)

    with site.standing(at(lapsing["expiry_datetime"])):
        paid_late = slow.post("/payments/initiate", {"reservation_id": lapsing["id"]})
        booked_late = slow.post("/bookings/create", {"reservation_id": lapsing["id"]})

    refused(paid_late, 409, "hold_expired")
    refused(booked_late, 409, "hold_expired")
    refused(fickle.post("/bookings/create", {"reservation_id": given_up["id"]}), 409, "hold_expired")
    assert said(slow.get("/bookings/history"))["items"] == []


def test_an_unpaid_or_declined_reservation_becomes_no_booking(site: Site) -> None:
    schedule, customer = site.schedule(), site.newcomer()
    reservation = site.reserve(customer, schedule, "1A")
    wanted = {"reservation_id": reservation["id"]}

    refused(customer.post("/bookings/create", wanted), 409, "payment_required")
    declined = site.initiate(customer, reservation)
    refused(customer.post("/bookings/create", wanted), 409, "payment_required")
    site.settle(customer, declined, "failed")
    site.payment_becomes(customer, declined["payment_id"], "failed")

    refused(customer.post("/bookings/create", wanted), 409, "payment_required")
    refused(customer.get(f"/bookings/{declined['booking_id']}"), 404, "booking_not_found")
    assert said(customer.get("/bookings/history"))["items"] == []
    assert site.status_of(schedule, "1A") == ["reserved"]


def test_a_payment_of_another_amount_is_refused(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    wanted = {"reservation_id": reservation["id"]}

    for amount in ("119.99", "120.01", "12000"):
        refused(customer.post("/payments/initiate", wanted | {"amount": amount}), 422, "amount_mismatch")
    opened = site.initiate(customer, reservation, amount=reservation["total_amount"])
    site.tell_gateway(capture={"amount": "1.00", "times": 1})
    site.settle(customer, opened)
    too_little = site.payment_becomes(customer, opened["payment_id"], "refunded")

    assert too_little["refunded_amount"] == "1.00"
    refused(customer.get(f"/bookings/{opened['booking_id']}"), 404, "booking_not_found")


def test_nobody_pays_after_the_15_minutes(site: Site) -> None:
    schedule, slow, quick = site.schedule(), site.newcomer(), site.customer()
    reservation = site.reserve(slow, schedule, "1A")
    ends = at(reservation["expiry_datetime"])
    wanted = {"reservation_id": reservation["id"]}

    with site.standing(ends - timedelta(seconds=119)):
        refused(slow.post("/payments/initiate", wanted), 409, "too_late_to_pay")
    opened = site.initiate(slow, reservation)
    with site.standing(ends):
        site.reserve(quick, schedule, "1A")
        site.settle(slow, opened)
        late = eventually(
            lambda: said(slow.get(f"/payments/{opened['payment_id']}")), lambda it: it["status"] != "pending"
        )

    assert late["refunded_amount"] == late["amount"] == "120.00"
    assert said(slow.get("/bookings/history"))["items"] == []
    assert schedule["id"] in [each["schedule_id"] for each in said(quick.get("/reservations/active"))["items"]]


def test_references_are_8_to_12_letters_and_digits_and_differ(site: Site) -> None:
    schedule = site.schedule()

    references = [site.book(site.customer(), schedule, seat)["booking_reference"] for seat in ("1A", "1B", "1C")]

    assert all(re.fullmatch(r"[A-Z0-9]{8,12}", reference) for reference in references)
    assert set("".join(references)) & set("01ILOU") == set()
    assert len(set(references)) == 3
