"""Chapter 10: each workflow from its first step to its last. Messages to customers and sockets are built later."""

import base64
import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from tests.contract.answers import at, eventually, labels, refused, said
from tests.contract.coach import SEATS, layout
from tests.contract.site import Site


def test_somebody_registers_and_signs_in(site: Site) -> None:
    account = site.account()
    refused(site.guest.post("/users/register", account | {"email": "no address"}), 422, "invalid_email")
    refused(site.guest.post("/users/register", account | {"password": "weak"}), 422, "weak_password")

    profile = said(site.guest.post("/users/register", account), 201)
    customer = site.sign_in(account["email"])

    assert (profile["role"], profile["is_active"], customer.user) == ("customer", True, profile)
    assert _password_hash(site, profile["id"]).startswith("$2b$")
    claims = _claims(str(customer.token))
    assert (claims["sub"], claims["role"], claims["exp"] - claims["iat"]) == (profile["id"], "customer", 1_800)
    assert site.actions(profile["id"]) == ["registered", "signed_in"]
    with site.later(minutes=30, seconds=1):
        refused(customer.get(f"/users/{customer.id}"), 401, "invalid_token")
    said(site.admin.put(f"/users/{customer.id}", {"is_active": False}))
    signing_in = {"email": account["email"], "password": account["password"]}
    refused(site.guest.post("/users/login", signing_in), 403, "account_deactivated")


def test_somebody_searches_and_chooses_seats(site: Site) -> None:
    route = site.open_route()
    schedule, stopped = (site.schedule(timedelta(days=5), route_id=route["id"]) for _ in range(2))
    said(site.admin.post(f"/schedules/{stopped['id']}/cancel"))
    day = at(schedule["departure_datetime"]).astimezone(ZoneInfo("Africa/Cairo")).date().isoformat()
    way = {"origin_city": route["origin_city"], "destination_city": route["destination_city"]}
    customer = site.customer()

    found = said(site.guest.get("/schedules/search", **way, departure_date=day))["items"]
    drawn = said(site.guest.get(f"/schedules/{found[0]['id']}/seats"))
    chosen = [seat["seat_number"] for seat in drawn["seats"] if seat["status"] == "available"][:6]
    site.reserve(customer, found[0], *chosen)

    assert [(each["id"], each["status"]) for each in found] == [(schedule["id"], "scheduled")]
    assert (found[0]["bus"]["bus_type"], found[0]["route"]["id"]) == ("standard", route["id"])
    assert [(deck["columns"], deck["aisles"], deck["rows"]) for deck in drawn["decks"]] == [(5, [3], 3)]
    assert {(seat["row"], seat["column"]) for seat in drawn["seats"]} == {
        (r, c) for r in (1, 2, 3) for c in (1, 2, 4, 5)
    }
    assert site.status_of(schedule, *chosen) == ["reserved"] * 6
    assert said(site.guest.get("/schedules/search", **way, departure_date=day))["items"][0]["available_seats"] == 6


def test_somebody_reserves_seats_and_they_are_locked(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    refused(site.ask(customer, schedule, *SEATS[:7]), 422, "too_many_items")

    reservation = site.reserve(customer, schedule, "1A", "2A", "3A")

    assert (reservation["status"], reservation["total_amount"]) == ("active", "355.50")
    moments = at(reservation["reservation_datetime"]), at(reservation["expiry_datetime"])
    assert moments[1] - moments[0] == timedelta(minutes=15)
    assert 895 <= reservation["seconds_left"] <= 900
    assert (site.status_of(schedule, "1A", "2A", "3A"), site.left_on(schedule)) == (["reserved"] * 3, 9)
    assert site.actions(reservation["id"]) == ["hold_placed"]
    refused(site.ask(customer, schedule, "1B"), 409, "already_holding")
    gone = refused(site.ask(site.customer(), schedule, "1B", "2A"), 409, "slots_taken")
    assert (gone["labels"], site.status_of(schedule, "1B")) == (["2A"], ["available"])


def test_a_reservation_times_out_and_its_seats_are_free(site: Site) -> None:
    schedule, slow, quick = site.schedule(), site.customer(), site.customer()
    reservation = site.reserve(slow, schedule, "1A", "1B")

    with site.later(minutes=15):
        status = said(slow.get(f"/reservations/{reservation['id']}"))["status"]
        seats, left = site.status_of(schedule, "1A", "1B"), site.left_on(schedule)
        site.reserve(quick, schedule, "1A")
        site.do_chore("sweep")
        logged = site.actions(reservation["id"])

    assert (status, seats, left) == ("expired", ["available", "available"], 12)
    assert logged == ["hold_placed", "hold_expired"]
    assert reservation["id"] not in [each["id"] for each in said(slow.get("/reservations/active"))["items"]]


def test_somebody_pays_and_has_a_booking_with_tickets(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A", "2A")
    wrong = {"reservation_id": reservation["id"], "amount": "219.99"}
    refused(customer.post("/payments/initiate", wrong), 422, "amount_mismatch")
    declined = site.initiate(customer, reservation, amount="220.00")
    site.settle(customer, declined, "failed")
    site.payment_becomes(customer, declined["payment_id"], "failed")
    assert said(customer.get(f"/reservations/{reservation['id']}"))["status"] == "active"

    booking = site.pay(customer, reservation)

    assert (booking["status"], booking["payment_status"]) == ("confirmed", "completed")
    assert said(customer.get(f"/reservations/{reservation['id']}"))["status"] == "confirmed"
    assert labels(booking["seats"]) == ["1A", "2A"]
    assert (site.status_of(schedule, "1A", "2A"), site.left_on(schedule)) == (["booked", "booked"], 10)
    tickets = [said(customer.get(f"/tickets/{ticket['id']}")) for ticket in booking["tickets"]]
    assert [(ticket["seat_number"], ticket["validity_status"]) for ticket in tickets] == [
        ("1A", "valid"),
        ("2A", "valid"),
    ]
    assert len({ticket["ticket_number"] for ticket in tickets} | {ticket["qr_code"] for ticket in tickets}) == 4
    assert "booking_confirmed" in site.actions(booking["id"])


def test_somebody_cancels_and_is_paid_back(site: Site) -> None:
    schedule, customer = site.schedule(timedelta(hours=23)), site.customer()
    booking = site.book(customer, schedule, "1A", "3A")

    cancellation = site.cancel(customer, booking, reason="ill")
    cancelled = said(customer.get(f"/bookings/{booking['id']}"))
    paid_back = eventually(
        lambda: said(customer.get(f"/bookings/{booking['id']}")), lambda it: it["payment_status"] == "refunded"
    )

    assert (cancellation["refund_amount"], cancellation["refund_status"]) == ("127.75", "pending")
    assert cancelled["status"] == "cancelled"
    assert [ticket["validity_status"] for ticket in cancelled["tickets"]] == ["cancelled", "cancelled"]
    assert (site.status_of(schedule, "1A", "3A"), site.left_on(schedule)) == (["available", "available"], 12)
    assert paid_back["cancellation"]["refund_status"] == "processed"
    assert paid_back["cancellation"]["processed_at"] is not None
    assert site.actions(booking["id"])[-1] == "booking_cancelled"


def test_an_admin_puts_a_schedule_on_sale(site: Site) -> None:
    refused(site.admin.post(f"/schedules/{site.admin.id}/generate-seats"), 404, "schedule_not_found")
    bus = site.open_bus(total_seats=4, seat_layout_config=layout(rows=1))
    planned = site.plan(bus_id=bus["id"])
    refused(site.ask(site.customer(), planned, "1A"), 409, "sales_closed")

    generated = said(site.admin.post(f"/schedules/{planned['id']}/generate-seats"), 201)

    seats = site.seats(planned)
    drawn = {number: (seat["seat_type"], seat["price_modifier"], seat["status"]) for number, seat in seats.items()}
    assert drawn == dict.fromkeys(["1A", "1B", "1C", "1D"], ("premium", "20.00", "available"))
    assert (planned["available_seats"], site.left_on(planned), generated["created_seats"]) == (0, 4, 4)
    assert site.actions(planned["id"]) == ["schedule_created", "seats_generated"]


def test_an_admin_watches_reservations_and_releases_one(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A")

    with site.later(minutes=13, seconds=20):
        active = {each["id"]: each for each in _active(site)}[reservation["id"]]
    released = said(site.admin.post(f"/admin/reservations/{reservation['id']}/release", {"reason": "stuck"}))

    assert (active["user"]["id"], active["schedule"]["id"]) == (customer.id, schedule["id"])
    assert (active["bus"]["id"], active["route"]["id"]) == (schedule["bus_id"], schedule["route_id"])
    assert (0 < active["seconds_left"] <= 100, active["warning"]) == (True, True)
    assert released["status"] == said(customer.get(f"/reservations/{reservation['id']}"))["status"] == "cancelled"
    assert (site.status_of(schedule, "1A"), site.left_on(schedule)) == (["available"], 12)
    last = site.log(entity_id=reservation["id"])[0]
    assert (last["action_type"], last["user_id"]) == ("hold_released", site.admin.id)


def _active(site: Site) -> list[Any]:
    found: list[Any] = said(site.admin.get("/admin/reservations/active", limit=100))["items"]
    return found


def _claims(token: str) -> Any:
    """What an access token says, unverified."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _password_hash(site: Site, user_id: str) -> str:
    asked = sa.text("SELECT password_hash FROM users WHERE email_key = :key")
    email = said(site.admin.get(f"/users/{user_id}"))["email"]
    return str(site.write(lambda db: db.scalar(asked.bindparams(key=email))))
