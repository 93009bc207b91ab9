"""Chapter 9, seats: those of one schedule."""

from tests.contract.answers import refused, said
from tests.contract.site import Site


def test_an_admin_adds_a_seat(site: Site) -> None:
    schedule = site.schedule()
    wanted = {"schedule_id": schedule["id"], "seat_number": "9Z", "seat_type": "premium", "price_modifier": "12.25"}

    seat = said(site.admin.post("/seats", wanted), 201)

    assert {name: seat[name] for name in wanted} == wanted
    assert (seat["price"], seat["status"]) == ("112.25", "available")
    assert (site.seats(schedule)["9Z"], site.left_on(schedule)) == (seat, 13)
    refused(site.admin.post("/seats", wanted), 409, "seat_number_taken")
    refused(site.guest.post("/seats", wanted), 401, "sign_in_needed")
    refused(site.customer().post("/seats", wanted), 403, "role_needed")


def test_an_admin_lists_seats(site: Site) -> None:
    schedule = site.schedule()

    newest = said(site.admin.get("/seats", limit=12))["items"]
    first = said(site.admin.get("/seats", schedule_id=schedule["id"], limit=7))
    second = said(site.admin.get("/seats", schedule_id=schedule["id"], limit=7, cursor=first["next_cursor"]))

    assert newest == list(site.seats(schedule).values())
    assert first["items"] + second["items"] == newest
    assert second["next_cursor"] is None
    refused(site.guest.get("/seats"), 401, "sign_in_needed")
    refused(site.customer().get("/seats"), 403, "role_needed")


def test_anybody_looks_at_a_seat(site: Site) -> None:
    schedule = site.schedule()
    seat = site.seats(schedule)["3C"]

    shown = said(site.guest.get(f"/seats/{seat['id']}"))

    assert shown == seat
    assert (shown["seat_type"], shown["price_modifier"], shown["price"]) == ("sleeper", "35.50", "135.50")
    refused(site.guest.get(f"/seats/{schedule['id']}"), 404, "seat_not_found")


def test_an_admin_changes_a_seat(site: Site) -> None:
    schedule = site.schedule()
    seats = site.seats(schedule)
    site.reserve(site.customer(), schedule, "1B")
    change = {"seat_number": "1Z", "seat_type": "standard", "price_modifier": "5.00"}

    changed = said(site.admin.put(f"/seats/{seats['1A']['id']}", change))

    assert {name: changed[name] for name in change} == change
    assert (changed["id"], changed["price"]) == (seats["1A"]["id"], "105.00")
    assert "1A" not in site.seats(schedule)
    held = f"/seats/{seats['1B']['id']}"
    assert refused(site.admin.put(held, {"price_modifier": "1.00"}), 409, "seat_claimed")["number"] == "1B"
    refused(site.admin.put(held, {"seat_number": "1Y"}), 409, "seat_claimed")
    refused(site.customer().put(held, change), 403, "role_needed")


def test_a_deleted_seat_is_found_no_more(site: Site) -> None:
    schedule = site.schedule()
    seats = site.seats(schedule)
    site.reserve(site.customer(), schedule, "1B")

    said(site.admin.delete(f"/seats/{seats['1A']['id']}"), 204)

    refused(site.guest.get(f"/seats/{seats['1A']['id']}"), 404, "seat_not_found")
    assert ("1A" in site.seats(schedule), site.left_on(schedule)) == (False, 10)
    refused(site.admin.delete(f"/seats/{seats['1B']['id']}"), 409, "seat_claimed")
    refused(site.customer().delete(f"/seats/{seats['1B']['id']}"), 403, "role_needed")
