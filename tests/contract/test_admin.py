"""Chapter 9, activity log and dashboard."""

from typing import Any

from tests.contract.answers import eventually, refused, said
from tests.contract.site import Site


def test_an_admin_filters_the_activity_log(site: Site) -> None:
    schedule, customer = site.schedule(), site.newcomer()
    reservation = site.reserve(customer, schedule, "1A")

    by_entity = site.log(entity_id=reservation["id"])
    by_user = site.log(user_id=customer.id, action_type="hold_placed")
    by_type = site.log(entity_type="bus_schedule", action_type="seats_generated")
    before = said(site.admin.get("/activity-logs", to=by_entity[-1]["timestamp"], user_id=customer.id))["items"]

    assert by_entity == by_user
    assert (by_entity[0]["entity_id"], by_entity[0]["user_id"]) == (reservation["id"], customer.id)
    assert (by_type[0]["entity_id"], by_type[0]["user_id"]) == (schedule["id"], site.admin.id)
    assert [row["action_type"] for row in before] == ["signed_in"]
    assert len(said(site.admin.get("/activity-logs", limit=2))["items"]) == 2
    refused(site.guest.get("/activity-logs"), 401, "sign_in_needed")
    refused(customer.get("/activity-logs"), 403, "role_needed")


def test_an_admin_sees_the_figures_of_the_day(site: Site) -> None:
    customer, schedule = site.customer(), site.schedule()
    before = _metrics(site)

    cancelled = site.book(customer, schedule, "1A")
    site.cancel(customer, cancelled)
    site.book(site.customer(), schedule, "2A")
    site.reserve(site.customer(), schedule, "3A")

    after = eventually(lambda: _metrics(site), lambda it: it["refunds"] - before["refunds"] >= 120)
    assert {name: after[name] - before[name] for name in before} == {
        "today": 2,
        "cancelled": 1,
        "sales": 220,
        "refunds": 120,
        "active_reservations": 1,
    }
    refused(site.guest.get("/admin/dashboard/metrics"), 401, "sign_in_needed")
    refused(customer.get("/admin/dashboard/metrics"), 403, "role_needed")


def test_an_admin_sees_all_reservations_that_run(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A", "1B")

    shown = next(each for each in _all_active(site) if each["id"] == reservation["id"])

    assert (shown["user"]["id"], shown["user"]["email"]) == (customer.id, customer.user["email"])
    assert (shown["schedule"]["id"], shown["bus"]["id"]) == (schedule["id"], schedule["bus_id"])
    assert (shown["route"]["id"], shown["places"]) == (schedule["route_id"], ["1A", "1B"])
    assert (shown["status"], shown["warning"], shown["stuck"]) == ("active", False, False)
    assert 880 <= shown["seconds_left"] <= 900
    refused(site.guest.get("/admin/reservations/active"), 401, "sign_in_needed")
    refused(customer.get("/admin/reservations/active"), 403, "role_needed")


def test_an_admin_releases_a_reservation(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A")
    path = f"/admin/reservations/{reservation['id']}/release"
    refused(site.guest.post(path), 401, "sign_in_needed")
    refused(customer.post(path), 403, "role_needed")

    released = said(site.admin.post(path, {"reason": "asked for by phone"}))

    assert released == {"reservation_id": reservation["id"], "status": "cancelled"}
    assert said(customer.get(f"/reservations/{reservation['id']}"))["status"] == "cancelled"
    assert site.status_of(schedule, "1A") == ["available"]
    refused(site.admin.post(path), 409, "hold_ended")
    refused(site.admin.post(f"/admin/reservations/{site.admin.id}/release"), 404, "hold_not_found")


def _metrics(site: Site) -> dict[str, float]:
    """Today's figures that a test of ours moves."""
    shown = said(site.admin.get("/admin/dashboard/metrics"))
    days = {(day["day"], day["currency"]): day for day in shown["money"]}
    today = days.get((shown["computed_at"][:10], "EGP"), {"sales": 0, "refunds": 0})
    return {
        "today": shown["bookings"]["today"],
        "cancelled": shown["bookings"]["cancelled"],
        "sales": float(today["sales"]),
        "refunds": float(today["refunds"]),
        "active_reservations": shown["active_reservations"],
    }


def _all_active(site: Site) -> list[Any]:
    """Every page of them."""
    page = said(site.admin.get("/admin/reservations/active", limit=100))
    found: list[Any] = page["items"]
    while page["next_cursor"]:
        page = said(site.admin.get("/admin/reservations/active", limit=100, cursor=page["next_cursor"]))
        found += page["items"]
    return found
