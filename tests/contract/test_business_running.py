"""Chapter 11: rules of seats, schedules and admins."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tests.contract.answers import at, refused, said
from tests.contract.coach import SEATS, layout
from tests.contract.site import Site


def test_a_seat_goes_from_available_to_reserved_to_booked_or_back(site: Site) -> None:
    schedule, buyer, fickle = site.schedule(), site.customer(), site.customer()
    seen = [site.status_of(schedule, "1A", "1B")]

    kept, given_up = site.reserve(buyer, schedule, "1A"), site.reserve(fickle, schedule, "1B")
    seen.append(site.status_of(schedule, "1A", "1B"))
    said(fickle.delete(f"/reservations/{given_up['id']}"), 204)
    booking = site.pay(buyer, kept)
    seen.append(site.status_of(schedule, "1A", "1B"))
    site.cancel(buyer, booking)
    seen.append(site.status_of(schedule, "1A", "1B"))

    assert seen == [
        ["available", "available"],
        ["reserved", "reserved"],
        ["booked", "available"],
        ["available", "available"],
    ]


def test_a_reserved_seat_is_refused_to_others_by_its_number(site: Site) -> None:
    schedule = site.schedule()
    site.reserve(site.customer(), schedule, "1A")
    site.book(site.customer(), schedule, "2A")

    refusal = refused(site.ask(site.customer(), schedule, "2A", "1A", "3A"), 409, "slots_taken")
    best = site.customer().post("/reservations/create", {"schedule_id": schedule["id"], "count": 6})

    assert sorted(refusal["labels"]) == ["1A", "2A"]
    assert site.status_of(schedule, "3A") in (["available"], ["reserved"])
    assert {"1A", "2A"} & {seat["seat_number"] for seat in said(best, 201)["seats"]} == set()


def test_of_many_who_reach_for_a_seat_at_once_one_gets_it(site: Site) -> None:
    schedule = site.schedule()
    customers = [site.customer() for _ in range(8)]

    with ThreadPoolExecutor(len(customers)) as pool:
        answers = list(pool.map(lambda customer: site.ask(customer, schedule, "1A"), customers))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {refused(answer, 409, "slots_taken")["labels"][0] for answer in answers if answer.status_code == 409} == {
        "1A"
    }
    assert (site.status_of(schedule, "1A"), site.left_on(schedule)) == (["reserved"], 11)


def test_a_seat_number_stands_once_on_a_schedule_and_again_on_another(site: Site) -> None:
    one, other = site.schedule(), site.schedule()

    seats = site.seats(one)["1A"], site.seats(other)["1A"]
    renamed = site.admin.put(f"/seats/{seats[0]['id']}", {"seat_number": "2A"})

    assert seats[0]["id"] != seats[1]["id"]
    assert sorted(site.seats(one)) == sorted(SEATS)
    assert refused(renamed, 409, "seat_number_taken")["number"] == "2A"


def test_a_schedule_never_departs_in_the_past(site: Site) -> None:
    schedule, past = site.shown(site.schedule()), datetime.now(UTC) - timedelta(minutes=1)
    times = {"departure_datetime": past.isoformat(), "arrival_datetime": (past + timedelta(hours=6)).isoformat()}
    wanted = {"bus_id": site.open_bus()["id"], "route_id": site.route["id"], "base_price": "10.00"}

    planned = site.admin.post("/schedules", wanted | times)
    moved = site.admin.put(f"/schedules/{schedule['id']}", times)

    refused(planned, 422, "departure_in_past")
    refused(moved, 422, "departure_in_past")
    assert said(site.guest.get(f"/schedules/{schedule['id']}")) == schedule


def test_a_schedule_never_arrives_before_it_departs(site: Site) -> None:
    schedule, departs_at = site.shown(site.schedule()), datetime.now(UTC) + timedelta(days=2)
    wanted = {"bus_id": site.open_bus()["id"], "route_id": site.route["id"], "base_price": "10.00"}
    times = {"departure_datetime": departs_at.isoformat(), "arrival_datetime": departs_at.isoformat()}

    planned = site.admin.post("/schedules", wanted | times)
    moved = site.admin.put(
        f"/schedules/{schedule['id']}",
        {"arrival_datetime": (at(schedule["departure_datetime"]) - timedelta(hours=1)).isoformat()},
    )

    refused(planned, 422, "arrival_before_departure")
    refused(moved, 422, "arrival_before_departure")
    assert said(site.guest.get(f"/schedules/{schedule['id']}")) == schedule


def test_a_sold_out_schedule_has_no_seats_left_and_never_fewer(site: Site) -> None:
    schedule, first, second = site.schedule(), site.customer(), site.customer()
    left = [site.left_on(schedule)]

    site.reserve(first, schedule, *SEATS[:6])
    left.append(site.left_on(schedule))
    site.book(second, schedule, *SEATS[6:])
    left.append(site.left_on(schedule))
    one_more = site.customer().post("/reservations/create", {"schedule_id": schedule["id"], "count": 1})

    assert left == [12, 6, 0]
    assert refused(one_more, 409, "not_enough_seats")["free"] == 0
    assert site.left_on(schedule) == 0


def test_a_bus_has_as_many_seats_as_its_layout(site: Site) -> None:
    bus = site.open_bus()
    wanted = {
        "bus_number": f"{bus['bus_number']}-2",
        "bus_type": "standard",
        "total_seats": 13,
        "seat_layout_config": layout(),
    }

    entered = site.admin.post("/buses", wanted)
    fewer = site.admin.put(f"/buses/{bus['id']}", {"total_seats": 11})
    larger = site.admin.put(f"/buses/{bus['id']}", {"seat_layout_config": layout(rows=4)})

    counted = [refused(answer, 422, "seats_miscounted") for answer in (entered, fewer, larger)]
    assert [(each["seats"], each["total_seats"]) for each in counted] == [(12, 13), (12, 11), (16, 12)]
    assert said(site.admin.get(f"/buses/{bus['id']}")) == bus


def test_an_admin_releases_what_a_customer_holds(site: Site) -> None:
    schedule, customer, next_one = site.schedule(), site.customer(), site.customer()
    reservation = site.reserve(customer, schedule, "1A")
    opened = site.initiate(customer, reservation)

    said(site.admin.post(f"/admin/reservations/{reservation['id']}/release"))
    site.reserve(next_one, schedule, "1A")

    assert said(customer.get(f"/reservations/{reservation['id']}"))["status"] == "cancelled"
    refused(customer.post("/payments/initiate", {"reservation_id": reservation["id"]}), 409, "hold_ended")
    assert site.payment_becomes(customer, opened["payment_id"], "failed")["payment_url"] is None


def test_acts_of_an_admin_are_logged_with_their_id(site: Site) -> None:
    customer, route = site.newcomer(), site.open_route()
    schedule = site.schedule(timedelta(days=3), route_id=route["id"])
    reservation = site.reserve(customer, schedule, "1A")

    said(site.second_admin.post(f"/admin/reservations/{reservation['id']}/release", {"reason": "stuck"}))
    said(site.admin.put(f"/users/{customer.id}", {"first_name": "Mona"}))

    acts = {
        (row["action_type"], row["user_id"])
        for entity in (route["id"], schedule["bus_id"], schedule["id"], reservation["id"], customer.id)
        for row in site.log(entity_id=entity)
        if row["user_id"] != customer.id
    }
    by_first = {"route_created", "bus_created", "schedule_created", "seats_generated", "profile_changed"}
    assert acts - {("registered", None)} == {(action, site.admin.id) for action in by_first} | {
        ("hold_released", site.second_admin.id)
    }


def test_an_admin_reads_what_customers_own(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A")
    cancelled = site.cancel(customer, booking)
    payment = said(site.admin.get(f"/bookings/{booking['id']}/details"))["payments"][0]

    answers = [
        site.admin.get(path)
        for path in (
            f"/users/{customer.id}",
            f"/users/{customer.id}/profile",
            f"/reservations/{booking['reservation_id']}",
            f"/bookings/{booking['id']}",
            f"/payments/{payment['id']}",
            f"/payments/status/{booking['id']}",
            f"/tickets/{booking['ticket']['id']}",
            f"/cancellations/{cancelled['id']}",
            f"/cancellations/{cancelled['id']}/details",
        )
    ]

    assert [answer.status_code for answer in answers] == [200] * 9
