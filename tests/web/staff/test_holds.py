"""Live holds, and taking one away."""

import httpx2
import pytest

from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time
from tests.builders_identity import sign_up
from tests.web.staff.conftest import Actions, SignIn


@pytest.mark.alone
async def test_a_hold_is_shown_with_its_owner_its_places_and_the_time_left(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    owner = await sign_up(database)
    room = await builders.room(database)
    held = await builders.hold(database, room, [1, 2], owner=owner.actor)
    await sign_in("admin")

    page = (await browser.get("/staff/holds?limit=100")).text
    mine = page[page.index(f"/staff/holds/{held.id}/release") - 4_000 : page.index(f"/staff/holds/{held.id}/release")]

    assert owner.email in mine
    assert "C2, C3" in mine
    assert f'<count-down until="{held.expires_at.isoformat()}"' in mine


@pytest.mark.alone
async def test_a_hold_whose_payment_is_open_past_its_time_is_shown_as_stuck(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room)
    await builders.pending(database, held)
    await time.forward(hours=1)
    await sign_in("admin")

    page = (await browser.get("/staff/holds?limit=100")).text

    assert f"/staff/holds/{held.id}/release" in page
    assert "stuck: payment open past its time" in page


async def test_releasing_a_hold_asks_for_a_reason(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    held = await builders.hold(database, await builders.room(database))
    await sign_in("admin")

    answer = await browser.post(f"/staff/holds/{held.id}/release?limit=100", data={"reason": "  "})

    assert answer.status_code == 422
    assert "Please fill this in." in answer.text
    assert (await builders.hold_of(database, held)).state == "active"


async def test_a_hold_that_ends_after_all_that_are_shown_is_shown_with_what_its_form_lacked(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    room = await builders.room(database)
    await builders.hold(database, room, [0])
    await time.forward(minutes=1)
    held = await builders.hold(database, room, [1])
    await sign_in("admin")

    answer = await browser.post(f"/staff/holds/{held.id}/release?limit=1", data={"reason": ""})
    listed = answer.text.index("<tbody>")

    assert f'id="reason-{held.id}-error">Please fill this in.' in answer.text
    assert answer.text.index(f"/staff/holds/{held.id}/release") > listed
    assert 'href="/staff/holds?limit=1&amp;cursor=' in answer.text
    assert 'href="/language/ar?next=/staff/holds%3Flimit%3D1"' in answer.text


async def test_a_hold_that_ended_meanwhile_says_so_in_place_of_its_form(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    held = await builders.hold(database, await builders.room(database))
    await builders.release(database, held)
    await sign_in("admin")

    answer = await browser.post(f"/staff/holds/{held.id}/release", data={"reason": ""})

    assert answer.status_code == 422
    assert '<div class="notice bad" role="alert"><p>Please fill this in.</p></div>' in answer.text
    assert f"/staff/holds/{held.id}/release" not in answer.text


async def test_a_released_hold_frees_its_places_and_is_logged_with_who_did_it_and_why(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time, actions: Actions
) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [3])
    admin = await sign_in("admin")

    answer = await browser.post(f"/staff/holds/{held.id}/release", data={"reason": "asked for by phone"})
    again = await browser.post(f"/staff/holds/{held.id}/release", data={"reason": "asked for by phone"})
    page = await browser.get(answer.headers["location"])
    log = await browser.get("/staff/audit", params={"entity_id": str(held.id)})

    assert answer.status_code == 303
    assert again.status_code == 409
    assert "The hold was released; its places are free." in page.text
    assert await builders.states_of(database, room) == {}
    assert (await actions(held.id))[-1] == f"hold_released by {admin.id}"
    assert "asked for by phone" in log.text


async def test_a_hold_that_there_is_none_of_is_a_page_of_its_own(browser: httpx2.AsyncClient, sign_in: SignIn) -> None:
    await sign_in("admin")

    answer = await browser.post(f"/staff/holds/{new_id()}/release", data={"reason": "whatever"})
    malformed = await browser.post("/staff/holds/none/release", data={"reason": "whatever"})

    assert (answer.status_code, malformed.status_code) == (404, 422)
    assert "<h1>There is nothing here</h1>" in answer.text
