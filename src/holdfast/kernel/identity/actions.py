"""Change accounts: open, edit, grant roles, set passwords, deactivate, erase.

The activity log is told which personal fields changed, never their values (spec, identity).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import logins, queries, rules, verifications
from holdfast.kernel.identity.errors import AccountDeactivated, EmailTaken, NotToOneself, UserNotFound
from holdfast.kernel.identity.models import provider_members, totp_secrets, user_roles, users
from holdfast.kernel.identity.models import verifications as verifications_table
from holdfast.kernel.identity.settings import CUSTOMER, IdentitySettings
from holdfast.kernel.identity.values import ProfileChange, User, UserRegistered
from holdfast.kit import outbox
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.versions import check_version

_PERSONAL = ("first_name", "last_name")


async def create_user(
    db: Transaction,
    *,
    settings: IdentitySettings,
    email: str,
    password_hash: str,
    phone_number: str,
    first_name: str,
    last_name: str,
    actor: Actor,
    now: datetime,
    locale: str | None = None,
    zone: str | None = None,
    roles: tuple[str, ...] = (),
    is_verified: bool = False,
) -> User:
    """Open an account. `email` and `phone_number` come normalized (`rules`), the password hashed.

    An address that stands only on unverified accounts may be used again; EmailTaken where one has proved it. `roles`
    and `is_verified` are for seeds and the command line alone: what a registration says never reaches them.
    """
    if await queries.is_email_verified_elsewhere(db, email):
        raise EmailTaken
    user_id = new_id()
    proved_at = now if is_verified else None
    await db.execute(
        sa.insert(users).values(
            id=user_id,
            email=email,
            email_key=rules.email_key(email),
            email_verified_at=proved_at,
            phone_number=phone_number,
            phone_verified_at=proved_at,
            password_hash=password_hash,
            first_name=first_name,
            last_name=last_name,
            locale=locale or settings.locale,
            zone=zone or settings.zone,
            is_active=True,
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    for role in sorted(set(roles) - {CUSTOMER}):
        rules.check_grant(role, to=user_id, by=None, ranking=settings.roles)
        await db.execute(sa.insert(user_roles).values(user_id=user_id, role=role, granted_at=now))
    await _record(
        db, "registered", user_id, actor=actor, now=now, after={"roles": sorted({CUSTOMER, *roles}), "is_active": True}
    )
    await outbox.publish(db, UserRegistered(user_id, is_verified), now=now)
    if not is_verified:
        await verifications.issue(
            db, settings=settings, user_id=user_id, purpose="verify_email", contact=rules.email_key(email), now=now
        )
    return await queries.user(db, user_id, settings=settings)


async def change_profile(
    db: Transaction,
    user_id: UUID,
    *,
    change: ProfileChange,
    expected_version: int | None,
    settings: IdentitySettings,
    actor: Actor,
    now: datetime,
) -> User:
    """Edit names, language, zone and, by an admin, whether the account is active. UserNotFound, VersionStale.

    Deactivating ends every login; nobody does it to themselves here (NotToOneself).
    """
    before = await _live(db, user_id, settings=settings)
    check_version(expected_version, before.version)
    changed = {name: value for name, value in change.values().items() if getattr(before, name) != value}
    if not changed:
        return before
    is_deactivation = changed.get("is_active") is False
    if is_deactivation and actor.user_id == user_id:
        raise NotToOneself
    await db.execute(
        sa.update(users).where(users.c.id == user_id).values(**changed, version=before.version + 1, updated_at=now)
    )
    open_fields = [name for name in changed if name not in _PERSONAL]
    await _record(
        db,
        "deactivated" if is_deactivation else "activated" if "is_active" in changed else "profile_changed",
        user_id,
        actor=actor,
        now=now,
        details={"changed": sorted(changed)},
        before={name: getattr(before, name) for name in open_fields} or None,
        after={name: changed[name] for name in open_fields} or None,
    )
    if is_deactivation:
        await logins.end_all(db, user_id, because="deactivated", actor=actor, now=now)
    return await queries.user(db, user_id, settings=settings)


async def set_password(
    db: Transaction, user_id: UUID, *, password_hash: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> None:
    """Set it, end every login, void links that could set it again, and tell the owner. AccountDeactivated."""
    user = await _live(db, user_id, settings=settings)
    if not user.is_active:
        raise AccountDeactivated
    await _touch(db, user, now=now, password_hash=password_hash)
    await logins.end_all(db, user_id, because="password", actor=actor, now=now)
    await verifications.void(db, user_id=user_id, purpose="reset_password", now=now)
    await _record(db, "password_changed", user_id, actor=actor, now=now, details={"changed": ["password"]})
    await verifications.enqueue_letter(db, template="password_changed", user_id=user_id, now=now)


async def rehash_password(db: Transaction, user_id: UUID, *, seen: str, password_hash: str) -> None:
    """Keep the same password under today's cost; nothing where it was changed meanwhile."""
    await db.execute(
        sa.update(users).where(users.c.id == user_id, users.c.password_hash == seen).values(password_hash=password_hash)
    )


async def grant_role(
    db: Transaction, user_id: UUID, *, role: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> User:
    """Give somebody a role; who has it keeps it. UnknownRole, NotToOneself, UserNotFound, AccountDeactivated."""
    rules.check_grant(role, to=user_id, by=actor.user_id, ranking=settings.roles)
    before = await _live(db, user_id, settings=settings)
    if not before.is_active:
        raise AccountDeactivated
    row = {"user_id": user_id, "role": role, "granted_by": actor.user_id, "granted_at": now}
    if not await db.execute(db.insert(user_roles).values(row).on_conflict_do_nothing()):
        return before
    return await _roles_changed(db, "role_granted", before, role=role, settings=settings, actor=actor, now=now)


async def revoke_role(
    db: Transaction, user_id: UUID, *, role: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> User:
    """Take a role away; who lacks it stays without. The same refusals as granting."""
    rules.check_grant(role, to=user_id, by=actor.user_id, ranking=settings.roles)
    before = await _live(db, user_id, settings=settings)
    theirs = (user_roles.c.user_id == user_id, user_roles.c.role == role)
    if not await db.execute(sa.delete(user_roles).where(*theirs)):
        return before
    return await _roles_changed(db, "role_revoked", before, role=role, settings=settings, actor=actor, now=now)


async def erase(db: Transaction, user_id: UUID, *, settings: IdentitySettings, actor: Actor, now: datetime) -> None:
    """Deactivate for good and blank what is personal; the row stays, so that the books stay whole.

    The caller has made sure that nothing of theirs is still running (holds, bookings and payouts stand above this
    feature). UserNotFound, also the second time.
    """
    await _live(db, user_id, settings=settings)
    await logins.end_all(db, user_id, because="deactivated", actor=_without_address(actor, user_id), now=now)
    await logins.forget_all_of(db, user_id)
    await db.execute(sa.delete(verifications_table).where(verifications_table.c.user_id == user_id))
    await db.execute(sa.delete(totp_secrets).where(totp_secrets.c.user_id == user_id))
    await db.execute(sa.delete(user_roles).where(user_roles.c.user_id == user_id))
    await db.execute(sa.delete(provider_members).where(provider_members.c.user_id == user_id))
    blank = dict.fromkeys(
        (
            "email",
            "email_key",
            "email_verified_at",
            "phone_number",
            "phone_verified_at",
            "pending_email",
            "pending_phone",
            "previous_email",
            "previous_phone",
            "password_hash",
        )
    )
    await db.execute(
        sa.update(users)
        .where(users.c.id == user_id)
        .values(
            **blank,
            first_name="",
            last_name="",
            locale=settings.locale,
            zone=settings.zone,
            is_active=False,
            version=users.c.version + 1,
            updated_at=now,
            erased_at=now,
        )
    )
    await _record(db, "erased", user_id, actor=_without_address(actor, user_id), now=now)
    await audit.forget_origins_of(db, user_id)


async def note_failed_sign_in(db: Transaction, user_id: UUID | None, *, why: str, actor: Actor, now: datetime) -> None:
    """Write down a sign-in that failed; without an account it is told under the nil id, and nothing of the address."""
    await _record(db, "sign_in_failed", user_id or UUID(int=0), actor=actor, now=now, details={"why": why})


async def _roles_changed(
    db: Transaction, action: str, before: User, *, role: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> User:
    await _touch(db, before, now=now)
    after = await queries.user(db, before.id, settings=settings)
    await _record(
        db,
        action,
        before.id,
        actor=actor,
        now=now,
        details={"role": role},
        before={"roles": sorted(before.roles)},
        after={"roles": sorted(after.roles)},
    )
    return after


async def _live(db: Transaction, user_id: UUID, *, settings: IdentitySettings) -> User:
    """Locked for the rest of the transaction; UserNotFound for the absent and the erased."""
    await db.first(sa.select(users.c.id).where(users.c.id == user_id).with_for_update())
    user = await queries.user(db, user_id, settings=settings)
    if user.erased_at is not None:
        raise UserNotFound
    return user


async def _touch(db: Transaction, user: User, *, now: datetime, **values: Any) -> None:  # noqa: ANN401 - columns
    await db.execute(
        sa.update(users).where(users.c.id == user.id).values(**values, version=users.c.version + 1, updated_at=now)
    )


def _without_address(actor: Actor, user_id: UUID) -> Actor:
    """Who erases themselves leaves no address behind."""
    if actor.user_id != user_id:
        return actor
    return Actor(actor.kind, actor.user_id, actor.roles, actor.members, None, actor.request_id)


async def _record(
    db: Transaction,
    action: str,
    user_id: UUID,
    *,
    actor: Actor,
    now: datetime,
    details: dict[str, Any] | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="user",
        entity_id=user_id,
        details=details,
        before=before,
        after=after,
        now=now,
    )
