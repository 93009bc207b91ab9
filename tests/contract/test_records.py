"""Chapter 6: every record has every field of the seed, of its kind; each field is a case of its own.

The records are those of one small story: a booking of two seats, and another one that was cancelled and paid back.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract import bus, shapes
from tests.contract.answers import eventually, said
from tests.contract.site import Site

_STORIES: dict[str, dict[str, Any]] = {}


def _fields(title: str) -> pytest.MarkDecorator:
    record = next(each for each in bus.RECORDS if each.title == title)
    return pytest.mark.parametrize(("name", "kind"), record.fields.items(), ids=list(record.fields))


@pytest.fixture
def story(site: Site) -> dict[str, Any]:
    """Each record by its name in the table, told once for all fields."""
    if site.database_url not in _STORIES:
        _STORIES[site.database_url] = _told(site)
    return _STORIES[site.database_url]


def _told(site: Site) -> dict[str, Any]:
    schedule, customer, other = site.schedule(), site.customer(), site.customer()
    booking = site.book(customer, schedule, "1A", "2A")
    cancelled = site.cancel(other, site.book(other, schedule, "3A"), reason="ill")
    look: Callable[[str], Any] = lambda path: said(customer.get(path))  # noqa: E731 - said once
    details = look(f"/bookings/{booking['id']}/details")
    return {
        "User": look(f"/users/{customer.id}"),
        "Route": look(f"/routes/{schedule['route_id']}"),
        "Bus": said(site.admin.get(f"/buses/{schedule['bus_id']}")),
        "Schedule": look(f"/schedules/{schedule['id']}"),
        "Seat": look(f"/seats/{booking['seats'][0]['seat_id']}"),
        "Reservation": look(f"/reservations/{booking['reservation_id']}"),
        "Booking": look(f"/bookings/{booking['id']}"),
        "Payment": look(f"/payments/{details['payments'][0]['id']}"),
        "Ticket": look(f"/tickets/{booking['ticket']['id']}"),
        "Cancellation": eventually(
            lambda: said(other.get(f"/cancellations/{cancelled['id']}")), lambda it: it["refund_status"] == "processed"
        ),
        "Activitylog": site.log(entity_id=booking["id"])[-1],
    }


@_fields("User")
def test_a_user_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["User"], name, kind)


@_fields("Route")
def test_a_route_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Route"], name, kind)


@_fields("Bus")
def test_a_bus_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Bus"], name, kind)


@_fields("Schedule")
def test_a_schedule_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Schedule"], name, kind)


@_fields("Seat")
def test_a_seat_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Seat"], name, kind)


@_fields("Reservation")
def test_a_reservation_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Reservation"], name, kind)


@_fields("Reservationseat")
def test_a_seat_of_a_reservation_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    _check_part(story["Reservation"], name, kind)


@_fields("Booking")
def test_a_booking_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Booking"], name, kind)


@_fields("Bookingseat")
def test_a_seat_of_a_booking_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    _check_part(story["Booking"], name, kind)


@_fields("Payment")
def test_a_payment_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Payment"], name, kind)


@_fields("Ticket")
def test_a_ticket_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Ticket"], name, kind)


@_fields("Cancellation")
def test_a_cancellation_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Cancellation"], name, kind)


@_fields("Activitylog")
def test_a_row_of_the_activity_log_has_every_field(story: dict[str, Any], name: str, kind: str) -> None:
    shapes.check(story["Activitylog"], name, kind)


def _check_part(whole: Any, name: str, kind: str) -> None:
    """A seat stands in its reservation or booking: its parent is the whole, its times are those of the whole."""
    seats = whole["seats"]
    assert len(seats) == 2
    if kind == "item":
        assert [seat["item"] for seat in seats] == [0, 1]
    elif kind == "parent":
        shapes.check(whole, "id", "id")
    elif kind == "of_parent":
        shapes.check(whole, name, "moment")
    else:
        for seat in seats:
            shapes.check(seat, name, kind)
