"""People and providers in one line. Quick: no password is hashed, since every account shares one made hash."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx2
import sqlalchemy as sa
from fastapi import FastAPI

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.audit import api as audit_api
from holdfast.kernel.identity import Authenticator, IdentitySettings, MemberRole, Provider, User, logins
from holdfast.kernel.identity import api as identity_api
from holdfast.kit import clock, http
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.jobs import jobs
from holdfast.kit.letters import Letter, MemorySender

SECRET = "a secret of the tests, long enough to be one"
PASSWORD = "Correct-Horse-7"
_HASH = "$2b$04$ugxzZBvJUsOvN6vd2jWMtesClAblKU5Vki3ZLUNVUgj.HjVR9qkcu"  # of PASSWORD, cost 4

#: Cheap hashes, cookies over plain http, and limits that no test meets by accident.
SETTINGS = IdentitySettings(
    secret=SECRET,
    roles=("customer", "operator", "finance", "admin"),
    bcrypt_cost=4,
    are_cookies_secure=False,
    sign_ins_per_account=1_000,
    letters_per_contact=1_000,
    letters_per_contact_and_day=1_000,
    letters_per_address_and_hour=100_000,
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account who is signed in."""

    user: User
    actor: Actor
    email: str
    token: str
    refresh_token: str

    @property
    def id(self) -> UUID:
        return self.user.id

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def sign_up(
    database: Database,
    *,
    email: str | None = None,
    phone_number: str | None = None,
    roles: tuple[str, ...] = (),
    members: Mapping[UUID, MemberRole] | None = None,
    is_verified: bool = True,
    settings: IdentitySettings = SETTINGS,
    first_name: str = "Amal",
) -> Person:
    """An account (its password is PASSWORD) with a login."""
    address = email or new_email()
    async with database.transaction() as db:
        now = await clock.moment(db)
        user = await identity.create_user(
            db,
            settings=settings,
            email=address,
            password_hash=_HASH,
            phone_number=phone_number or new_phone(),
            first_name=first_name,
            last_name="Hassan",
            roles=roles,
            is_verified=is_verified,
            actor=Actor.system(),
            now=now,
        )
        for provider_id, role in (members or {}).items():
            await identity.add_member(
                db, provider_id=provider_id, user_id=user.id, role=role, actor=Actor.system(), now=now
            )
        actor = Actor("user", user.id, user.roles, dict(members or {}))
        tokens = await logins.start(db, settings=settings, user=user, agent=None, actor=actor, now=now)
    return Person(user, actor, address, tokens.access_token, tokens.refresh_token)


async def open_provider(database: Database, **values: Any) -> Provider:
    """A provider of a name of its own."""
    known = {"name": f"Provider {new_id()}", "currency": "EGP", "zone": "Africa/Cairo"} | values
    async with database.transaction() as db:
        return await identity.create_provider(db, **known, actor=Actor.system(), now=await clock.moment(db))


def new_email() -> str:
    return f"person-{new_id().hex}@example.org"


def new_phone() -> str:
    """A mobile number of Egypt that nobody else in this run has."""
    return f"+2010{new_id().int % 10**8:08}"


def application(database: Database, settings: IdentitySettings = SETTINGS) -> FastAPI:
    """Accounts and the activity log behind a real edge."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    authenticate = Authenticator(settings, database)
    http.install(
        app,
        database=database,
        secret=settings.secret,
        authenticate=authenticate,
        owner_of=identity.owner_of,
        is_test=True,
    )
    app.include_router(identity_api.router, prefix="/api/v1")
    app.include_router(audit_api.router, prefix="/api/v1")
    app.include_router(identity_api.well_known)
    http.check_routes(app)
    return app


@asynccontextmanager
async def browsing(
    app: FastAPI, person: Person | None = None, *, address: str = "203.0.113.9"
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of that application, signed in as a person."""
    transport = httpx2.ASGITransport(app=app, client=(address, 40_000))
    headers = person.headers if person is not None else {}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1", headers=headers) as client:
        yield client


async def letters_of(database: Database, user_id: UUID, settings: IdentitySettings = SETTINGS) -> list[Letter]:
    """Do the letter jobs of one account, oldest first, and read what was sent; the jobs are done afterwards."""
    sender = MemorySender()
    async with database.reader() as db:
        rows = await db.all(sa.select(jobs).where(jobs.c.kind == identity.LETTER_JOB).order_by(jobs.c.id))
    for row in rows:
        if row.payload["user_id"] == str(user_id):
            await identity.send_letter(database, settings, sender, row.payload)
            async with database.transaction() as db:
                await db.execute(sa.delete(jobs).where(jobs.c.id == row.id))
    return sender.letters


def token_in(letter: Letter) -> str:
    """The secret part of its link."""
    found = re.search(r"token=(\S+)", letter.text)
    assert found is not None
    return found[1]


def code_in(letter: Letter) -> str:
    """The six digits."""
    found = re.search(r"\b\d{6}\b", letter.text)
    assert found is not None
    return found[0]


def with_settings(**changes: Any) -> IdentitySettings:
    return replace(SETTINGS, **changes)
