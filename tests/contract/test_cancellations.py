"""Chapter 9, cancellations."""

from tests.contract.answers import refused, said
from tests.contract.site import Site


def test_a_cancellation_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A")
    cancelled = site.cancel(customer, booking, reason="the plan changed")
    path = f"/cancellations/{cancelled['id']}"

    shown = said(customer.get(path))

    fixed = ("id", "booking_id", "user_id", "cancellation_datetime", "reason", "items", "refund_amount", "created_at")
    assert {name: shown[name] for name in fixed} == {name: cancelled[name] for name in fixed}
    assert said(site.admin.get(path))["id"] == cancelled["id"]
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "cancellation_not_found")


def test_a_cancellation_is_shown_with_its_booking_and_user(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A")
    cancelled = site.cancel(customer, booking)
    path = f"/cancellations/{cancelled['id']}/details"

    details = said(customer.get(path))

    assert (details["id"], details["user_id"]) == (cancelled["id"], customer.id)
    assert (details["booking"]["id"], details["booking"]["status"]) == (booking["id"], "cancelled")
    assert details["booking"]["user_id"] == customer.id
    assert details["user"] == {
        "id": customer.id,
        "first_name": "Amal",
        "last_name": "Hassan",
        "email": customer.user["email"],
        "phone_number": customer.user["phone_number"],
    }
    refused(site.customer().get(path), 404, "cancellation_not_found")
