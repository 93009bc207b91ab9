"""Everybody who may stand before a door, and one of each thing that is behind one."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import httpx2
import jwt
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.requests import Request

from holdfast.app import docs_ui
from holdfast.app.house import House
from holdfast.kernel import checkout, identity, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import IdentitySettings, actions, logins, queries, tokens
from holdfast.kernel.identity.models import api_keys, users
from holdfast.kernel.notifications.models import notifications
from holdfast.kernel.payments.models import gateway_references
from holdfast.kernel.payments.models import payments as payments_table
from holdfast.kernel.refunds.models import refunds
from holdfast.kernel.tickets.models import tickets
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from holdfast.web.frame import frame_of
from tests import builders_bus, builders_identity
from tests.builders_identity import Person

SYSTEM = Actor.system()


@dataclass
class Population:
    """`callers`: name -> the credential it sends, None for none. `things`: name of a path's parameter -> (there, not).

    `things` of a parameter that means different things on different routes are named by the route's path.
    """

    callers: dict[str, str | None] = field(default_factory=dict)
    #: those whose credential is good for nothing
    refused: dict[str, str] = field(default_factory=dict)
    things: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: where a path says more than one thing: the whole address, there and not
    urls: dict[str, tuple[str, str]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    provider_id: UUID = field(default_factory=new_id)


async def populate(app: FastAPI) -> Population:
    """People, a bus line of one provider, and a customer who has one of everything there."""
    house: House = app.state.house
    made = Population()
    await _people(house, made)
    await _refused(house, made)
    await _things(app, made)
    return made


async def _people(house: House, made: Population) -> None:
    database, settings = house.database, house.identity
    provider = await builders_identity.open_provider(database)
    rival = await builders_identity.open_provider(database)
    await builders_identity.open_provider(database, is_default=True)
    made.provider_id = provider.id

    async def person(name: str, **values: object) -> None:
        made.people[name] = await builders_identity.sign_up(database, settings=settings, **values)  # type: ignore[arg-type]
        made.callers[name] = made.people[name].token

    made.callers["nobody"] = None
    await person("owner")
    await person("other customer", is_verified=False)
    for role in ("owner", "manager", "clerk", "scanner", "finance"):
        await person(f"provider's {role}", members={provider.id: role})
    await person("rival's manager", members={rival.id: "manager"})
    await person("operator", roles=("operator",))
    await person("admin", roles=("admin",))
    await person("once an admin", roles=("admin",))
    await person("once a manager", members={provider.id: "manager"})

    async def take_away(db: Transaction) -> tuple[str, str]:
        now = await clock.moment(db)
        admin, manager = made.people["once an admin"].id, made.people["once a manager"].id
        await actions.revoke_role(db, admin, role="admin", settings=settings, actor=SYSTEM, now=now)
        await identity.remove_member(db, provider_id=provider.id, user_id=manager, actor=SYSTEM, now=now)
        keys = [
            await identity.create_api_key(
                db, provider_id=employer, name="program", scope="manager", actor=SYSTEM, now=now
            )
            for employer in (provider.id, rival.id)
        ]
        seen = now + timedelta(days=1)  # that a key was used is written once a minute: not while these doors are tried
        await db.execute(sa.update(api_keys).values(last_used_at=seen))
        return keys[0][1], keys[1][1]

    made.callers["provider's program"], made.callers["rival's program"] = await database.run(take_away)


async def _refused(house: House, made: Population) -> None:
    """Credentials that were good, look good, or are good for something else."""
    database, settings = house.database, house.identity
    async with database.reader() as db:
        now = await clock.moment(db)
    gone = await builders_identity.sign_up(database, settings=settings, roles=("admin",))
    left = await builders_identity.sign_up(database, settings=settings, roles=("admin",))
    erased = await builders_identity.sign_up(database, settings=settings)

    async def end(db: Transaction) -> tuple[str, str]:
        await logins.end_all(db, left.id, because="logout", actor=SYSTEM, now=now)
        await db.execute(sa.update(users).where(users.c.id == gone.id).values(is_active=False))
        await actions.erase(db, erased.id, settings=settings, actor=SYSTEM, now=now)
        revoked, revoked_key = await identity.create_api_key(
            db, provider_id=made.provider_id, name="old", scope="manager", actor=SYSTEM, now=now
        )
        await identity.revoke_api_key(db, revoked.id, actor=SYSTEM, now=now)
        _, over_key = await identity.create_api_key(
            db,
            provider_id=made.provider_id,
            name="over",
            scope="manager",
            actor=SYSTEM,
            now=now,
            expires_at=now - timedelta(seconds=1),
        )
        return revoked_key, over_key

    revoked_key, over_key = await database.run(end)
    admin = made.people["admin"]
    made.refused = {
        "deactivated": gone.token,
        "erased": erased.token,
        "ended login": left.token,
        "revoked key": revoked_key,
        "key that ran out": over_key,
        "unknown key": tokens.new_api_key(),
        "refresh token": admin.refresh_token,
        "no token at all": "bearer",
        **forged(settings, admin.token, now=now),
    }


def forged(settings: IdentitySettings, good: str, *, now: datetime) -> dict[str, str]:
    """An admin's token, changed in every way in which somebody once got through somewhere."""
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    public = base64.urlsafe_b64decode(settings_key(settings) + "=")
    kid = {"kid": header["kid"], "typ": header["typ"]}
    stranger, stranger_rsa = Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    elsewhere = replace(settings, issuer="https://elsewhere.example", previous_secrets=())
    login = {"user_id": UUID(claims["sub"]), "login_id": UUID(claims["sid"]), "roles": ("admin",), "role": "admin"}
    with_jwk = {**kid, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": settings_key(settings)}}
    return {
        "expired": tokens.access_token(settings, **login, now=now - timedelta(minutes=31)),  # type: ignore[arg-type]
        "of another issuer": tokens.access_token(elsewhere, **login, now=now),  # type: ignore[arg-type]
        "for another audience": tokens.access_token(
            replace(settings, audience="elsewhere"),
            **login,  # type: ignore[arg-type]
            now=now,
        ),
        "alg none": _by_hand({**header, "alg": "none"}, claims, b""),
        "alg None": _by_hand({**header, "alg": "None"}, claims, b""),
        "no signature": ".".join(good.split(".")[:2]) + ".",
        "signature of another": ".".join([*good.split(".")[:2], jwt.encode({}, stranger, "EdDSA").split(".")[2]]),
        "HS256 with the public key": _hmac({**kid, "alg": "HS256"}, claims, public),
        "HS256 with nothing": _hmac({**kid, "alg": "HS256"}, claims, b""),
        "RS256": jwt.encode(claims, stranger_rsa, "RS256", headers=kid),
        "EdDSA of a stranger": jwt.encode(claims, stranger, "EdDSA", headers=kid),
        "brings its own key": jwt.encode(claims, stranger, "EdDSA", headers=with_jwk),
        "unknown kid": jwt.encode(claims, stranger, "EdDSA", headers={**kid, "kid": "../../dev/null"}),
        "of another type": _signed_as(settings, claims, kid | {"typ": "JWT"}),
        "too long": good + "x" * 5_000,
    }


def settings_key(settings: IdentitySettings) -> str:
    key: str = tokens.public_keys(settings)["keys"][0]["x"]
    return key


def _by_hand(header: Mapping[str, object], claims: Mapping[str, object], signature: bytes) -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def _hmac(header: Mapping[str, object], claims: Mapping[str, object], key: bytes) -> str:
    unsigned = _by_hand(header, claims, b"").rstrip(".")
    mac = hmac.new(key, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _signed_as(settings: IdentitySettings, claims: Mapping[str, object], headers: Mapping[str, object]) -> str:
    """With our own key, but another type than an access token's."""
    private = tokens._keys(settings.secrets)[0].private  # noqa: SLF001 - nobody else can sign with it
    return jwt.encode(dict(claims), private, "EdDSA", headers=dict(headers))


async def _things(app: FastAPI, made: Population) -> None:
    """A booking of two seats of which one was given back, one that is being paid, and a reservation."""
    database: Database = app.state.database
    owner = made.people["owner"]
    async with database.reader() as db:
        provider = await identity.provider(db, made.provider_id)
    lines = [await builders_bus.open_line(database, provider=provider) for _ in range(3)]
    held = [
        await builders_bus.reserve(database, line, owner, seats)
        for line, seats in zip(lines, (("1A", "1B"), ("1A",), ("1A",)), strict=True)
    ]
    booking = await builders_bus.pay(database, held[0], owner)
    session, notification_id = f"session-{new_id().hex}", new_id()

    async def work(db: Transaction) -> tuple[UUID, UUID]:
        cancelled = await checkout.cancel(db, booking.id, items=[1], reason=None, quote_id=None, actor=owner.actor)
        opened = await checkout.open_payment(
            db,
            held[2].id,
            method="credit_card",
            gateway="sandbox",
            amount=None,
            actor=owner.actor,
            clocks=builders_bus.CLOCKS,
        )
        assert opened.payment_id is not None
        opening = await payments.find(db, opened.payment_id)
        await db.execute(
            sa.insert(gateway_references).values(
                gateway="sandbox", reference=session, payment_id=opening.id, inventory_id=opening.inventory_id
            )
        )
        of_it = payments_table.c.id == opening.id
        await db.execute(sa.update(payments_table).where(of_it).values(gateway_reference=session))
        told = {"template": "registered", "fact_id": new_id(), "channel": "email", "created_at": await clock.moment(db)}
        await db.execute(sa.insert(notifications).values(id=notification_id, user_id=owner.id, **told))
        return cancelled.id, opening.id

    cancellation_id, payment_id = await database.run(work)
    async with database.reader() as db:
        login = (await queries.running_logins(db, owner.id, now=await clock.moment(db)))[0].id
        ticket, refund = await db.scalar(sa.select(tickets.c.id)), await db.scalar(sa.select(refunds.c.id))
    async with builders_bus.browsing(app) as anybody:
        seats = (await anybody.get(f"/schedules/{lines[0].schedule_id}/seats")).json()["seats"]
        complaint, endpoint, delivery = await _written(anybody, made)
    there = {
        "route_id": lines[0].route_id,
        "bus_id": lines[0].bus_id,
        "schedule_id": lines[0].schedule_id,
        "inventory_id": lines[0].schedule_id,
        "seat_id": seats[0]["id"],
        "booking_id": booking.id,
        "cancellation_id": cancellation_id,
        "payment_id": payment_id,
        "refund_id": refund,
        "ticket_id": ticket,
        "notification_id": notification_id,
        "complaint_id": complaint,
        "endpoint_id": endpoint,
        "delivery_id": delivery,
        "reservation_id": held[1].id,
        "hold_id": held[1].id,
        "id": owner.id,
        "/api/v1/users/me/logins/{id}": login,
        "/account/logins/{id}/end": login,
    }
    made.things |= {name: (str(thing), str(new_id())) for name, thing in there.items()}
    made.things |= {"session_id": (session, "session-of-nobody"), "gateway": ("sandbox", "nowhere")}
    _files(app, made)
    picture = f"/bookings/{booking.id}/tickets/"
    made.urls["/bookings/{booking_id}/tickets/{ticket_id}.svg"] = (f"{picture}{ticket}.svg", f"{picture}{new_id()}.svg")
    made.things["job_id"] = made.things["event_id"] = (str(new_id()), str(new_id()))  # only refusals reach for these
    made.things["table"] = ("bookings", "no_such_table")
    made.things["role"] = ("operator", "operator")


async def _written(client: httpx2.AsyncClient, made: Population) -> tuple[str, str, str]:
    """A complaint of the owner's, an endpoint of the provider's, and what is to be sent to it."""

    async def post(path: str, caller: str, body: Mapping[str, str] | None) -> str:
        headers = {"Authorization": f"Bearer {made.callers[caller]}"}
        answer = await client.post(f"http://test/api/v1{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])

    said = {"category": "service", "subject": "Late", "text": "It was late."}
    complaint = await post("/complaints", "owner", said)
    endpoint = await post("/webhook-endpoints", "provider's manager", {"url": "https://hooks.example.org/holdfast"})
    return complaint, endpoint, await post(f"/webhook-endpoints/{endpoint}/test", "provider's manager", None)


def _files(app: FastAPI, made: Population) -> None:
    frame = frame_of(Request({"type": "http", "app": app, "headers": []}))
    page = frame.assets.link("page.css")
    made.urls["/static/{digest}/{name:path}"] = (page, page.replace("page.css", "none.css"))
    docs = f"{docs_ui.PATH}/{docs_ui._asset('page.css').digest}/page.css"  # noqa: SLF001 - the page says it
    made.urls["/api/docs/{digest}/{name}"] = (docs, docs.replace("page.css", "none.css"))
    made.urls["/language/{locale}"] = ("/language/ar", "/language/xx")
