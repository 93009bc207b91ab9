"""Start, prolong and end sign-ins: a login is a family of refresh tokens, each good for one use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import rules, tokens
from holdfast.kernel.identity.errors import LoginNotFound
from holdfast.kernel.identity.models import logins, refresh_tokens
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Ending, Tokens, User
from holdfast.kit import keeping
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.secrets import fingerprint


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of a refresh: whose login it is and the child token, or the reason why there is none."""

    login_id: UUID | None
    user_id: UUID | None
    refresh_token: str | None
    expires_at: datetime | None
    was_reused: bool = False


async def start(
    db: Transaction,
    *,
    settings: IdentitySettings,
    user: User,
    agent: str | None,
    actor: Actor,
    now: datetime,
    is_page: bool = False,
) -> Tokens:
    """A new login of somebody whose proof was checked; writes the sign-in down. `is_page`: with a page's token."""
    login_id, refresh_token = new_id(), tokens.new_refresh_token()
    page_token = tokens.new_page_token() if is_page else None
    ends_at = now + timedelta(days=settings.login_days_max)
    expires_at = min(now + timedelta(days=settings.refresh_token_days), ends_at)
    await db.execute(
        sa.insert(logins).values(
            id=login_id,
            user_id=user.id,
            agent=agent[:200] if agent else None,
            page_token_hash=None if page_token is None else fingerprint(page_token),
            created_at=now,
            last_used_at=now,
            expires_at=ends_at,
        )
    )
    await _add(db, refresh_token, login_id=login_id, now=now, expires_at=expires_at)
    await audit.record(
        db,
        actor=actor,
        action="signed_in",
        entity_type="user",
        entity_id=user.id,
        details={"login_id": str(login_id)},
        now=now,
    )
    given = held(settings, user=user, login_id=login_id, refresh_token=refresh_token, expires_at=expires_at, now=now)
    return replace(given, page_token=page_token, login_expires_at=ends_at)


async def note_used(db: Transaction, login_id: UUID, *, now: datetime) -> None:
    await db.execute(sa.update(logins).where(logins.c.id == login_id).values(last_used_at=now))


def held(
    settings: IdentitySettings, *, user: User, login_id: UUID, refresh_token: str, expires_at: datetime, now: datetime
) -> Tokens:
    """What the client holds afterwards: the refresh token and a new access token."""
    access = tokens.access_token(
        settings, user_id=user.id, login_id=login_id, roles=user.roles, role=user.role, now=now
    )
    return Tokens(access, settings.access_token_minutes * 60, refresh_token, expires_at)


async def rotate(
    db: Transaction, *, settings: IdentitySettings, refresh_token: str, actor: Actor, now: datetime
) -> Rotated:
    """Exchange a refresh token for its child.

    Within the grace the same child comes again (two tabs); later reuse ends the whole family, since one of the two
    who held the token stole it. Nothing is raised: what is written here must be committed in every case.
    """
    nothing = Rotated(None, None, None, None)
    row = await _token(db, refresh_token)
    if row is None or row.ended_at is not None or now >= min(row.expires_at, row.login_expires_at):
        return nothing
    verdict = rules.on_refresh(row.used_at, now=now, grace_seconds=settings.refresh_grace_seconds)
    child = tokens.child_of(settings, refresh_token)
    expires_at = min(now + timedelta(days=settings.refresh_token_days), row.login_expires_at)
    if verdict == "rotate":
        unused = sa.and_(refresh_tokens.c.id == row.id, refresh_tokens.c.used_at.is_(None))
        if await db.execute(sa.update(refresh_tokens).where(unused).values(used_at=now)):
            await _add(db, child, login_id=row.login_id, now=now, expires_at=expires_at)
            await db.execute(sa.update(logins).where(logins.c.id == row.login_id).values(last_used_at=now))
    elif verdict == "reuse":
        await end(db, row.login_id, because="reuse", now=now)
        await audit.record(
            db,
            actor=actor,
            action="refresh_token_reused",
            entity_type="user",
            entity_id=row.user_id,
            details={"login_id": str(row.login_id)},
            now=now,
        )
        return Rotated(row.login_id, row.user_id, None, None, was_reused=True)
    return Rotated(row.login_id, row.user_id, child, expires_at)


async def login_of(db: Transaction, refresh_token: str) -> tuple[UUID, UUID] | None:
    """(login, user) a refresh token belongs to while its login lasts, used or not."""
    row = await _token(db, refresh_token)
    return None if row is None or row.ended_at is not None else (row.login_id, row.user_id)


async def end(db: Transaction, login_id: UUID, *, because: Ending, now: datetime) -> int:
    """End one login: its refresh tokens are void with it, its access tokens within a second. How many ended."""
    running = sa.and_(logins.c.id == login_id, logins.c.ended_at.is_(None))
    return await db.execute(sa.update(logins).where(running).values(ended_at=now, ended_because=because, agent=None))


async def end_own(db: Transaction, login_id: UUID, *, user_id: UUID, actor: Actor, now: datetime) -> None:
    """End one of one's own. LoginNotFound, also for what ended before."""
    mine = sa.select(logins.c.id).where(logins.c.id == login_id, logins.c.user_id == user_id)
    if await db.scalar(mine) is None or not await end(db, login_id, because="ended_by_user", now=now):
        raise LoginNotFound
    await _record_end(db, user_id=user_id, ended=[login_id], because="ended_by_user", actor=actor, now=now)


async def end_all(db: Transaction, user_id: UUID, *, because: Ending, actor: Actor, now: datetime) -> int:
    """End every login of an account; how many there were."""
    running = (logins.c.user_id == user_id, logins.c.ended_at.is_(None))
    ids = [row.id for row in await db.all(sa.select(logins.c.id).where(*running).order_by(logins.c.id))]
    for login_id in ids:
        await end(db, login_id, because=because, now=now)
    if ids:
        await _record_end(db, user_id=user_id, ended=ids, because=because, actor=actor, now=now)
    return len(ids)


async def log_out(db: Transaction, login_id: UUID, *, user_id: UUID, actor: Actor, now: datetime) -> None:
    """The client's own end of its login; a second time changes nothing and is not written down again."""
    if await end(db, login_id, because="logout", now=now):
        await _record_end(db, user_id=user_id, ended=[login_id], because="logout", actor=actor, now=now)


async def forget_ended(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Delete logins that ended or ran out before that moment, with their tokens, at most `limit`; how many."""
    over = sa.or_(logins.c.ended_at < before, logins.c.expires_at < before)
    return await keeping.drop(db, logins, over, limit=limit)


async def forget_tokens(db: Transaction, /, *, before: datetime, limit: int = keeping.AT_ONCE) -> int:
    """Delete refresh tokens that ran out before that moment, their login running or not, at most `limit`; how many."""
    return await keeping.drop(db, refresh_tokens, refresh_tokens.c.expires_at < before, limit=limit)


async def forget_all_of(db: Transaction, user_id: UUID) -> int:
    """Delete every login of somebody, on what and until when they were signed in, at erasure; how many."""
    return await db.execute(sa.delete(logins).where(logins.c.user_id == user_id))


async def _token(db: Transaction, refresh_token: str) -> sa.Row[Any] | None:
    """Locked, so that two tabs are told the same one after the other."""
    return await db.first(
        sa.select(
            refresh_tokens,
            logins.c.user_id,
            logins.c.ended_at,
            logins.c.expires_at.label("login_expires_at"),
        )
        .join(logins, logins.c.id == refresh_tokens.c.login_id)
        .where(refresh_tokens.c.token_hash == fingerprint(refresh_token))
        .with_for_update(of=refresh_tokens)
    )


async def _add(db: Transaction, token: str, *, login_id: UUID, now: datetime, expires_at: datetime) -> None:
    await db.execute(
        sa.insert(refresh_tokens).values(
            id=new_id(), login_id=login_id, token_hash=fingerprint(token), created_at=now, expires_at=expires_at
        )
    )


async def _record_end(
    db: Transaction, *, user_id: UUID, ended: Sequence[UUID], because: Ending, actor: Actor, now: datetime
) -> None:
    await audit.record(
        db,
        actor=actor,
        action="logins_ended",
        entity_type="user",
        entity_id=user_id,
        details={"login_ids": [str(login_id) for login_id in ended], "because": because},
        now=now,
    )
