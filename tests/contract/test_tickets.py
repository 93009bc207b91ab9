"""Chapter 9, tickets."""

import io

import pypdf

from tests.contract.answers import refused, said
from tests.contract.site import Site


def test_a_ticket_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    schedule, customer = site.schedule(), site.customer()
    booking = site.book(customer, schedule, "1A")
    path = f"/tickets/{booking['ticket']['id']}"

    ticket = said(customer.get(path))

    assert (ticket["booking_id"], ticket["ticket_number"]) == (booking["id"], booking["ticket"]["ticket_number"])
    assert (ticket["seat_number"], ticket["validity_status"]) == ("1A", "valid")
    assert ticket["starts_at"] == schedule["departure_datetime"]
    assert said(site.admin.get(path))["ticket_number"] == ticket["ticket_number"]
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "ticket_not_found")


def test_tickets_are_downloaded_as_a_pdf(site: Site) -> None:
    customer = site.customer()
    booking = site.book(customer, site.schedule(), "1A", "2B")
    path = f"/tickets/{booking['ticket']['id']}/download"

    downloaded = customer.get(path)

    assert (downloaded.status_code, downloaded.headers["content-type"]) == (200, "application/pdf")
    pages = pypdf.PdfReader(io.BytesIO(downloaded.content)).pages
    printed = "".join(page.extract_text() for page in pages)
    numbers = [ticket["ticket_number"] for ticket in booking["tickets"]]
    assert [number for number in numbers if number not in printed.replace(" ", "")] == []
    assert booking["booking_reference"] in printed.replace(" ", "")
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "ticket_not_found")
