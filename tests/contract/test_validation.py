"""Chapter 12: what is refused of users, schedules and seats, and what in general."""

from datetime import UTC, datetime, timedelta
from typing import Any

from holdfast.kit.ids import new_id
from tests.contract.answers import at, refused, said
from tests.contract.coach import SEATS, layout
from tests.contract.conftest import ADMIN_EMAIL
from tests.contract.site import API, Site


def test_an_email_has_to_be_one_and_to_be_unique(site: Site) -> None:
    account = site.account()

    for wrong in ("nobody", "@example.org", "a@b@example.org", "a b@example.org", "nobody@", "a@-example.org"):
        refused(site.guest.post("/users/register", account | {"email": wrong}), 422, "invalid_email")
    first = said(site.guest.post("/users/register", account), 201)
    again = said(site.guest.post("/users/register", site.account(email=account["email"].upper())), 201)

    assert first["id"] != again["id"]
    taken = site.account(email=ADMIN_EMAIL.upper())
    refused(site.guest.post("/users/register", taken), 409, "email_taken")


def test_a_password_has_8_characters_of_three_kinds(site: Site) -> None:
    wrong = {
        "Abc-123": "8 characters",
        "lower-case-1": "an upper-case letter",
        "UPPER-CASE-1": "a lower-case letter",
        "No-Digit-Here": "a digit",
    }

    missing = {
        password: refused(site.guest.post("/users/register", site.account(password=password)), 422, "weak_password")
        for password in wrong
    }

    assert {password: problem["missing"] for password, problem in missing.items()} == {
        password: [rule] for password, rule in wrong.items()
    }
    said(site.guest.post("/users/register", site.account(password="Abcdef-1")), 201)


def test_a_phone_number_has_10_to_15_digits(site: Site) -> None:
    for wrong in ("+2012345", "+201001234567890123", "not a number"):
        refused(site.guest.post("/users/register", site.account(phone_number=wrong)), 422, "invalid_phone")

    national = said(site.guest.post("/users/register", site.account(phone_number="0100 123 4567")), 201)

    assert national["phone_number"] == "+201001234567"
    nameless = {name: value for name, value in site.account().items() if name != "phone_number"}
    refused(site.guest.post("/users/register", nameless), 422, "validation_failed")


def test_nobody_chooses_a_role_and_an_unknown_one_is_not_granted(site: Site) -> None:
    customer = site.newcomer()

    for role in ("admin", "customer", "guest"):
        refused(site.guest.post("/users/register", site.account(role=role)), 422, "validation_failed")
    for role in ("guest", "emperor"):
        refused(site.admin.post(f"/users/{customer.id}/roles", {"role": role}), 422, "unknown_role")
    refused(customer.post(f"/users/{customer.id}/roles", {"role": "admin"}), 403, "role_needed")

    assert said(customer.get(f"/users/{customer.id}"))["roles"] == ["customer"]


def test_a_departure_in_the_past_is_refused(site: Site) -> None:
    for seconds in (1, 86_400):
        departs_at = datetime.now(UTC) - timedelta(seconds=seconds)
        wanted = _schedule(site, departs_at=departs_at)
        refused(site.admin.post("/schedules", wanted), 422, "departure_in_past")

    soon = said(
        site.admin.post("/schedules", _schedule(site, departs_at=datetime.now(UTC) + timedelta(minutes=5))), 201
    )

    assert soon["status"] == "scheduled"


def test_an_arrival_before_the_departure_is_refused(site: Site) -> None:
    departs_at = datetime.now(UTC) + timedelta(days=1)

    for minutes in (0, -1):
        arrival = (departs_at + timedelta(minutes=minutes)).isoformat()
        wanted = _schedule(site, departs_at=departs_at, arrival_datetime=arrival)
        refused(site.admin.post("/schedules", wanted), 422, "arrival_before_departure")
    shortest = _schedule(site, departs_at=departs_at, arrival_datetime=(departs_at + timedelta(minutes=1)).isoformat())

    assert said(site.admin.post("/schedules", shortest), 201)["status"] == "scheduled"


def test_a_base_price_is_more_than_zero(site: Site) -> None:
    planned = site.plan()
    path = f"/schedules/{planned['id']}"

    refused(site.admin.put(path, {"base_price": "0.00"}), 422, "price_not_positive")
    refused(site.admin.put(path, {"base_price": "10.005"}), 422, "malformed_amount")
    for wrong in ("-1.00", "free", True):
        refused(site.admin.put(path, {"base_price": wrong}), 422, "validation_failed")

    assert said(site.admin.put(path, {"base_price": 12}))["base_price"] == "12.00"


def test_available_seats_are_counted_and_never_bound(site: Site) -> None:
    schedule = site.schedule()
    site.reserve(site.customer(), schedule, *SEATS[:5])

    refused(site.admin.put(f"/schedules/{schedule['id']}", {"available_seats": 20}), 422, "validation_failed")
    wanted = _schedule(site, departs_at=datetime.now(UTC) + timedelta(days=1), available_seats=20)
    refused(site.admin.post("/schedules", wanted), 422, "validation_failed")

    assert 0 <= site.left_on(schedule) == 7 <= site.shown(schedule)["total_seats"]


def test_a_seat_number_is_refused_twice_on_a_schedule(site: Site) -> None:
    schedule = site.schedule()
    twice = layout()
    twice["decks"][0]["rows"][1]["seats"][0]["number"] = "1a"
    config = {"seat_layout_config": twice}

    refused(site.admin.post("/seats", {"schedule_id": schedule["id"], "seat_number": "1a"}), 409, "seat_number_taken")
    refused(site.admin.put(f"/buses/{schedule['bus_id']}", config), 422, "layout_invalid")
    refused(site.admin.post("/seats", {"schedule_id": schedule["id"], "seat_number": ""}), 422, "validation_failed")

    assert sorted(site.seats(schedule)) == sorted(SEATS)


def test_a_price_modifier_is_zero_or_more(site: Site) -> None:
    schedule = site.schedule()
    path = f"/seats/{site.seats(schedule)['1A']['id']}"
    negative = layout()
    negative["decks"][0]["rows"][0]["seats"][0]["price_modifier"] = "-5.00"

    refused(site.admin.put(path, {"price_modifier": "-0.01"}), 422, "validation_failed")
    refused(site.admin.put(path, {"price_modifier": "0.005"}), 422, "malformed_amount")
    refused(site.admin.put(f"/buses/{schedule['bus_id']}", {"seat_layout_config": negative}), 422, "validation_failed")

    changed = said(site.admin.put(path, {"price_modifier": "0.00"}))
    assert (changed["price_modifier"], changed["price"]) == ("0.00", "100.00")


def test_the_status_of_a_seat_is_never_bound(site: Site) -> None:
    schedule = site.schedule()
    seat = site.seats(schedule)["1A"]
    wanted = {"schedule_id": schedule["id"], "seat_number": "9Z", "status": "booked"}

    refused(site.admin.put(f"/seats/{seat['id']}", {"status": "booked"}), 422, "validation_failed")
    refused(site.admin.post("/seats", wanted), 422, "validation_failed")

    assert {each["status"] for each in site.seats(schedule).values()} == {"available"}


def test_dates_are_iso_8601_or_refused(site: Site) -> None:
    wanted = _schedule(site, departs_at=datetime.now(UTC) + timedelta(days=1))
    way = {"origin_city": "Cairo", "destination_city": "Aswan"}

    for wrong in ("tomorrow", "2027-02-29T10:00:00Z", "01/02/2027", 1_893_456_000, "2027-01-01T25:00:00+02:00"):
        refused(site.admin.post("/schedules", wanted | {"departure_datetime": wrong}), 422, "validation_failed")
    for wrong in ("2027-02-29", "2027-1-1", "today", "20270101"):
        refused(site.guest.get("/schedules/search", **way, departure_date=wrong), 422, "validation_failed")
    refused(site.admin.get("/activity-logs", **{"from": "2027-01-01T10:00:00"}), 422, "validation_failed")

    wall = {"departure_datetime": "2027-01-15T22:30", "arrival_datetime": "2027-01-16T05:00"}
    schedule = said(site.admin.post("/schedules", wanted | wall), 201)
    assert at(schedule["departure_datetime"]) == datetime(2027, 1, 15, 20, 30, tzinfo=UTC)


def test_ids_are_uuids_or_refused(site: Site) -> None:
    absent = str(new_id())
    lists = ("users", "routes", "buses", "schedules", "seats", "reservations", "bookings", "payments", "tickets")

    answers = {kind: site.admin.get(f"/{kind}/42") for kind in (*lists, "cancellations")}
    gone = {kind: site.admin.get(f"/{kind}/{absent}") for kind in (*lists, "cancellations")}

    assert {kind: (answer.status_code, answer.json()["code"]) for kind, answer in answers.items()} == dict.fromkeys(
        answers, (422, "malformed_id")
    )
    assert {kind: answer.status_code for kind, answer in gone.items()} == dict.fromkeys(gone, 404)
    refused(site.customer().post("/reservations/create", {"schedule_id": "42", "count": 1}), 422, "validation_failed")
    refused(site.admin.get("/activity-logs", entity_id="42"), 422, "validation_failed")


def test_json_fields_hold_json_or_are_refused(site: Site) -> None:
    bus = site.open_bus()
    path = f"/buses/{bus['id']}"
    headers = {"Authorization": f"Bearer {site.admin.token}", "Content-Type": "application/json"}

    broken = site.http.put(f"{API}{path}", content=b'{"amenities": [', headers=headers)
    twice = site.http.put(f"{API}{path}", content=b'{"is_active": true, "is_active": false}', headers=headers)

    refused(broken, 400, "malformed_json")
    refused(twice, 400, "duplicate_key")
    wrongs: tuple[dict[str, Any], ...] = (
        {"seat_layout_config": "{}"},
        {"seat_layout_config": {"seats": []}},
        {"amenities": 7},
    )
    for wrong in wrongs:
        refused(site.admin.put(path, wrong), 422, "validation_failed")
    shown = said(site.admin.put(path, {"amenities": {"wifi": True, "seats": "leather"}}))
    assert shown["amenities"] == {"wifi": True, "seats": "leather"}
    assert isinstance(site.log(entity_type="bus", entity_id=bus["id"])[0]["after"], dict)


def _schedule(site: Site, *, departs_at: datetime, **changes: Any) -> dict[str, Any]:
    """What one sends to plan a schedule of a bus of its own."""
    fields = {
        "bus_id": site.open_bus()["id"],
        "route_id": site.route["id"],
        "departure_datetime": departs_at.isoformat(),
        "arrival_datetime": (departs_at + timedelta(hours=6)).isoformat(),
        "base_price": "10.00",
    }
    return fields | changes
