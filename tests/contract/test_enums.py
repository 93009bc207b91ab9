"""Chapter 7: every value of every enum is met, and no other is taken."""

from datetime import UTC, datetime
from typing import Any

from tests.contract.answers import at, eventually, refused, said
from tests.contract.site import Site


def test_roles_of_users(site: Site) -> None:
    customer, colleague = site.newcomer(), site.newcomer()

    granted = said(site.admin.post(f"/users/{colleague.id}/roles", {"role": "admin"}))

    assert (customer.user["role"], granted["role"]) == ("customer", "admin")
    assert said(site.guest.get("/routes", limit=1))["items"] is not None
    refused(site.admin.post(f"/users/{customer.id}/roles", {"role": "guest"}), 422, "unknown_role")


def test_types_of_buses(site: Site) -> None:
    types = ["standard", "deluxe", "sleeper", "semi_sleeper"]

    entered = [site.open_bus(bus_type=bus_type) for bus_type in types]

    assert [bus["bus_type"] for bus in entered] == types
    refused(site.admin.put(f"/buses/{entered[0]['id']}", {"bus_type": "rocket"}), 422, "validation_failed")


def test_statuses_of_schedules(site: Site) -> None:
    run, stopped = site.schedule(), site.schedule()
    path = f"/schedules/{run['id']}"

    moved = [said(site.admin.put(path, {"status": status})) for status in ("in_transit", "completed")]
    cancelled = said(site.admin.put(f"/schedules/{stopped['id']}", {"status": "cancelled"}))

    assert [each["status"] for each in (run, *moved)] == ["scheduled", "in_transit", "completed"]
    assert cancelled["status"] == "cancelled"
    refused(site.admin.put(path, {"status": "delayed"}), 422, "validation_failed")
    refused(site.admin.put(path, {"status": "scheduled"}), 409, "status_backwards")


def test_types_of_seats(site: Site) -> None:
    schedule = site.schedule()

    types = {seat["seat_type"] for seat in site.seats(schedule).values()}

    assert types == {"standard", "premium", "sleeper"}
    other = {"schedule_id": schedule["id"], "seat_number": "9Z", "seat_type": "throne"}
    refused(site.admin.post("/seats", other), 422, "validation_failed")


def test_statuses_of_seats(site: Site) -> None:
    schedule = site.schedule()
    site.book(site.customer(), schedule, "1A")
    site.reserve(site.customer(), schedule, "1B")

    statuses = site.status_of(schedule, "1A", "1B", "1C")

    assert statuses == ["booked", "reserved", "available"]
    assert {seat["status"] for seat in site.seats(schedule).values()} == {"booked", "reserved", "available"}


def test_statuses_of_reservations(site: Site) -> None:
    schedule = site.schedule()
    paid, released, lapsing = (site.customer() for _ in range(3))
    confirmed = site.book(paid, schedule, "1A")["reservation_id"]
    cancelled = site.reserve(released, schedule, "1B")["id"]
    active = site.reserve(lapsing, schedule, "1C")
    said(released.delete(f"/reservations/{cancelled}"), 204)

    with site.later(minutes=15):
        expired = said(lapsing.get(f"/reservations/{active['id']}"))

    assert active["status"] == "active"
    assert said(paid.get(f"/reservations/{confirmed}"))["status"] == "confirmed"
    assert said(released.get(f"/reservations/{cancelled}"))["status"] == "cancelled"
    assert (expired["status"], expired["seconds_left"]) == ("expired", 0)


def test_statuses_of_bookings(site: Site) -> None:
    schedule, traveller, other = site.schedule(), site.customer(), site.customer()
    confirmed, given_up = site.book(traveller, schedule, "1A"), site.book(other, schedule, "1B")
    site.cancel(other, given_up)

    for status in ("in_transit", "completed"):
        said(site.admin.put(f"/schedules/{schedule['id']}", {"status": status}))
    completed = eventually(
        lambda: said(traveller.get(f"/bookings/{confirmed['id']}")), lambda it: it["status"] != "confirmed"
    )

    assert (confirmed["status"], completed["status"]) == ("confirmed", "completed")
    assert said(other.get(f"/bookings/{given_up['id']}"))["status"] == "cancelled"


def test_statuses_of_payments(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    declined = site.initiate(customer, reservation)
    pending = said(customer.get(f"/payments/{declined['payment_id']}"))

    site.settle(customer, declined, "failed")
    failed = site.payment_becomes(customer, declined["payment_id"], "failed")
    booking = site.pay(customer, reservation)
    paid = said(customer.get(f"/bookings/{booking['id']}/details"))["payments"]
    site.cancel(customer, booking)
    refunded = site.payment_becomes(customer, paid[-1]["id"], "refunded")

    assert [pending["status"], failed["status"], paid[-1]["status"]] == ["pending", "failed", "completed"]
    assert (refunded["status"], refunded["refunded_amount"]) == ("refunded", booking["total_amount"])


def test_methods_of_payment(site: Site) -> None:
    methods = ["credit_card", "debit_card", "upi", "net_banking", "wallet"]
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")

    opened = [site.initiate(customer, reservation, payment_method=method) for method in methods]

    shown = [said(customer.get(f"/payments/{each['payment_id']}"))["payment_method"] for each in opened]
    assert shown == methods
    other = {"reservation_id": reservation["id"], "payment_method": "barter"}
    refused(customer.post("/payments/initiate", other), 422, "validation_failed")


def test_statuses_of_tickets(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A", "1B")
    first, second = (f"/tickets/{ticket['id']}" for ticket in booking["tickets"])
    scanned = {"qr_code": said(customer.get(first))["qr_code"]}

    valid = said(customer.get(first))["validity_status"]
    used = said(site.admin.post("/tickets/verify", scanned))["validity_status"]
    site.cancel(customer, booking, items=[1])

    assert (valid, used) == ("valid", "used")
    assert said(customer.get(first))["validity_status"] == "used"
    assert said(customer.get(second))["validity_status"] == "cancelled"
    refused(site.admin.post("/tickets/verify", scanned), 409, "ticket_already_used")


def test_statuses_of_refunds(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A", "1B")
    eventually(lambda: _refunds_under_way(site), lambda them: not them)
    site.tell_gateway(refund_failures=1)

    unlucky = site.cancel(customer, booking, items=[0])
    failed = _refund_of(site, unlucky)
    lucky = site.cancel(customer, booking, items=[1])
    processed = _refund_of(site, lucky)

    assert (unlucky["refund_status"], lucky["refund_status"]) == ("pending", "pending")
    assert (failed["refund_status"], failed["processed_at"]) == ("failed", None)
    assert (processed["refund_status"], processed["processed_at"] is not None) == ("processed", True)


def _refunds_under_way(site: Site) -> list[Any]:
    """Refunds that would meet the gateway's fault first; those of a test whose clock stood ahead are not due yet."""
    pending = said(site.admin.get("/admin/refunds", status="pending", limit=100))["items"]
    return [refund for refund in pending if at(refund["created_at"]) <= datetime.now(UTC)]


def _refund_of(site: Site, cancellation: Any) -> Any:
    """The cancellation once its refund has ended, well or not."""
    return eventually(
        lambda: said(site.admin.get(f"/cancellations/{cancellation['id']}")),
        lambda it: it["refund_status"] != "pending",
    )
