"""Prove addresses and phones: a proved contact belongs to one account, and nobody waits in another that has it.

Whoever typed a contact first may be a stranger who hopes that its owner proves it for them. So proving (a) takes the
contact from every unverified account, ends their logins and unsets their passwords, and (b) unsets what was set on
this very account, unless the prover showed that the account is theirs (spec, identity).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import logins, queries, rules, verifications
from holdfast.kernel.identity.errors import EmailTaken, InvalidCode, PhoneTaken, ProofNeeded, UserNotFound
from holdfast.kernel.identity.models import totp_secrets, users
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Verification
from holdfast.kit.db import Transaction


@dataclass(frozen=True, slots=True)
class _Contact:
    """The columns of one kind of contact."""

    name: str
    #: what is compared
    key: sa.Column[Any]
    value: sa.Column[Any]
    verified_at: sa.Column[Any]
    other_verified_at: sa.Column[Any]


_EMAIL = _Contact("email", users.c.email_key, users.c.email, users.c.email_verified_at, users.c.phone_verified_at)
_PHONE = _Contact(
    "phone_number", users.c.phone_number, users.c.phone_number, users.c.phone_verified_at, users.c.email_verified_at
)


async def ask_for_email(
    db: Transaction, user_id: UUID, *, email: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> Verification:
    """Send a link to the address that is to become the account's; nothing changes before it is used. EmailTaken."""
    if await queries.is_email_verified_elsewhere(db, email, besides=user_id):
        raise EmailTaken
    await db.execute(sa.update(users).where(users.c.id == user_id).values(pending_email=email))
    await _record(db, "email_change_asked", user_id, changed=["pending_email"], actor=actor, now=now)
    return await verifications.issue(
        db, settings=settings, user_id=user_id, purpose="verify_email", contact=rules.email_key(email), now=now
    )


async def ask_for_phone(
    db: Transaction, user_id: UUID, *, phone_number: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> Verification:
    """Send a code to the number that is to become the account's. PhoneTaken."""
    if await queries.is_phone_verified_elsewhere(db, phone_number, besides=user_id):
        raise PhoneTaken
    await db.execute(sa.update(users).where(users.c.id == user_id).values(pending_phone=phone_number))
    await _record(db, "phone_change_asked", user_id, changed=["pending_phone"], actor=actor, now=now)
    return await verifications.issue(
        db, settings=settings, user_id=user_id, purpose="verify_phone", contact=phone_number, now=now
    )


async def prove_email(
    db: Transaction,
    verification: Verification,
    *,
    is_prover_known: bool,
    settings: IdentitySettings,
    actor: Actor,
    now: datetime,
) -> bool:
    """The address of a link is its user's; whether the password was kept.

    A change of address, or an account with another proved contact, needs a prover who is known (ProofNeeded): a
    stranger who gets the letter by a slip of the pen must not get the account. InvalidCode where the address is
    neither the account's nor asked for any more.
    """
    row = await _locked(db, verification.user_id, _EMAIL)
    await _redeem(db, verification, now=now)
    email = next(
        (address for address in (row.pending_email, row.email) if _is_bound(verification, address, settings)), None
    )
    if email is None:
        raise InvalidCode
    key = rules.email_key(email)
    is_change = key != row.email_key
    is_anothers = row.email_verified_at is None and row.phone_verified_at is not None
    if (is_change or is_anothers) and not is_prover_known:
        raise ProofNeeded
    await _take_from_others(db, _EMAIL, key, user_id=row.id, actor=actor, now=now)
    values = {"email": email, "email_key": key, "email_verified_at": now, "pending_email": None}
    is_kept = is_prover_known or row.password_hash is None or row.email_verified_at is not None
    if not is_kept:
        await _disown(db, row.id, actor=actor, now=now)
    if is_change:
        values["previous_email"] = row.email
        await logins.end_all(db, row.id, because="contact", actor=actor, now=now)
    await _prove(db, row, values, what="email", actor=actor, now=now)
    if is_change and row.email is not None:
        await verifications.enqueue_letter(db, template="email_changed", user_id=row.id, now=now)
    return is_kept


async def prove_phone(
    db: Transaction, verification: Verification, *, settings: IdentitySettings, actor: Actor, now: datetime
) -> None:
    """The number of a code is its user's, who has shown the account's password when asking. InvalidCode."""
    row = await _locked(db, verification.user_id, _PHONE)
    await _redeem(db, verification, now=now)
    if not verifications.is_bound_to(verification, row.pending_phone, settings=settings):
        raise InvalidCode
    is_change = row.pending_phone != row.phone_number
    await _take_from_others(db, _PHONE, row.pending_phone, user_id=row.id, actor=actor, now=now)
    values = {"phone_number": row.pending_phone, "phone_verified_at": now, "pending_phone": None}
    if is_change:
        values["previous_phone"] = row.phone_number
        await logins.end_all(db, row.id, because="contact", actor=actor, now=now)
    await _prove(db, row, values, what="phone_number", actor=actor, now=now)
    if is_change and row.phone_number is not None:
        await verifications.enqueue_letter(db, template="phone_changed", user_id=row.id, now=now)


async def forget_previous(db: Transaction, user_id: UUID, *, what: str) -> None:
    """The old contact was told of the change: it is kept no longer."""
    column = {"email_changed": "previous_email", "phone_changed": "previous_phone"}[what]
    await db.execute(sa.update(users).where(users.c.id == user_id).values({column: None}))


async def _prove(
    db: Transaction, row: sa.Row[Any], values: dict[str, Any], *, what: str, actor: Actor, now: datetime
) -> None:
    await db.execute(
        sa.update(users).where(users.c.id == row.id).values(**values, version=users.c.version + 1, updated_at=now)
    )
    await _record(db, "contact_verified", row.id, changed=[what], actor=actor, now=now)


async def _take_from_others(
    db: Transaction, contact: _Contact, key: str, *, user_id: UUID, actor: Actor, now: datetime
) -> None:
    """Who has proved another contact of theirs keeps account and password and loses this contact only."""
    others = await db.all(
        sa.select(users.c.id, contact.verified_at.label("verified_at"), contact.other_verified_at.label("other"))
        .where(contact.key == key, users.c.id != user_id)
        .order_by(users.c.id)
    )
    if any(other.verified_at is not None for other in others):
        raise EmailTaken if contact is _EMAIL else PhoneTaken
    for other in others:
        blank = {contact.key.name: None, contact.value.name: None}
        await db.execute(
            sa.update(users).where(users.c.id == other.id).values(**blank, version=users.c.version + 1, updated_at=now)
        )
        await _record(db, "contact_taken", other.id, changed=[contact.name], actor=actor, now=now)
        if other.other is None:
            await _disown(db, other.id, actor=actor, now=now)


async def _disown(db: Transaction, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Whoever set these is not known to be the owner: password, logins, second factor, links on their way."""
    await db.execute(sa.update(users).where(users.c.id == user_id).values(password_hash=None))
    await db.execute(sa.delete(totp_secrets).where(totp_secrets.c.user_id == user_id))
    await logins.end_all(db, user_id, because="contact", actor=actor, now=now)
    for purpose in ("verify_email", "verify_phone", "reset_password"):
        await verifications.void(db, user_id=user_id, purpose=purpose, now=now)
    await _record(db, "password_unset", user_id, changed=["password"], actor=actor, now=now)


async def _redeem(db: Transaction, verification: Verification, *, now: datetime) -> None:
    """After the accounts are locked, in whose order codes are locked too; InvalidCode where it is used up."""
    if not await verifications.redeem(db, verification.id, now=now):
        raise InvalidCode


def _is_bound(verification: Verification, email: str | None, settings: IdentitySettings) -> bool:
    return email is not None and verifications.is_bound_to(verification, rules.email_key(email), settings=settings)


async def _locked(db: Transaction, user_id: UUID, contact: _Contact) -> sa.Row[Any]:
    """The account, locked together with all that have the contact to be proved. UserNotFound.

    In one sorted statement, so that two who prove the same contact at once never deadlock.
    """
    seen = await db.first(sa.select(users).where(users.c.id == user_id))
    if seen is None or not seen.is_active:
        raise UserNotFound
    pending = seen.pending_email and rules.email_key(seen.pending_email) if contact is _EMAIL else seen.pending_phone
    keys = [key for key in (pending, getattr(seen, contact.key.name)) if key is not None]
    same = sa.or_(users.c.id == user_id, contact.key.in_(keys))
    rows = await db.all(sa.select(users).where(same).order_by(users.c.id).with_for_update())
    return next(row for row in rows if row.id == user_id)


async def _record(
    db: Transaction, action: str, user_id: UUID, *, changed: list[str], actor: Actor, now: datetime
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="user",
        entity_id=user_id,
        details={"changed": changed},
        now=now,
    )
