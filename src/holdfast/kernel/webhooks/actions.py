"""What owners do with endpoints: open, change, give a new secret, close. Each is written to the activity log."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.webhooks import queries, rules, secrets
from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import (
    FORMER_SECRET_KEPT,
    DisabledBecause,
    Endpoint,
    NewEndpoint,
    TooManyEndpoints,
    UnknownFact,
    WebhookEndpointDisabled,
)
from holdfast.kit import outbox, outgoing
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.versions import VersionStale, check_version

_LOCK = 0x484F4F4B  # one opening of a provider's endpoints at a time on PostgreSQL; SQLite has one writer anyway


async def create(
    db: Transaction, new: NewEndpoint, *, settings: WebhookSettings, actor: Actor, now: datetime
) -> Endpoint:
    """Open an endpoint with a fresh secret (`queries.reveal`). UrlRefused, UnknownFact, TooManyEndpoints."""
    url = outgoing.check_url(new.url, settings.calls)
    _check_facts(new.facts)
    if db.dialect == "postgresql":
        whose = 0 if new.provider_id is None else new.provider_id.int & 0x7FFFFFFF
        lock = (sa.cast(_LOCK, sa.Integer), sa.cast(whose, sa.Integer))
        await db.scalar(sa.select(sa.func.pg_advisory_xact_lock(*lock)))
    if await queries.count_of(db, new.provider_id) >= settings.endpoints_max:
        raise TooManyEndpoints(settings.endpoints_max)
    endpoint_id = new_id()
    await db.execute(
        sa.insert(webhook_endpoints).values(
            id=endpoint_id,
            provider_id=new.provider_id,
            url=url,
            description=new.description,
            facts=_stored(new.facts),
            state="active",
            secret=secrets.sealed(settings, secrets.fresh(), endpoint_id=endpoint_id),
            version=1,
            created_at=now,
            updated_at=now,
        )
    )
    created = await queries.find(db, endpoint_id)
    await _log(db, created, "webhook_endpoint_created", actor=actor, now=now, after=_summary(created))
    return created


async def change(
    db: Transaction,
    endpoint_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected: int | None,
    settings: WebhookSettings,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Change `url`, `description`, `facts` (None: every kind) or `state`; what is not named stays.

    Disabling gives up what still waits; enabling forgets that it was failing. EndpointNotFound, VersionStale,
    UrlRefused, UnknownFact.
    """
    old = await queries.find(db, endpoint_id)
    check_version(expected, old.version)
    values: dict[str, Any] = {}
    if "url" in changes:
        values["url"] = outgoing.check_url(changes["url"], settings.calls)
    if "description" in changes:
        values["description"] = changes["description"]
    if "facts" in changes:
        _check_facts(changes["facts"])
        values["facts"] = _stored(changes["facts"])
    if changes.get("state") == "active" and old.state == "disabled":
        values |= {"state": "active", "disabled_at": None, "disabled_because": None, "failing_since": None}
    if changes.get("state") == "disabled" and old.state == "active":
        values |= _disabled("owner", now)
    await _write(db, old, values, now=now)
    if values.get("state") == "disabled":
        await _give_up(db, old, because="owner", reason="endpoint_disabled", now=now)
    changed = await queries.find(db, endpoint_id)
    await _log(
        db,
        changed,
        "webhook_endpoint_changed",
        actor=actor,
        now=now,
        details={"fields": sorted(changes)},
        before=_summary(old),
        after=_summary(changed),
    )
    return changed


async def rotate_secret(
    db: Transaction,
    endpoint_id: UUID,
    *,
    keep_former: bool,
    expected: int | None,
    settings: WebhookSettings,
    actor: Actor,
    now: datetime,
) -> Endpoint:
    """Sign with a fresh secret (`queries.reveal`), for 24 hours with the former too, unless it is not to be trusted.

    EndpointNotFound, VersionStale.
    """
    old = await queries.find(db, endpoint_id)
    check_version(expected, old.version)
    values: dict[str, Any] = {
        "secret": secrets.sealed(settings, secrets.fresh(), endpoint_id=endpoint_id),
        "former_secret": webhook_endpoints.c.secret if keep_former else None,
        "former_secret_until": now + FORMER_SECRET_KEPT if keep_former else None,
    }
    await _write(db, old, values, now=now)
    rotated = await queries.find(db, endpoint_id)
    details = {"keep_former": keep_former}
    await _log(db, rotated, "webhook_secret_rotated", actor=actor, now=now, details=details)
    return rotated


async def delete(db: Transaction, endpoint_id: UUID, *, expected: int | None, actor: Actor, now: datetime) -> None:
    """Nothing is sent to it any more, not what waits either. EndpointNotFound, VersionStale."""
    old = await queries.find(db, endpoint_id)
    check_version(expected, old.version)
    await _write(db, old, {"deleted_at": now}, now=now)
    await _end_waiting(db, endpoint_id, reason="endpoint_deleted", now=now)
    await _log(db, old, "webhook_endpoint_deleted", actor=actor, now=now, before=_summary(old))


async def disable(db: Transaction, endpoint: Endpoint, *, because: DisabledBecause, now: datetime) -> None:
    """The system's own word: nothing arrived for days, or the receiver is gone. A disabled endpoint stays as it is."""
    standing = (webhook_endpoints.c.id == endpoint.id, webhook_endpoints.c.state == "active")
    values = {**_disabled(because, now), "version": webhook_endpoints.c.version + 1, "updated_at": now}
    if not await db.execute(sa.update(webhook_endpoints).where(*standing).values(values)):
        return
    await _give_up(db, endpoint, because=because, reason="endpoint_disabled", now=now)
    details = {"because": because}
    await _log(db, endpoint, "webhook_endpoint_disabled", actor=Actor.system(), now=now, details=details)


async def _give_up(
    db: Transaction, endpoint: Endpoint, *, because: DisabledBecause, reason: str, now: datetime
) -> None:
    await _end_waiting(db, endpoint.id, reason=reason, now=now)
    await outbox.publish(db, WebhookEndpointDisabled(endpoint.id, endpoint.provider_id, because), now=now)


async def _end_waiting(db: Transaction, endpoint_id: UUID, *, reason: str, now: datetime) -> None:
    waiting = (webhook_deliveries.c.endpoint_id == endpoint_id, webhook_deliveries.c.state == "waiting")
    values = {"state": "failed", "next_at": None, "leased_until": None, "last_reason": reason, "updated_at": now}
    await db.execute(sa.update(webhook_deliveries).where(*waiting).values(values))


async def _write(db: Transaction, old: Endpoint, values: Mapping[str, Any], *, now: datetime) -> None:
    standing = (
        webhook_endpoints.c.id == old.id,
        webhook_endpoints.c.version == old.version,
        webhook_endpoints.c.deleted_at.is_(None),
    )
    changed = {**values, "version": old.version + 1, "updated_at": now}
    if not await db.execute(sa.update(webhook_endpoints).where(*standing).values(changed)):
        raise VersionStale(old.version + 1)


def _check_facts(facts: tuple[str, ...] | None) -> None:
    known = frozenset(kind.name() for kind in outbox.kinds())
    if facts is not None and (strangers := rules.unknown(facts, known)):
        raise UnknownFact(strangers)


def _stored(facts: tuple[str, ...] | None) -> list[str] | None:
    return None if facts is None else sorted(set(facts))


def _disabled(because: DisabledBecause, now: datetime) -> dict[str, Any]:
    return {"state": "disabled", "disabled_because": because, "disabled_at": now}


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    """Of the address its beginning alone: the rest may hold a token of the receiver's."""
    return {
        "url": outgoing.origin_of(endpoint.url),
        "facts": None if endpoint.facts is None else list(endpoint.facts),
        "state": endpoint.state,
    }


async def _log(
    db: Transaction,
    endpoint: Endpoint,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    details: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="webhook_endpoint",
        entity_id=endpoint.id,
        provider_id=endpoint.provider_id,
        details=details,
        before=before,
        after=after,
        now=now,
    )
