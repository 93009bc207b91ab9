"""Chapter 9, reservations."""

from datetime import timedelta

from tests.contract.answers import at, labels, refused, said
from tests.contract.site import Site


def test_a_customer_reserves_seats(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    seats = site.seats(schedule)
    wanted = {"schedule_id": schedule["id"], "seat_ids": [seats["1A"]["id"], seats["3D"]["id"]]}

    reservation = said(customer.post("/reservations/create", wanted), 201)

    assert (reservation["user_id"], reservation["schedule_id"]) == (customer.id, schedule["id"])
    assert (reservation["status"], labels(reservation["seats"])) == ("active", ["1A", "3D"])
    assert (reservation["total_amount"], reservation["currency"]) == ("255.50", "EGP")
    assert (site.status_of(schedule, "1A", "3D"), site.left_on(schedule)) == (["reserved", "reserved"], 10)
    refused(site.guest.post("/reservations/create", wanted), 401, "sign_in_needed")
    taken = refused(site.customer().post("/reservations/create", wanted), 409, "slots_taken")
    assert taken["labels"] == ["1A", "3D"]


def test_a_reservation_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    path = f"/reservations/{reservation['id']}"

    shown = said(customer.get(path))

    volatile = {"server_time", "seconds_left"}
    assert {name: value for name, value in shown.items() if name not in volatile} == {
        name: value for name, value in reservation.items() if name not in volatile
    }
    assert 890 <= shown["seconds_left"] <= 900
    assert said(site.admin.get(path))["id"] == reservation["id"]
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "reservation_not_found")


def test_a_customer_gives_a_reservation_back(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "1A")
    path = f"/reservations/{reservation['id']}"

    refused(site.customer().delete(path), 404, "reservation_not_found")
    said(customer.delete(path), 204)

    assert said(customer.get(path))["status"] == "cancelled"
    assert (site.status_of(schedule, "1A"), site.left_on(schedule)) == (["available"], 12)
    refused(customer.delete(path), 409, "hold_ended")
    refused(site.guest.delete(path), 401, "sign_in_needed")


def test_a_customer_lists_reservations_that_are_not_paid(site: Site) -> None:
    customer = site.newcomer()
    first = site.reserve(customer, site.schedule(), "1A")
    second = site.reserve(customer, site.schedule(), "1A")
    site.reserve(site.customer(), site.schedule(), "1A")
    given_back = site.reserve(customer, site.schedule(), "1A")
    said(customer.delete(f"/reservations/{given_back['id']}"), 204)

    listed = said(customer.get("/reservations/active"))["items"]

    assert [each["id"] for each in listed] == [first["id"], second["id"]]
    assert {each["status"] for each in listed} == {"active"}
    refused(site.guest.get("/reservations/active"), 401, "sign_in_needed")


def test_a_reservation_is_shown_with_user_schedule_and_seats(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    reservation = site.reserve(customer, schedule, "2B", "2C")
    path = f"/reservations/{reservation['id']}/details"

    details = said(customer.get(path))

    assert (details["user"]["id"], details["user"]["email"]) == (customer.id, customer.user["email"])
    assert (details["schedule"]["id"], details["bus"]["id"]) == (schedule["id"], schedule["bus_id"])
    assert (details["route"]["id"], labels(details["seats"])) == (schedule["route_id"], ["2B", "2C"])
    assert at(details["expiry_datetime"]) - at(details["reservation_datetime"]) == timedelta(minutes=15)
    assert said(site.admin.get(path))["id"] == reservation["id"]
    refused(site.customer().get(path), 404, "reservation_not_found")
