"""Chapter 5: what a guest, a customer and an admin may do."""

from zoneinfo import ZoneInfo

from tests.contract.answers import at, refused, said
from tests.contract.site import Site


def test_a_guest_searches_and_watches_seats_and_does_nothing_else(site: Site) -> None:
    route = site.open_route()
    schedule = site.schedule(route_id=route["id"])
    day = at(schedule["departure_datetime"]).astimezone(ZoneInfo("Africa/Cairo")).date().isoformat()
    way = {"origin_city": route["origin_city"], "destination_city": route["destination_city"]}

    found = said(site.guest.get("/schedules/search", **way, departure_date=day))["items"]
    seats = site.seats(found[0])

    assert {seat["status"] for seat in seats.values()} == {"available"}
    for refusal in (
        site.ask(site.guest, schedule, "1A"),
        site.guest.get("/reservations/active"),
        site.guest.get("/bookings/history"),
        site.guest.post("/payments/initiate", {}),
        site.guest.post("/routes", {}),
        site.guest.get("/activity-logs"),
    ):
        refused(refusal, 401, "sign_in_needed")


def test_a_customer_buys_for_themselves_alone(site: Site) -> None:
    schedule, customer, other = site.schedule(), site.newcomer(), site.customer()

    booking = site.book(customer, schedule, "1A")
    cancelled = site.cancel(customer, booking)

    assert [each["id"] for each in said(customer.get("/bookings/history"))["items"]] == [booking["id"]]
    for path, code in (
        (f"/reservations/{booking['reservation_id']}", "reservation_not_found"),
        (f"/bookings/{booking['id']}", "booking_not_found"),
        (f"/tickets/{booking['ticket']['id']}", "ticket_not_found"),
        (f"/cancellations/{cancelled['id']}", "cancellation_not_found"),
        (f"/users/{customer.id}", "user_not_found"),
    ):
        refused(other.get(path), 404, code)
    for refusal in (
        customer.post("/routes", {}),
        customer.get("/buses"),
        customer.post("/schedules", {}),
        customer.post(f"/schedules/{schedule['id']}/generate-seats"),
        customer.get("/users"),
        customer.get("/admin/reservations/active"),
    ):
        refused(refusal, 403, "role_needed")


def test_an_admin_runs_the_catalogue_and_watches_everything(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A")

    shown = said(site.admin.get(f"/reservations/{reservation['id']}"))
    said(site.admin.post(f"/admin/reservations/{reservation['id']}/release"))

    assert (shown["user_id"], site.admin.user["role"]) == (customer.id, "admin")
    assert said(site.admin.get("/admin/dashboard/metrics"))["computed_at"] > reservation["created_at"]
    assert {row["user_id"] for row in site.log(entity_id=reservation["id"])} == {customer.id, site.admin.id}
