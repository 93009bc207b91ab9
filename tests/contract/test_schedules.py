"""Chapter 9, schedules."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.contract.answers import at, eventually, refused, said
from tests.contract.coach import BASE_PRICE, SEATS
from tests.contract.site import Site


def test_an_admin_plans_a_schedule(site: Site) -> None:
    bus, departs_at = site.open_bus(), datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    wanted = {
        "bus_id": bus["id"],
        "route_id": site.route["id"],
        "departure_datetime": departs_at.isoformat(),
        "arrival_datetime": (departs_at + timedelta(hours=12)).isoformat(),
        "base_price": "150.50",
    }

    schedule = said(site.admin.post("/schedules", wanted), 201)

    assert (schedule["bus_id"], schedule["route_id"], schedule["status"]) == (bus["id"], site.route["id"], "scheduled")
    assert (at(schedule["departure_datetime"]), schedule["base_price"]) == (departs_at, "150.50")
    assert (schedule["currency"], schedule["available_seats"]) == ("EGP", 0)
    refused(site.admin.post("/schedules", wanted), 409, "bus_busy")
    refused(site.admin.post("/schedules", wanted | {"route_id": bus["id"]}), 404, "route_not_found")
    refused(site.guest.post("/schedules", wanted), 401, "sign_in_needed")
    refused(site.customer().post("/schedules", wanted), 403, "role_needed")


def test_anybody_lists_schedules(site: Site) -> None:
    route = site.open_route()
    late, early = (site.shown(site.schedule(timedelta(days=days), route_id=route["id"])) for days in (9, 8))

    first = said(site.guest.get("/schedules", route_id=route["id"], limit=1))
    second = said(site.guest.get("/schedules", route_id=route["id"], limit=1, cursor=first["next_cursor"]))

    assert (first["items"], second["items"]) == ([early], [late])
    assert second["next_cursor"] is None
    assert said(site.guest.get("/schedules", route_id=route["id"], status="completed"))["items"] == []


def test_anybody_looks_at_a_schedule(site: Site) -> None:
    schedule = site.schedule()

    shown = said(site.guest.get(f"/schedules/{schedule['id']}"))

    assert (shown["id"], shown["base_price"], shown["available_seats"]) == (schedule["id"], BASE_PRICE, 12)
    refused(site.guest.get(f"/schedules/{site.admin.id}"), 404, "schedule_not_found")


def test_an_admin_changes_a_schedule(site: Site) -> None:
    schedule, bus = site.schedule(), site.open_bus()
    later = at(schedule["departure_datetime"]) + timedelta(days=1)
    change = {
        "bus_id": bus["id"],
        "departure_datetime": later.isoformat(),
        "arrival_datetime": (later + timedelta(hours=7)).isoformat(),
        "base_price": "80.00",
    }

    changed = said(site.admin.put(f"/schedules/{schedule['id']}", change))

    assert (changed["bus_id"], changed["base_price"], at(changed["departure_datetime"])) == (bus["id"], "80.00", later)
    assert said(site.guest.get(f"/schedules/{schedule['id']}"))["version"] == changed["version"]
    assert site.seats(schedule)["1A"]["price"] == "100.00"
    refused(site.customer().put(f"/schedules/{schedule['id']}", change), 403, "role_needed")
    refused(site.admin.put(f"/schedules/{schedule['id']}", {"available_seats": 3}), 422, "validation_failed")


def test_a_deleted_schedule_is_found_no_more(site: Site) -> None:
    unsold, sold, customer = site.schedule(), site.schedule(), site.customer()
    booking = site.book(customer, sold, "1A")

    said(site.admin.delete(f"/schedules/{unsold['id']}"), 204)
    said(site.admin.delete(f"/schedules/{sold['id']}"), 204)

    refused(site.guest.get(f"/schedules/{unsold['id']}"), 404, "schedule_not_found")
    assert said(site.guest.get(f"/schedules/{sold['id']}"))["status"] == "cancelled"
    paid_back = eventually(
        lambda: said(customer.get(f"/bookings/{booking['id']}")), lambda it: it["payment_status"] == "refunded"
    )
    assert paid_back["cancellation"]["refund_amount"] == booking["total_amount"]
    refused(site.customer().delete(f"/schedules/{sold['id']}"), 403, "role_needed")


def test_seats_are_generated_from_the_bus(site: Site) -> None:
    planned = site.plan()

    generated = said(site.admin.post(f"/schedules/{planned['id']}/generate-seats"), 201)

    assert (generated["created_seats"], generated["available_seats"]) == (12, 12)
    assert sorted(site.seats(planned)) == sorted(SEATS)
    refused(site.customer().post(f"/schedules/{planned['id']}/generate-seats"), 403, "role_needed")
    site.reserve(site.customer(), planned, "1A")
    refused(site.admin.post(f"/schedules/{planned['id']}/generate-seats"), 409, "seats_in_use")


def test_anybody_finds_what_leaves_that_day(site: Site) -> None:
    route = site.open_route()
    schedule = site.schedule(timedelta(days=4), route_id=route["id"])
    unsold = site.plan(timedelta(days=4), route_id=route["id"])
    day = at(schedule["departure_datetime"]).astimezone(ZoneInfo("Africa/Cairo")).date()
    way = {"origin_city": route["origin_city"].lower(), "destination_city": route["destination_city"]}

    found = said(site.guest.get("/schedules/search", **way, departure_date=day.isoformat()))["items"]

    assert [each["id"] for each in found] == [schedule["id"]]
    assert (found[0]["bus"]["total_seats"], found[0]["route"]["id"]) == (12, route["id"])
    assert (found[0]["available_seats"], found[0]["price_from"]) == (12, BASE_PRICE)
    next_day = (day + timedelta(days=1)).isoformat()
    assert said(site.guest.get("/schedules/search", **way, departure_date=next_day))["items"] == []
    assert unsold["available_seats"] == 0
    refused(site.guest.get("/schedules/search", **way), 422, "validation_failed")


def test_anybody_watches_the_seats_of_a_schedule(site: Site) -> None:
    schedule = site.schedule()
    site.reserve(site.customer(), schedule, "2A", "2B")

    drawn = said(site.guest.get(f"/schedules/{schedule['id']}/seats"))

    reserved = [seat["seat_number"] for seat in drawn["seats"] if seat["status"] == "reserved"]
    assert (len(drawn["seats"]), reserved, drawn["available_seats"]) == (12, ["2A", "2B"], 10)
    assert drawn["summary"] == {"available": 10, "reserved": 2, "booked": 0}
    refused(site.guest.get(f"/schedules/{site.admin.id}/seats"), 404, "schedule_not_found")


def test_a_schedule_is_shown_with_its_bus_route_and_seats(site: Site) -> None:
    schedule = site.shown(site.schedule())

    details = said(site.guest.get(f"/schedules/{schedule['id']}/details"))

    assert {name: details[name] for name in schedule} == schedule
    assert (details["bus"]["id"], details["bus"]["amenities"]) == (schedule["bus_id"], ["wifi", "toilet"])
    assert details["route"] == said(site.guest.get(f"/routes/{schedule['route_id']}"))
    assert details["seats"] == list(site.seats(schedule).values())
    assert details["seat_summary"] == {"available": 12, "reserved": 0, "booked": 0}
