"""Open providers, make people their members, and give programs their keys."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import queries, tokens
from holdfast.kernel.identity.errors import ApiKeyNotFound, ProviderExists, UserNotFound
from holdfast.kernel.identity.models import api_keys, provider_members, providers, users
from holdfast.kernel.identity.values import KEY_SCOPES, MEMBER_ROLES, ApiKey, MemberRole, Provider
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.money import exponent
from holdfast.kit.secrets import fingerprint
from holdfast.kit.text import match_key
from holdfast.kit.zones import zone_of

_HINT_CHARACTERS = 8


async def create_provider(
    db: Transaction,
    *,
    name: str,
    currency: str,
    zone: str,
    actor: Actor,
    now: datetime,
    is_default: bool = False,
    platform_fee_bps: int = 0,
) -> Provider:
    """Open a provider; names are unique among those not deleted, and there is one default. ProviderExists.

    `currency` in ISO 4217 (UnknownCurrency), `zone` an IANA name (UnknownZone).
    """
    exponent(currency)
    zone_of(zone)
    values = {
        "id": new_id(),
        "name": name,
        "name_key": match_key(name)[:120],
        "currency": currency,
        "zone": zone,
        "is_default": is_default,
        "platform_fee_bps": platform_fee_bps,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    try:
        await db.execute(sa.insert(providers).values(values))
    except IntegrityError as error:
        raise ProviderExists from error
    created = await queries.provider(db, values["id"])  # type: ignore[arg-type]
    await audit.record(
        db,
        actor=actor,
        action="provider_created",
        entity_type="provider",
        entity_id=created.id,
        provider_id=created.id,
        after={"currency": currency, "zone": zone, "is_default": is_default, "platform_fee_bps": platform_fee_bps},
        now=now,
    )
    return created


async def add_member(
    db: Transaction, *, provider_id: UUID, user_id: UUID, role: MemberRole, actor: Actor, now: datetime
) -> None:
    """Make somebody a member, or give a member another role. ProviderNotFound, UserNotFound."""
    assert role in MEMBER_ROLES
    await queries.provider(db, provider_id)
    if await db.scalar(sa.select(users.c.id).where(users.c.id == user_id, users.c.erased_at.is_(None))) is None:
        raise UserNotFound
    before = (await queries.memberships(db, user_id)).get(provider_id)
    if before == role:
        return
    row = {"provider_id": provider_id, "user_id": user_id, "role": role, "created_at": now}
    statement = db.insert(provider_members).values(row)
    await db.execute(statement.on_conflict_do_update(index_elements=["provider_id", "user_id"], set_={"role": role}))
    await _record_member(db, provider_id, user_id, before=before, after=role, actor=actor, now=now)


async def remove_member(db: Transaction, *, provider_id: UUID, user_id: UUID, actor: Actor, now: datetime) -> None:
    """End a membership. UserNotFound where there is none."""
    before = (await queries.memberships(db, user_id)).get(provider_id)
    theirs = (provider_members.c.provider_id == provider_id, provider_members.c.user_id == user_id)
    if not await db.execute(sa.delete(provider_members).where(*theirs)):
        raise UserNotFound
    await _record_member(db, provider_id, user_id, before=before, after=None, actor=actor, now=now)


async def create_api_key(
    db: Transaction,
    *,
    provider_id: UUID,
    name: str,
    scope: str,
    actor: Actor,
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A key with which a program acts for a provider, in the place of a member of that role; the key is told once.

    `scope`: one of KEY_SCOPES. Two scopes are two keys, so that each can be revoked alone. ProviderNotFound.
    """
    assert scope in KEY_SCOPES, "an owner is a person"
    await queries.provider(db, provider_id)
    key, key_id = tokens.new_api_key(), new_id()
    hint = key[:_HINT_CHARACTERS]
    await db.execute(
        sa.insert(api_keys).values(
            id=key_id,
            provider_id=provider_id,
            name=name,
            hint=hint,
            key_hash=fingerprint(key),
            scopes=[scope],
            created_by=actor.user_id,
            created_at=now,
            expires_at=expires_at,
        )
    )
    await audit.record(
        db,
        actor=actor,
        action="api_key_created",
        entity_type="api_key",
        entity_id=key_id,
        provider_id=provider_id,
        details={"scopes": [scope]},
        now=now,
    )
    return ApiKey(key_id, provider_id, name, hint, (scope,), now, expires_at, None, None), key


async def revoke_api_key(db: Transaction, key_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Refused everywhere within a second. ApiKeyNotFound, also the second time."""
    live = (api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    provider_id = await db.scalar(sa.select(api_keys.c.provider_id).where(*live))
    if provider_id is None or not await db.execute(sa.update(api_keys).where(*live).values(revoked_at=now)):
        raise ApiKeyNotFound
    await audit.record(
        db,
        actor=actor,
        action="api_key_revoked",
        entity_type="api_key",
        entity_id=key_id,
        provider_id=provider_id,
        now=now,
    )


async def note_key_used(db: Transaction, key_id: UUID, *, now: datetime) -> None:
    """When it was last seen."""
    await db.execute(sa.update(api_keys).where(api_keys.c.id == key_id).values(last_used_at=now))


async def _record_member(
    db: Transaction,
    provider_id: UUID,
    user_id: UUID,
    *,
    before: str | None,
    after: str | None,
    actor: Actor,
    now: datetime,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action="member_changed",
        entity_type="user",
        entity_id=user_id,
        provider_id=provider_id,
        before={"role": before},
        after={"role": after},
        now=now,
    )
