"""From nobody to a used ticket: the whole way over HTTP."""

import io
from dataclasses import replace
from uuid import UUID
from zoneinfo import ZoneInfo

import pypdf

from holdfast.kernel.tickets.qr import qr_svg
from tests.builders_identity import PASSWORD, new_email, new_phone
from tests.journeys.calls import Json, Person, refusal, token_in, told
from tests.journeys.world import World


async def register_and_sign_in(world: World) -> Person:
    """By the link of the letter, as a person would."""
    nobody, email = world.stranger(), new_email()
    profile = {"email": email, "password": PASSWORD, "first_name": "Amal", "last_name": "Hassan"}
    user = await nobody.post("/users/register", {**profile, "phone_number": new_phone()}, status=201)
    assert (user["role"], user["is_verified"]) == ("customer", False)
    token = token_in(await world.letter_to(email, "verify_email"))
    verified = await nobody.post("/auth/verify-email", {"token": token, "password": PASSWORD})
    assert verified["user"]["is_verified"]
    signed_in = await nobody.post("/users/login", {"email": email, "password": PASSWORD, "token_delivery": "body"})
    return Person(world, user["id"], email, signed_in["access_token"], world.era)


async def test_a_customer_registers_reserves_pays_and_travels(world: World) -> None:
    line = await world.line(rows=4, modifier="12.50")
    origin, destination = line.cities
    nobody = world.stranger()
    with world.working():
        amal = await register_and_sign_in(world)

        day = line.departs_at.astimezone(ZoneInfo("Africa/Cairo")).date()
        found = await world.search(replace(line, cities=(origin.upper(), destination)), day)
        assert [run["id"] for run in found] == [line.id]
        assert (found[0]["available_seats"], found[0]["price_from"]) == (17, "100.00")

        reservation = await world.reserve(amal, line, "1A", "2B")
        assert (reservation["status"], reservation["total_amount"]) == ("active", "212.50")
        seats = await nobody.get(f"/schedules/{line.id}/seats")
        assert {seat["seat_number"] for seat in seats["seats"] if seat["status"] == "reserved"} == {"1A", "2B"}

        payment = await world.initiate(amal, reservation)
        assert (payment["amount"], payment["currency"]) == ("212.50", "EGP")
        await world.bank.pay(payment)
        booking = await world.confirmed(amal, reservation)

    assert (booking["status"], booking["payment_status"]) == ("confirmed", "completed")
    assert [seat["seat_number"] for seat in booking["seats"]] == ["1A", "2B"]
    seats = await nobody.get(f"/schedules/{line.id}/seats")
    assert {seat["seat_number"] for seat in seats["seats"] if seat["status"] == "booked"} == {"1A", "2B"}
    assert [each["id"] for each in (await amal.get("/bookings/history"))["items"]] == [booking["id"]]
    details = await amal.get(f"/bookings/{booking['id']}/details")
    assert details["booking_reference"] == booking["booking_reference"]
    assert [each["status"] for each in details["payments"]] == ["completed"]

    await travel(world, amal, booking, provider_id=line.provider_id)
    await world.agrees()


async def travel(world: World, amal: Person, booking: Json, *, provider_id: UUID) -> None:
    """Each ticket as JSON, PDF and picture; let in once."""
    scanner = await world.customer(member_of=provider_id, as_role="scanner")
    other_scanner = await world.customer(member_of=(await world.line()).provider_id, as_role="scanner")
    for ticket, label in zip(booking["tickets"], ("1A", "2B"), strict=True):
        shown = await amal.get(f"/tickets/{ticket['id']}")
        assert (shown["seat_number"], shown["validity_status"]) == (label, "valid")
        pdf = await amal.ask("GET", f"/tickets/{ticket['id']}/download")
        text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
        for printed in (booking["booking_reference"], shown["ticket_number"], label):
            assert str(printed) in text
        picture = await amal.ask("GET", f"/tickets/{ticket['id']}/qr.svg")
        assert picture.text == qr_svg(shown["qr_code"])

        scan = {"qr_code": shown["qr_code"]}
        refusal(await amal.ask("POST", "/tickets/verify", scan), 403, "role_needed")
        refusal(await other_scanner.ask("POST", "/tickets/verify", scan), 404, "ticket_not_found")
        let_in = await scanner.post("/tickets/verify", scan)
        assert (let_in["ticket_number"], let_in["place"]) == (shown["ticket_number"], label)
        again = await scanner.ask("POST", "/tickets/verify", scan)
        told(again, 409)
        assert (await amal.get(f"/tickets/{ticket['id']}"))["validity_status"] == "used"
