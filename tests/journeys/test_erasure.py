"""Somebody who did everything there is to do is erased: no word of theirs is left, and the books are whole."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import cast
from uuid import UUID

import httpx2
import sqlalchemy as sa

from holdfast.kernel import audit, payments
from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kernel.payments import Notice
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.products.bus.tasks import move_statuses
from tests.builders_identity import PASSWORD
from tests.journeys.bank import BAD_CARD
from tests.journeys.calls import Json, Person, eventually, refusal, told
from tests.journeys.world import World


@dataclass
class Canary:
    """Somebody whose words occur nowhere else in the world."""

    mark: str = field(default_factory=lambda: new_id().hex[-10:])

    def __post_init__(self) -> None:
        digits = f"{int(self.mark, 16) % 10**8:08}"
        self.email = f"zephyrine.{self.mark}@example.org"
        self.next_email = f"quill.{self.mark}@example.org"
        self.phone = f"+2010{digits}"
        self.next_phone = f"+2011{digits}"
        self.first_name = f"Zephyrine{self.mark}"
        self.last_name = f"Quillfeather{self.mark}"
        self.agent = f"Browser of {self.mark}"
        self.reason = f"Zephyrine {self.mark} is ill"
        self.key = f"key-of-{self.mark}"
        self.digits = digits

    @property
    def words(self) -> tuple[str, ...]:
        return (self.mark, self.digits)


async def found(database: Database, words: Iterable[str]) -> set[str]:
    """table.column of every column of every table in which one of these words stands, in whatever case."""
    looked_for = [word.lower() for word in words]
    hits: set[str] = set()
    async with database.snapshot() as db:
        for table in await _tables(database):
            for row in await db.all(sa.text(f'SELECT * FROM "{table}"')):
                hits |= {
                    f"{table}.{column}"
                    for column, value in row._mapping.items()  # noqa: SLF001 - its public name
                    if any(word in _text(value).lower() for word in looked_for)
                }
    return hits


async def _tables(database: Database) -> list[str]:
    listing = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "postgresql": "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
    }
    async with database.reader() as db:
        return [row.name for row in await db.all(sa.text(listing[database.dialect]))]


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


async def call(world: World, canary: Canary, method: str, path: str, body: Json, *, token: str = "") -> httpx2.Response:
    """As a browser of theirs sends it."""
    headers = {"User-Agent": canary.agent} | ({"Authorization": f"Bearer {token}"} if token else {})
    return await world.next_server().request(method, f"/api/v1{path}", json=body, headers=headers)


async def newcomer(world: World, canary: Canary) -> Person:
    """Signed up and in over HTTP, with a mistake on the way, on a page too."""
    account = {
        "email": canary.email,
        "password": PASSWORD,
        "first_name": canary.first_name,
        "last_name": canary.last_name,
        "phone_number": canary.phone,
    }
    user = told(await call(world, canary, "POST", "/users/register", account), 201)
    signing_in = {"email": canary.email, "password": PASSWORD}
    mistaken = signing_in | {"password": "Wrong-Horse-7"}
    refusal(await call(world, canary, "POST", "/users/login", mistaken), 401, "wrong_credentials")
    tokens = told(await call(world, canary, "POST", "/users/login", signing_in))
    of_a_page = {"User-Agent": canary.agent, "Sec-Fetch-Site": "same-origin"}
    page = await world.next_server().post("/sign-in", data=signing_in, headers=of_a_page)
    assert page.status_code == 303
    return Person(world, UUID(user["id"]), canary.email, tokens["access_token"], world.era)


async def everything(world: World, canary: Canary, person: Person) -> UUID:
    """Each flow once: contacts, a hold given up, a booking cancelled in part, a complaint, a payment that failed.

    Returns the payment of the booking.
    """
    token = cast("str", person.token)
    told(await call(world, canary, "PUT", f"/users/{person.id}/profile", {"zone": "Europe/Paris"}, token=token))
    for what, contact in (("email", {"email": canary.next_email}), ("phone", {"phone_number": canary.next_phone})):
        change = {"password": PASSWORD, **contact}
        told(await call(world, canary, "POST", f"/users/me/{what}", change, token=token), 202)
    told(await call(world, canary, "POST", "/auth/forgot-password", {"email": canary.email}), 202)
    soon = await world.line(departs_in=timedelta(hours=30))
    given_up = await person.post(
        "/reservations/create", {"schedule_id": soon.id, "seat_numbers": ["1A"]}, status=201, key=canary.key
    )
    assert (await person.ask("DELETE", f"/reservations/{given_up['id']}")).status_code == 204
    booking = await world.book(person, soon, "1A", "1B")
    told(await person.ask("POST", f"/bookings/{booking['id']}/cancel", {"items": [0], "reason": canary.reason}))
    complaint = {"category": "service", "subject": f"Late, says {canary.first_name}", "text": canary.reason}
    await person.post("/complaints", complaint, status=201)
    unpaid = await world.reserve(person, await world.line(), "2A")
    payment = await world.initiate(person, unpaid)
    await world.bank.pay(payment, card=BAD_CARD)
    await world.bank.delivered(payment)
    details = await person.get(f"/bookings/{booking['id']}/details")
    return UUID(details["payments"][0]["id"])


async def gateway_tells_who_paid(world: World, canary: Canary, payment_id: UUID) -> None:
    """A notice, as a gateway writes it that says all it knows, and that nobody has processed yet."""
    body = {"id": "told", "data": {"customer": {"name": canary.first_name, "email": canary.email}, "status": "paid"}}
    notice = Notice(f"told-{new_id()}", "charge.seen", "payment", str(payment_id), None, await world.now(), body)
    async with world.database.transaction() as db:
        await payments.store_event(db, gateway="sandbox", notice=notice, now=await world.now())


async def is_over(world: World) -> None:
    """Every schedule of the next two days took place, and the worker did what comes of it."""
    await world.forward(hours=60)
    await move_statuses(world.database)
    await world.sweep()
    await world.agrees()


async def origins_of(database: Database, user_id: UUID) -> int:
    logged = sa.select(activity_logs.c.id).where(activity_logs.c.user_id == user_id)
    async with database.reader() as db:
        counted: int = await db.scalar(
            sa.select(sa.func.count()).select_from(activity_origins).where(activity_origins.c.log_id.in_(logged))
        )
    return counted


async def is_stranger(person: Person) -> bool:
    return (await person.ask("GET", "/users/me")).status_code == httpx2.codes.UNAUTHORIZED


async def test_no_word_of_theirs_is_left_and_the_books_are_whole(world: World) -> None:
    canary = Canary()
    person = await newcomer(world, canary)
    payment_id = await everything(world, canary, person)
    early = refusal(await person.ask("DELETE", f"/users/{person.id}"), 409, "unfinished")
    await is_over(world)
    await gateway_tells_who_paid(world, canary, payment_id)
    planted, origins = await found(world.database, canary.words), await origins_of(world.database, person.id)

    answer = await person.ask("DELETE", f"/users/{person.id}")

    assert "bookings" in early["reasons"]
    assert {
        *("users.email", "users.phone_number", "users.first_name", "users.last_name", "users.pending_email"),
        *("logins.agent", "cancellations.reason", "holds.key", "gateway_events.body"),
        *("complaints.subject", "complaints.text"),
    } <= planted
    assert origins > 0
    assert answer.status_code == 204
    assert await found(world.database, canary.words) == set()
    assert await origins_of(world.database, person.id) == 0
    await eventually(partial(is_stranger, person), "their token ends")
    await world.work()
    while await world.database.run(audit.chain):
        pass
    await world.agrees()  # with the chain of the activity log
    assert await found(world.database, canary.words) == set()


async def test_what_they_may_take_with_them_is_everything_that_is_theirs(world: World) -> None:
    canary, other = Canary(), Canary()
    person = await newcomer(world, canary)
    await everything(world, canary, person)
    await newcomer(world, other)
    await world.agrees()

    exported = await person.get("/users/me/export")

    text = str(exported)
    assert all(word in text for word in (canary.email, canary.phone, canary.first_name, canary.reason))
    assert not any(word in text for word in other.words)
    given_up, booked, unpaid = exported["reservations"]
    assert (given_up["state"], given_up["booking"]) == ("cancelled", None)
    booking = booked["booking"]
    assert [item["state"] for item in booked["items"]] == ["cancelled", "kept"]
    assert [(payment["status"], payment["captured"]) for payment in booking["payments"]] == [
        ("partially_refunded", "200.00")
    ]
    assert [(refund["status"], refund["amount"]) for refund in booking["refunds"]] == [("processed", "100.00")]
    assert [cancelled["reason"] for cancelled in booking["cancellations"]] == [canary.reason]
    assert {ticket["state"] for ticket in booking["tickets"]} == {"cancelled", "valid"}
    assert [payment["status"] for payment in unpaid["booking"]["payments"]] == ["failed"]
    assert {"confirmed", "cancelled"} <= {message["template"] for message in exported["notifications"]}
    assert [complaint["text"] for complaint in exported["complaints"]] == [canary.reason]
    assert exported["user"]["email"] == canary.email
    assert {canary.agent} <= {login["agent"] for login in exported["logins"]}
    assert {"registered", "signed_in"} & {entry["action_type"] for entry in exported["activity"]}
    assert "$2b$" not in text


async def test_an_admin_may_force_it_which_cancels_by_terms_first(world: World) -> None:
    canary = Canary()
    admin = await world.customer(roles=("admin",))
    person = await newcomer(world, canary)
    booking = await world.book(person, await world.line(), "1A")
    held = await world.reserve(person, await world.line(), "1A")
    await world.initiate(person, held)

    refusal(await person.ask("DELETE", f"/users/{person.id}?force=true"), 403, "admin_only")
    refusal(await admin.ask("DELETE", f"/users/{person.id}"), 409, "unfinished")
    answer = await admin.ask("DELETE", f"/users/{person.id}?force=true")

    assert answer.status_code == 204, answer.text
    await world.agrees()
    assert await found(world.database, canary.words) == set()
    shown = await admin.get(f"/bookings/{booking['id']}/details")
    assert (shown["status"], shown["refund_state"]) == ("cancelled", "full")


async def test_what_the_terms_refuse_cannot_be_forced(world: World) -> None:
    admin = await world.customer(roles=("admin",))
    person = await world.customer()
    await world.book(person, await world.line(departs_in=timedelta(minutes=90)), "1A")

    said = refusal(await admin.ask("DELETE", f"/users/{person.id}?force=true"), 409, "unfinished")

    assert said["reasons"] == ["bookings"]
    assert (await person.ask("GET", "/users/me")).status_code == 200
