"""Finding a booking, its story, and cancelling it for somebody."""

import re
from datetime import timedelta

import httpx2
import pytest

from holdfast.kernel.bookings import Booking
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.builders_identity import Person, sign_up
from tests.web.staff.conftest import Actions, SignIn


@pytest.fixture
async def owner(database: Database) -> Person:
    return await sign_up(database)


@pytest.fixture
async def booking(database: Database, time: Time, owner: Person) -> Booking:
    """Two places, paid, a week before they begin."""
    room = await builders.room(database, starts_in=timedelta(days=7))
    return await builders.confirmed(database, room, [0, 1], owner=owner.actor)


@pytest.mark.parametrize("write", ["{ref}", " {lower} ", "{spaced}", "{email}", "{phone}", "{national}"])
async def test_a_booking_is_found_by_reference_address_or_number(
    browser: httpx2.AsyncClient, sign_in: SignIn, booking: Booking, owner: Person, write: str
) -> None:
    await sign_in("admin")
    reference = booking.reference
    phone = owner.user.phone_number or ""
    asked = write.format(
        ref=reference,
        lower=reference.lower(),
        spaced=f"{reference[:4]} {reference[4:]}",
        email=owner.email.upper(),
        phone=phone,
        national=phone.replace("+20", "0"),
    )

    answer = await browser.post("/staff/bookings/search", data={"asked": asked})

    assert answer.status_code == 303
    assert answer.headers["location"] == f"/staff/bookings/{booking.id}"


async def test_several_bookings_of_somebody_are_listed_without_their_address_in_the_address_bar(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, booking: Booking, owner: Person
) -> None:
    other = await builders.confirmed(database, await builders.room(database), owner=owner.actor)
    await sign_in("admin")

    answer = await browser.post("/staff/bookings/search", data={"asked": owner.email})
    page = await browser.get(answer.headers["location"])

    assert answer.headers["location"] == f"/staff/bookings?owner={owner.id}"
    assert booking.reference in page.text
    assert other.reference in page.text


@pytest.mark.parametrize("asked", ["NOTHING234", "nobody@example.org", "+201099999999", "what?"])
async def test_what_is_not_found_is_told_beside_the_field(
    browser: httpx2.AsyncClient, sign_in: SignIn, asked: str
) -> None:
    await sign_in("admin")

    answer = await browser.post("/staff/bookings/search", data={"asked": asked})

    assert answer.status_code == 404
    assert "There is no booking under that reference, phone number or e-mail address." in answer.text
    assert f'value="{asked}"' in answer.text


async def test_the_story_tells_who_did_what_from_the_first_hold_to_the_payment(
    browser: httpx2.AsyncClient, sign_in: SignIn, booking: Booking, owner: Person
) -> None:
    await sign_in("admin")

    page = (await browser.get(f"/staff/bookings/{booking.id}")).text
    told = re.findall(r'<span class="strong">([A-Z][^<]+)</span>', page[: page.index("What was booked")])

    logged = [text for text in told if not text.startswith("Told")]
    assert logged == [
        "Places held",
        "Booking opened",
        "Payment opened",
        "Payment completed",
        "Booking confirmed",
    ]
    assert {text for text in told if text.startswith("Told")} == {
        "Told: places held",
        "Told: payment completed",
        "Told: booking confirmed",
    }
    assert "Amal Hassan" in page
    assert owner.email in page


async def test_a_member_reads_the_stories_of_their_provider_alone_and_cancels_none(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, booking: Booking
) -> None:
    await sign_in(members={booking.provider_id: "manager"})
    own = await browser.get(f"/staff/bookings/{booking.id}")
    cancel = await browser.get(f"/staff/bookings/{booking.id}/cancel")
    await sign_in(members={(await builders.provider(database)).id: "owner"})
    others = await browser.get(f"/staff/bookings/{booking.id}")
    search = await browser.post("/staff/bookings/search", data={"asked": booking.reference})
    listed = await browser.get("/staff/bookings?limit=100")

    assert (own.status_code, cancel.status_code) == (200, 403)
    assert 'action="/staff/bookings' not in own.text.replace("/staff/bookings/search", "")
    assert (others.status_code, search.status_code) == (404, 404)
    assert booking.reference not in listed.text


async def test_cancelling_shows_what_is_paid_back_before_and_asks_for_a_reason(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, booking: Booking
) -> None:
    await sign_in("admin")

    preview = await browser.get(f"/staff/bookings/{booking.id}/cancel", params={"items": [0]})
    (quote_id,) = re.findall(r'name="quote_id" value="([^"]+)"', preview.text)
    form = {"items": ["0"], "quote_id": quote_id}
    unfounded = await browser.post(f"/staff/bookings/{booking.id}/cancel", data=form)

    assert "10.00 EGP" in preview.text
    assert "100 %: as the terms say for this moment" in preview.text
    assert unfounded.status_code == 422
    assert 'id="reason-error">Please fill this in.' in unfounded.text
    assert re.findall(r'name="items" value="(\d+)"', unfounded.text) == ["0"]
    assert (await builders.booking_of(database, booking.id)).refund_state == "none"


async def test_a_cancelled_place_is_refunded_and_logged_with_the_admin(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, booking: Booking, actions: Actions
) -> None:
    admin = await sign_in("admin")
    preview = await browser.get(f"/staff/bookings/{booking.id}/cancel", params={"items": [1]})
    (quote_id,) = re.findall(r'name="quote_id" value="([^"]+)"', preview.text)

    answer = await browser.post(
        f"/staff/bookings/{booking.id}/cancel",
        data={"items": ["1"], "quote_id": quote_id, "reason": "ill <b>today</b>"},
    )
    again = await browser.post(
        f"/staff/bookings/{booking.id}/cancel", data={"items": ["1"], "quote_id": quote_id, "reason": "again"}
    )
    page = (await browser.get(answer.headers["location"])).text
    (refund,) = await builders.refunds_of(database, booking.id)

    assert answer.status_code == 303
    assert again.status_code == 409
    assert (refund.amount, refund.status) == (1000, "pending")
    assert (await actions(booking.id))[-1] == f"items_cancelled by {admin.id}"
    assert "Cancelled. The refund is on its way." in page
    assert "ill &lt;b&gt;today&lt;/b&gt;" in page


async def test_the_table_of_bookings_names_nobody(
    browser: httpx2.AsyncClient, sign_in: SignIn, booking: Booking, owner: Person
) -> None:
    await sign_in("admin")

    answer = await browser.get("/staff/bookings.csv", params={"owner": str(owner.id)})

    assert answer.headers["content-disposition"] == 'attachment; filename="bookings.csv"'
    assert booking.reference in answer.text
    assert owner.email not in answer.text
