"""What a new account cannot do to another's things, nor anywhere that is for admins."""

import re
from dataclasses import dataclass

import pytest

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kit.http import routes_with_policies
from holdfast.kit.ids import new_id
from tests.builders_identity import PASSWORD, new_email, new_phone
from tests.journeys.calls import Json, Line, Person, refusal, token_in, told
from tests.journeys.world import World

#: Policies that let in nobody without a role, and what they need beside an admin's.
FOR_OTHERS = {"admin", "staff", "scanner"}


@dataclass
class Things:
    """Everything that somebody has."""

    owner: Person
    line: Line
    reservation: Json
    pending: Json
    booking: Json
    payment_id: str
    cancellation: Json


async def things(world: World) -> Things:
    """A confirmed booking of two seats, one of them given back, and a pending one on another schedule."""
    line, other = await world.line(), await world.line()
    owner = await world.customer()
    booking = await world.book(owner, line, "1A", "1B")
    cancellation = await owner.post(f"/bookings/{booking['id']}/cancel", {"items": [1]})
    payments = (await owner.get(f"/payments/status/{booking['id']}"))["payments"]
    reservation = await world.reserve(owner, other, "1A")
    pending = await world.initiate(owner, reservation)
    return Things(owner, line, reservation, pending, booking, payments[0]["id"], cancellation)


def requests_about(has: Things) -> list[tuple[str, str, Json | None]]:
    """Every way to read, pay, cancel or download what somebody has: (method, path, body)."""
    reservation, booking, ticket = has.reservation["id"], has.booking["id"], has.booking["tickets"][0]["id"]
    return [
        ("GET", f"/reservations/{reservation}", None),
        ("GET", f"/reservations/{reservation}/details", None),
        ("DELETE", f"/reservations/{reservation}", None),
        ("POST", "/bookings/create", {"reservation_id": reservation}),
        ("POST", "/payments/initiate", {"reservation_id": reservation, "payment_method": "wallet"}),
        ("POST", "/payments/initiate", {"booking_id": has.pending["booking_id"], "payment_method": "wallet"}),
        ("GET", f"/payments/status/{has.pending['booking_id']}", None),
        ("GET", f"/payments/{has.pending['payment_id']}", None),
        ("POST", f"/payments/simulate/{has.pending['session_id']}", {"outcome": "success"}),
        ("GET", f"/bookings/{has.pending['booking_id']}", None),
        ("GET", f"/bookings/{booking}", None),
        ("GET", f"/bookings/{booking}/details", None),
        ("GET", f"/bookings/{booking}/cancellation-quote", None),
        ("POST", f"/bookings/{booking}/cancel", {}),
        ("GET", f"/payments/status/{booking}", None),
        ("GET", f"/payments/{has.payment_id}", None),
        ("POST", f"/payments/refund/{booking}", {}),
        ("GET", f"/tickets/{ticket}", None),
        ("GET", f"/tickets/{ticket}/download", None),
        ("GET", f"/tickets/{ticket}/qr.svg", None),
        ("GET", f"/cancellations/{has.cancellation['id']}", None),
        ("GET", f"/cancellations/{has.cancellation['id']}/details", None),
        ("GET", f"/users/{has.owner.id}", None),
        ("GET", f"/users/{has.owner.id}/profile", None),
        ("PUT", f"/users/{has.owner.id}", {"first_name": "Eve"}),
        ("PUT", f"/users/{has.owner.id}/profile", {"first_name": "Eve"}),
        ("DELETE", f"/users/{has.owner.id}", None),
    ]


def of_nobody(has: Things, text: str) -> str:
    """The same with ids that nobody has."""
    ticket = has.booking["tickets"][0]["id"]
    known = [has.reservation["id"], has.booking["id"], has.pending["booking_id"], has.pending["payment_id"], ticket]
    known += [has.pending["session_id"], has.payment_id, has.cancellation["id"], str(has.owner.id)]
    for each in known:
        text = text.replace(each, "sbx_of_nobody" if each == has.pending["session_id"] else str(new_id()))
    return text


async def test_what_belongs_to_another_is_as_absent_as_what_nobody_has(world: World) -> None:
    has = await things(world)
    stranger = await world.customer()

    for method, path, body in requests_about(has):
        absent = {name: of_nobody(has, value) for name, value in (body or {}).items()} if body is not None else None
        theirs = told(await stranger.ask(method, path, body), 404)
        nobodys = told(await stranger.ask(method, of_nobody(has, path), absent), 404)

        for name in ("code", "title", "detail"):
            assert theirs[name] == nobodys[name], (method, path)
        anonymous = await world.stranger().ask(method, path, body)
        assert anonymous.status_code == 401, (method, path)

    assert (await has.owner.get(f"/bookings/{has.booking['id']}"))["status"] == "confirmed"
    assert (await has.owner.get(f"/reservations/{has.reservation['id']}"))["status"] == "active"
    for list_of_own in ("/bookings/history", "/reservations/active"):
        assert (await stranger.get(list_of_own))["items"] == []
    await world.agrees()


async def test_another_provider_knows_nothing_of_a_booking_and_its_own_may_look_but_not_cancel(world: World) -> None:
    has = await things(world)
    rival = (await world.line()).operator

    refusal(await rival.ask("GET", f"/bookings/{has.booking['id']}"), 404, "booking_not_found")
    assert (await has.line.operator.get(f"/bookings/{has.booking['id']}"))["id"] == has.booking["id"]
    refusal(await has.line.operator.ask("POST", f"/bookings/{has.booking['id']}/cancel", {}), 403, "role_needed")
    refusal(await rival.ask("POST", f"/schedules/{has.line.id}/cancel", {}), 403, "role_needed")


async def test_no_route_for_others_lets_a_new_account_in(world: World) -> None:
    stranger = await world.customer()
    app = create_app(Settings(_env_file=None, environment="test"), database=world.database)
    asked = 0

    for method, path, policy in routes_with_policies(app):
        is_for_others = policy in FOR_OTHERS or policy.startswith("admin")
        if not is_for_others or not path.startswith("/api/v1"):  # pages answer as pages do: tests/web
            continue
        filled = re.sub(r"{\w+}", lambda _: str(new_id()), path)
        body: Json | None = {} if method in {"POST", "PUT", "PATCH"} else None
        refusal(await stranger.ask(method, filled.removeprefix("/api/v1"), body), 403, "role_needed")
        asked += 1

    assert asked >= 25


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("role", "admin"),
        ("roles", ["admin"]),
        ("is_verified", True),
        ("is_active", True),
        ("id", "somebody"),
    ],
)
async def test_a_registration_cannot_make_itself_more_than_a_customer(world: World, field: str, value: object) -> None:
    nobody, email = world.stranger(), new_email()
    profile = {"email": email, "password": PASSWORD, "first_name": "Eve", "last_name": "Hassan"}

    refused = told(
        await nobody.ask("POST", "/users/register", {**profile, "phone_number": new_phone(), field: value}), 422
    )

    assert refused["errors"][0]["pointer"] == f"/{field}"
    refusal(await nobody.ask("POST", "/users/login", {"email": email, "password": PASSWORD}), 401, "wrong_credentials")


async def test_an_unverified_account_with_somebodys_phone_or_address_gains_nothing(world: World) -> None:
    nobody = world.stranger()
    email, phone = new_email(), new_phone()
    eve = {"email": email, "password": "Waiting-here-1", "first_name": "Eve", "last_name": "Waits"}
    waiting = await nobody.post("/users/register", {**eve, "phone_number": phone}, status=201)
    sign_in = {"email": email, "token_delivery": "body"}
    token = (await nobody.post("/users/login", {**sign_in, "password": "Waiting-here-1"}))["access_token"]
    eve_waiting = Person(world, waiting["id"], email, token, world.era)

    amal = {**eve, "password": PASSWORD, "first_name": "Amal"}
    own = await nobody.post("/users/register", {**amal, "phone_number": phone}, status=201)
    assert own["id"] != waiting["id"]
    await world.work()
    link = token_in(await world.letter_to(email, "verify_email", first_name="Amal"))
    await nobody.post("/auth/verify-email", {"token": link, "password": PASSWORD})
    signed_in = await nobody.post("/users/login", {**sign_in, "password": PASSWORD})
    owner = Person(world, own["id"], email, signed_in["access_token"], world.era)
    booking = await world.book(owner, await world.line(), "1A")

    assert signed_in["user"]["id"] == own["id"]
    told(await nobody.ask("POST", "/users/login", {**sign_in, "password": "Waiting-here-1"}), 401)
    with_phone = await world.customer(phone_number=phone, is_verified=False)
    for gains_nothing in (eve_waiting, with_phone):
        for path in (f"/bookings/{booking['id']}", f"/tickets/{booking['tickets'][0]['id']}", f"/users/{own['id']}"):
            answer = await gains_nothing.ask("GET", path)
            assert answer.status_code in {401, 404}, answer.text
    assert (await with_phone.get("/bookings/history"))["items"] == []
    told(await nobody.ask("POST", "/users/register", {**eve, "phone_number": phone}), 409)
