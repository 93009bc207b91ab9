"""Chapter 8: from each record one finds those it belongs to, and back."""

from typing import Any

import pytest

from tests.contract.answers import labels, said
from tests.contract.site import Caller, Site


class Story:
    """One booking of two seats that was cancelled, with everything around it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.customer: Caller = site.customer()
        self.schedule = site.schedule()
        self.created = site.book(self.customer, self.schedule, "1A", "2A")
        self.cancelled = site.cancel(self.customer, self.created)
        self.booking = self.look(f"/bookings/{self.created['id']}/details")
        self.reservation = self.look(f"/reservations/{self.created['reservation_id']}/details")
        self.payment = self.look(f"/payments/{self.booking['payments'][0]['id']}")

    def look(self, path: str) -> Any:
        return said(self.customer.get(path))


_STORIES: dict[str, Story] = {}


@pytest.fixture
def story(site: Site) -> Story:
    if site.database_url not in _STORIES:
        _STORIES[site.database_url] = Story(site)
    return _STORIES[site.database_url]


def test_a_schedule_has_its_bus(story: Story) -> None:
    details = story.look(f"/schedules/{story.schedule['id']}/details")

    bus = said(story.site.admin.get(f"/buses/{details['bus_id']}"))

    assert {name: bus[name] for name in details["bus"]} == details["bus"]


def test_a_schedule_has_its_route(story: Story) -> None:
    details = story.look(f"/schedules/{story.schedule['id']}/details")

    route = story.look(f"/routes/{details['route_id']}")

    assert details["route"] == route


def test_a_seat_has_its_schedule(story: Story) -> None:
    seats = story.site.seats(story.schedule)

    seat = story.look(f"/seats/{seats['2B']['id']}")

    assert seat["schedule_id"] == story.schedule["id"]
    assert {each["schedule_id"] for each in seats.values()} == {story.schedule["id"]}


def test_a_reservation_has_its_user(story: Story) -> None:
    user = story.look(f"/users/{story.reservation['user_id']}")

    named = story.reservation["user"]

    assert {name: user[name] for name in named} == named


def test_a_reservation_has_its_schedule(story: Story) -> None:
    schedule = story.look(f"/schedules/{story.reservation['schedule_id']}")

    named = story.reservation["schedule"]

    assert {name: schedule[name] for name in named} == named


def test_a_reservation_has_its_seats(story: Story) -> None:
    seats = story.look(f"/reservations/{story.reservation['id']}")["seats"]

    numbers = labels(seats)

    assert numbers == ["1A", "2A"]
    assert seats == story.reservation["seats"]


def test_a_seat_of_a_reservation_is_a_seat_of_the_map(story: Story) -> None:
    drawn = story.site.seats(story.schedule)

    found = [story.look(f"/seats/{seat['seat_id']}") for seat in story.reservation["seats"]]

    assert found == [drawn["1A"], drawn["2A"]]


def test_a_booking_has_its_reservation(story: Story) -> None:
    reservation = story.look(f"/reservations/{story.booking['reservation_id']}")

    named = reservation["booking_id"]

    assert named == story.booking["id"]
    assert reservation["total_amount"] == story.booking["total_amount"]


def test_a_booking_has_its_user(story: Story) -> None:
    user = story.look(f"/users/{story.booking['user_id']}")

    named = story.booking["user"]

    assert {name: user[name] for name in named} == named


def test_a_booking_has_its_schedule(story: Story) -> None:
    schedule = story.look(f"/schedules/{story.booking['schedule_id']}")

    named = story.booking["schedule"]

    assert {name: schedule[name] for name in named} == named


def test_a_booking_has_its_seats(story: Story) -> None:
    seats = story.look(f"/bookings/{story.booking['id']}")["seats"]

    numbers = labels(seats)

    assert numbers == ["1A", "2A"]
    assert [seat["seat_id"] for seat in seats] == [seat["seat_id"] for seat in story.reservation["seats"]]


def test_a_seat_of_a_booking_is_a_seat_of_the_map(story: Story) -> None:
    drawn = story.site.seats(story.schedule)

    found = [story.look(f"/seats/{seat['seat_id']}") for seat in story.booking["seats"]]

    assert found == [drawn["1A"], drawn["2A"]]


def test_a_payment_has_its_booking_and_a_booking_its_payments(story: Story) -> None:
    paid = story.look(f"/payments/status/{story.payment['booking_id']}")

    payments = [payment["id"] for payment in paid["payments"]]

    assert paid["booking_id"] == story.booking["id"]
    assert payments == [payment["id"] for payment in story.booking["payments"]] == [story.payment["id"]]


def test_a_payment_has_its_user(story: Story) -> None:
    user = story.look(f"/users/{story.payment['user_id']}")

    owner = story.booking["user_id"]

    assert user["id"] == owner == story.customer.id


def test_a_ticket_has_its_booking(story: Story) -> None:
    tickets = [story.look(f"/tickets/{ticket['id']}") for ticket in story.booking["tickets"]]

    of = [ticket["booking_id"] for ticket in tickets]

    assert of == [story.booking["id"]] * 2
    assert [ticket["seat_number"] for ticket in tickets] == ["1A", "2A"]
    assert story.booking["ticket"]["id"] == tickets[0]["id"]


def test_a_cancellation_has_its_booking(story: Story) -> None:
    details = story.look(f"/cancellations/{story.cancelled['id']}/details")

    booking = details["booking"]

    assert (booking["id"], details["booking_id"]) == (story.booking["id"], story.booking["id"])
    assert story.booking["cancellation"]["id"] == story.booking["cancellations"][-1]["id"] == story.cancelled["id"]


def test_a_cancellation_has_its_user(story: Story) -> None:
    details = story.look(f"/cancellations/{story.cancelled['id']}/details")

    user = story.look(f"/users/{details['user_id']}")

    assert {name: user[name] for name in details["user"]} == details["user"]
    assert details["user_id"] == story.customer.id


def test_a_row_of_the_log_has_its_user_or_none(story: Story) -> None:
    rows = story.site.log(entity_id=story.booking["id"])

    users = {row["action_type"]: (row["actor_kind"], row["user_id"]) for row in rows}

    assert users["booking_opened"] == ("user", story.customer.id)
    assert users["booking_confirmed"] == ("system", None)
    assert users["booking_cancelled"] == ("user", story.customer.id)
