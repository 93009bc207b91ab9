"""Codes and links: issue one with its letter, count its tries, redeem it once.

A letter's job carries ids alone; the code is made from the verification's id when the letter is written, so that no
code and no address ever stands in the jobs table.
"""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.identity import rules
from holdfast.kernel.identity.models import verifications
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Purpose, Verification
from holdfast.kit import jobs, keeping
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.ids import new_id

LETTER_JOB = "letter"
LetterTemplate = Literal[
    "verify_email", "reset_password", "verify_phone", "password_changed", "email_changed", "phone_changed"
]


async def issue(
    db: Transaction, *, settings: IdentitySettings, user_id: UUID, purpose: Purpose, contact: str, now: datetime
) -> Verification:
    """A new code or link for that contact and its letter; the ones before it, of the same purpose, are void."""
    lasting = {
        "verify_email": timedelta(hours=settings.verify_link_hours),
        "reset_password": timedelta(minutes=settings.reset_link_minutes),
        "verify_phone": timedelta(minutes=settings.phone_code_minutes),
    }[purpose]
    issued = await make(
        db, settings=settings, user_id=user_id, purpose=purpose, contact=contact, now=now, lasts=lasting
    )
    await enqueue_letter(db, template=purpose, user_id=user_id, letter_id=issued.id, now=now)
    return issued


async def make(
    db: Transaction,
    *,
    settings: IdentitySettings,
    user_id: UUID,
    purpose: Purpose,
    contact: str,
    now: datetime,
    lasts: timedelta,
) -> Verification:
    """The same without a letter: for who has proved the contact just now."""
    await void(db, user_id=user_id, purpose=purpose, now=now)
    hashed = rules.contact_hash(settings.secret, contact)
    issued = Verification(new_id(), user_id, purpose, hashed, now + lasts)
    await db.execute(
        sa.insert(verifications).values(
            id=issued.id,
            user_id=user_id,
            purpose=purpose,
            contact_hash=issued.contact_hash,
            tries=0,
            created_at=now,
            expires_at=issued.expires_at,
        )
    )
    return issued


async def void(db: Transaction, *, user_id: UUID, purpose: Purpose, now: datetime) -> None:
    """What is still on its way for that purpose is good for nothing any more."""
    waiting = (
        verifications.c.user_id == user_id,
        verifications.c.purpose == purpose,
        verifications.c.used_at.is_(None),
    )
    await db.execute(sa.update(verifications).where(*waiting).values(used_at=now))


async def take_try(
    db: Transaction, verification_id: UUID, *, purpose: Purpose, settings: IdentitySettings, now: datetime
) -> Verification | None:
    """Count one try, in one statement, so that a hundred at once count as a hundred; None once it is dead.

    Commit before the code is compared: a wrong guess must stay counted.
    """
    alive = sa.and_(
        verifications.c.id == verification_id,
        verifications.c.purpose == purpose,
        verifications.c.used_at.is_(None),
        verifications.c.expires_at > now,
        verifications.c.tries < settings.code_tries_max,
    )
    if not await db.execute(sa.update(verifications).where(alive).values(tries=verifications.c.tries + 1)):
        return None
    return await find(db, verification_id)


async def redeem(db: Transaction, verification_id: UUID, *, now: datetime) -> bool:
    """Use it up; False where it was used or ran out meanwhile."""
    alive = sa.and_(
        verifications.c.id == verification_id, verifications.c.used_at.is_(None), verifications.c.expires_at > now
    )
    return await db.execute(sa.update(verifications).where(alive).values(used_at=now)) == 1


async def find(db: Reader, verification_id: UUID) -> Verification | None:
    """One by its id, used or not."""
    row = await db.first(sa.select(verifications).where(verifications.c.id == verification_id))
    if row is None:
        return None
    return Verification(row.id, row.user_id, row.purpose, row.contact_hash, row.expires_at)


async def is_waiting(db: Reader, verification_id: UUID, *, now: datetime) -> bool:
    """Neither used nor void nor too old."""
    waiting = (
        verifications.c.id == verification_id,
        verifications.c.used_at.is_(None),
        verifications.c.expires_at > now,
    )
    return await db.scalar(sa.select(verifications.c.id).where(*waiting)) is not None


def is_bound_to(verification: Verification, contact: str | None, *, settings: IdentitySettings) -> bool:
    """Whether it was sent to this contact."""
    return contact is not None and any(
        verification.contact_hash == rules.contact_hash(secret, contact) for secret in settings.secrets
    )


async def enqueue_letter(
    db: Transaction, *, template: LetterTemplate, user_id: UUID, now: datetime, letter_id: UUID | None = None
) -> None:
    """Ask for a letter with the change it tells of. The payload holds ids, never an address or a code."""
    named = letter_id or new_id()
    payload = {"template": template, "user_id": str(user_id), "letter_id": str(named)}
    await jobs.enqueue(db, kind=LETTER_JOB, key=f"{LETTER_JOB}:{named}", payload=payload, run_at=now)


async def forget_old(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Delete what ran out before that moment, at most `limit`; how many."""
    return await keeping.drop(db, verifications, verifications.c.expires_at < before, limit=limit)
