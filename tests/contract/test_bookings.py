"""Chapter 9, bookings."""

from tests.contract.answers import eventually, labels, refused, said
from tests.contract.site import Site


def test_a_paid_reservation_has_one_booking(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A", "2A")
    wanted = {"reservation_id": reservation["id"]}
    refused(customer.post("/bookings/create", wanted), 409, "payment_required")
    opened = site.initiate(customer, reservation)
    site.settle(customer, opened)
    site.payment_becomes(customer, opened["payment_id"], "completed")

    booking = said(customer.post("/bookings/create", wanted), 201)

    assert said(customer.post("/bookings/create", wanted), 200) == booking
    assert (booking["reservation_id"], booking["user_id"]) == (reservation["id"], customer.id)
    assert (booking["status"], booking["payment_status"], booking["total_amount"]) == (
        "confirmed",
        "completed",
        reservation["total_amount"],
    )
    assert labels(booking["seats"]) == ["1A", "2A"]
    refused(site.customer().post("/bookings/create", wanted), 404, "reservation_not_found")
    refused(site.guest.post("/bookings/create", wanted), 401, "sign_in_needed")


def test_a_booking_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A")
    path = f"/bookings/{booking['id']}"

    shown = said(customer.get(path))

    assert {name: shown[name] for name in booking} == booking
    assert said(site.admin.get(path)) == shown
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "booking_not_found")


def test_a_customer_lists_own_bookings(site: Site) -> None:
    customer, nobody = site.newcomer(), site.newcomer()
    older, newer = site.book(customer, site.schedule(), "1A"), site.book(customer, site.schedule(), "1A")
    site.initiate(customer, site.reserve(customer, site.schedule(), "1A"))
    site.cancel(customer, older)

    first = said(customer.get("/bookings/history", limit=1))
    second = said(customer.get("/bookings/history", limit=1, cursor=first["next_cursor"]))

    listed = first["items"] + second["items"]
    assert [(each["id"], each["status"]) for each in listed] == [
        (newer["id"], "confirmed"),
        (older["id"], "cancelled"),
    ]
    assert second["next_cursor"] is None
    assert said(nobody.get("/bookings/history"))["items"] == []
    refused(site.guest.get("/bookings/history"), 401, "sign_in_needed")


def test_a_customer_cancels_a_booking(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    booking = site.book(customer, schedule, "1A", "1B")
    path = f"/bookings/{booking['id']}/cancel"
    refused(site.customer().post(path, {}), 404, "booking_not_found")
    refused(site.guest.post(path, {}), 401, "sign_in_needed")

    cancellation = said(customer.post(path, {"reason": "ill"}))

    assert (cancellation["booking_id"], cancellation["user_id"]) == (booking["id"], customer.id)
    assert (cancellation["refund_amount"], cancellation["reason"]) == ("240.00", "ill")
    assert said(customer.get(f"/bookings/{booking['id']}"))["status"] == "cancelled"
    assert site.status_of(schedule, "1A", "1B") == ["available", "available"]
    paid_back = eventually(
        lambda: said(customer.get(f"/cancellations/{cancellation['id']}")), lambda it: it["refund_status"] != "pending"
    )
    assert paid_back["refund_status"] == "processed"
    refused(customer.post(path, {}), 409, "already_cancelled")


def test_a_booking_is_shown_with_all_that_belongs_to_it(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    booking = site.book(customer, schedule, "1A", "2A")
    path = f"/bookings/{booking['id']}/details"

    details = said(customer.get(path))

    assert (details["user"]["id"], details["user"]["email"]) == (customer.id, customer.user["email"])
    assert (details["id"], details["schedule"]["id"]) == (booking["id"], schedule["id"])
    assert (details["bus"]["id"], details["route"]["id"]) == (schedule["bus_id"], schedule["route_id"])
    assert [ticket["seat_number"] for ticket in details["tickets"]] == labels(details["seats"]) == ["1A", "2A"]
    assert details["ticket"] == details["tickets"][0]
    assert [(payment["status"], payment["amount"]) for payment in details["payments"]] == [("completed", "220.00")]
    assert sum(float(line["amount"]) for line in details["price_lines"]) == 220
    assert said(site.admin.get(path))["id"] == booking["id"]
    refused(site.customer().get(path), 404, "booking_not_found")
