"""Sign up, sign in, keep signed in, sign out; write and send the letters that changes asked for.

bcrypt takes a third of a second, so it runs outside of any transaction; a failed sign-in and a stolen token are
committed before they are told. `database` comes first, then the settings; `actor` is who calls, known or not.
Passwords, contacts and the second factor: `proofs.tasks`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
import structlog

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import actions, limits, logins, passwords, queries, rules, templates, verifications
from holdfast.kernel.identity.errors import (
    AccountDeactivated,
    InvalidToken,
    RefreshTokenReused,
    TotpNeeded,
    WrongCredentials,
)
from holdfast.kernel.identity.models import users
from holdfast.kernel.identity.proofs import contacts, second_factor
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import SignedIn, User, Verification
from holdfast.kit import clock, letterhead, words
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.letters import Letter, LetterRefused, Sender

T = TypeVar("T")

log = structlog.get_logger("holdfast.identity")

_PAGES = {"verify_email": "verify-email", "reset_password": "reset-password"}

#: Writes what else belongs to the effect, such as the key of the request, in the same transaction.
Alongside = Callable[[Transaction, UUID], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a sign-up says, as typed."""

    email: str
    password: str
    first_name: str
    last_name: str
    phone_number: str
    locale: str | None = None
    zone: str | None = None


async def register(
    database: Database,
    settings: IdentitySettings,
    account: NewAccount,
    *,
    actor: Actor,
    alongside: Alongside | None = None,
) -> User:
    """Open an account and send its link. InvalidEmail, InvalidPhone, WeakPassword, EmailTaken, TooManyRequests."""
    email = rules.normalized_email(account.email)
    phone_number = rules.normalized_phone(account.phone_number, region=settings.region)
    rules.check_password(account.password)
    await limits.letters(database, settings, contact=rules.email_key(email), address=actor.address)
    password_hash = await passwords.hashed(account.password, cost=settings.bcrypt_cost)

    async def open_account(db: Transaction) -> User:
        user = await actions.create_user(
            db,
            settings=settings,
            email=email,
            password_hash=password_hash,
            phone_number=phone_number,
            first_name=account.first_name,
            last_name=account.last_name,
            locale=account.locale,
            zone=account.zone,
            actor=actor,
            now=await clock.moment(db),
        )
        if alongside is not None:
            await alongside(db, user.id)
        return user

    return await database.run(open_account)


async def sign_in(
    database: Database,
    settings: IdentitySettings,
    *,
    email: str,
    password: str,
    actor: Actor,
    agent: str | None = None,
    totp_code: str | None = None,
    is_page: bool = False,
) -> SignedIn:
    """One hash is checked, whether or not there is such an account, and a failure is written down.

    TooManyRequests before anything else; WrongCredentials; AccountDeactivated, TotpNeeded and WrongTotp only to who
    knows the password. Fails closed: where tries cannot be counted, nobody signs in.
    """
    address = rules.lenient_email(email)
    await limits.sign_ins(database, settings, account=rules.email_key(address))
    async with database.reader() as db:
        account = await queries.account_of_email(db, address)
    stored = account.password_hash if account is not None else None
    is_right = await passwords.is_right(password, stored, cost=settings.bcrypt_cost)
    newer_hash = None
    if is_right and stored is not None and passwords.needs_rehash(stored, cost=settings.bcrypt_cost):
        newer_hash = await passwords.hashed(password, cost=settings.bcrypt_cost)

    async def finish(db: Transaction) -> SignedIn | Error:
        now = await clock.moment(db)
        user_id = account.user_id if account is not None else None
        try:
            if user_id is None or stored is None or not is_right:
                raise WrongCredentials
            present = await queries.account(db, user_id)  # it may have changed while we were comparing
            if present.password_hash != stored:
                raise WrongCredentials
            if not present.is_active:
                raise AccountDeactivated
            await second_factor.check(db, user_id, code=totp_code, settings=settings, now=now)
        except TotpNeeded as needed:
            return needed
        except Error as failure:
            await actions.note_failed_sign_in(db, user_id, why=failure.code, actor=actor, now=now)
            return failure
        if newer_hash is not None:
            await actions.rehash_password(db, user_id, seen=stored, password_hash=newer_hash)
        user = await queries.user(db, user_id, settings=settings)
        known = Actor("user", user_id, user.roles, address=actor.address, request_id=actor.request_id)
        tokens = await logins.start(
            db, settings=settings, user=user, agent=agent, actor=known, now=now, is_page=is_page
        )
        is_privileged = bool(user.roles & settings.totp_roles) or bool(
            settings.totp_roles & set((await queries.memberships(db, user_id)).values())
        )
        return SignedIn(user, tokens, settings.is_totp_required and is_privileged and not user.has_totp)

    return _told(await database.run(finish))


async def refresh(database: Database, settings: IdentitySettings, *, refresh_token: str, actor: Actor) -> SignedIn:
    """The next pair of tokens. InvalidToken; RefreshTokenReused ends the whole login and is written down."""

    async def rotate(db: Transaction) -> SignedIn | Error:
        now = await clock.moment(db)
        rotated = await logins.rotate(db, settings=settings, refresh_token=refresh_token, actor=actor, now=now)
        if rotated.was_reused:
            return RefreshTokenReused()
        if rotated.refresh_token is None or rotated.user_id is None:
            return InvalidToken()
        assert rotated.login_id is not None
        assert rotated.expires_at is not None
        user = await queries.user(db, rotated.user_id, settings=settings)
        if not user.is_active:
            return InvalidToken()
        held = logins.held(
            settings,
            user=user,
            login_id=rotated.login_id,
            refresh_token=rotated.refresh_token,
            expires_at=rotated.expires_at,
            now=now,
        )
        return SignedIn(user, held)

    return _told(await database.run(rotate))


async def log_out(database: Database, *, refresh_token: str | None, login_id: UUID | None, actor: Actor) -> None:
    """End the login of that refresh token, or of the caller's access token. Neither known: nothing is left to end."""

    async def end(db: Transaction) -> None:
        now = await clock.moment(db)
        if refresh_token is not None:
            found = await logins.login_of(db, refresh_token)
            if found is not None:
                await logins.log_out(db, found[0], user_id=found[1], actor=actor, now=now)
        if login_id is not None and actor.user_id is not None:
            await logins.log_out(db, login_id, user_id=actor.user_id, actor=actor, now=now)

    await database.run(end)


async def send_letter(
    database: Database, settings: IdentitySettings, sender: Sender, payload: Mapping[str, Any]
) -> None:
    """The handler of the job `letter`: reads what it needs by the ids in `payload`, and sends.

    A code that was used, replaced or ran out meanwhile is not sent. Repeating it sends the same letter again.
    """
    letter = await _written(database, settings, payload)
    if letter is not None:
        try:
            await sender.send(letter)
        except LetterRefused as refused:  # again would be in vain
            log.warning("letter_refused", letter_id=str(letter.id), template=letter.template, why=refused.why)
    if payload["template"] in {"email_changed", "phone_changed"}:
        user_id = UUID(payload["user_id"])
        await database.run(lambda db: contacts.forget_previous(db, user_id, what=payload["template"]))


async def _written(database: Database, settings: IdentitySettings, payload: Mapping[str, Any]) -> Letter | None:
    template, letter_id = payload["template"], UUID(payload["letter_id"])
    async with database.reader() as db:
        now = await clock.moment(db)
        row = await db.first(
            sa.select(users).where(users.c.id == UUID(payload["user_id"]), users.c.erased_at.is_(None))
        )
        if row is None:
            return None
        verification = await verifications.find(db, letter_id)
        if verification is not None and not await verifications.is_waiting(db, letter_id, now=now):
            return None
    to = _recipient(row, template, verification, settings=settings)
    if to is None:
        return None
    fields = {
        "name": row.first_name,
        "link": f"{settings.public_url}/forgot-password",
        "code": rules.digits_code(settings.secret, verification_id=letter_id, purpose=template),
        "minutes": str(settings.phone_code_minutes if template == "verify_phone" else settings.reset_link_minutes),
    }
    if template in _PAGES:
        token = rules.link_token(settings.secret, verification_id=letter_id, purpose=template)
        fields["link"] = f"{settings.public_url}/{_PAGES[template]}?token={token}"
    subject, text = templates.written(template, locale=row.locale, **fields)
    is_sms = template in {"verify_phone", "phone_changed"}
    return Letter(
        id=letter_id,
        channel="sms" if is_sms else "email",
        to=to,
        subject=subject,
        text=text,
        template=template,
        written_at=now,
        html=None if is_sms else _html(subject, text, link=fields["link"], locale=row.locale, settings=settings),
        locale=words.spoken(row.locale),
    )


def _html(subject: str, text: str, *, link: str, locale: str, settings: IdentitySettings) -> str:
    """The same on the paper of all letters; a paragraph that is its link is a button there."""
    return letterhead.plain_page(
        subject=subject,
        paragraphs=text.strip().split("\n\n"),
        link=link,
        issuer=urlsplit(settings.public_url).netloc,
        locale=locale,
    )


def _recipient(
    row: sa.Row[Any], template: str, verification: Verification | None, *, settings: IdentitySettings
) -> str | None:
    """The contact a code is bound to, old or new; the contact of before for the news of its change."""
    if template == "email_changed":
        return row.previous_email  # type: ignore[no-any-return]
    if template == "phone_changed":
        return row.previous_phone  # type: ignore[no-any-return]
    if template == "password_changed":
        return row.email  # type: ignore[no-any-return]
    contacts_known = (row.pending_phone,) if template == "verify_phone" else (row.pending_email, row.email)
    for contact in contacts_known:
        key = contact if template == "verify_phone" or contact is None else rules.email_key(contact)
        if verification is not None and verifications.is_bound_to(verification, key, settings=settings):
            return contact  # type: ignore[no-any-return]
    return None


def _told(outcome: T | Error) -> T:
    """Raised only now, after the commit."""
    if isinstance(outcome, Error):
        raise outcome
    return outcome
