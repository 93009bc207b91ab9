"""Read endpoints and deliveries."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.webhooks import secrets
from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import Delivery, DeliveryNotFound, DeliveryState, Endpoint, EndpointNotFound
from holdfast.kit.db import Reader

#: Newest first; for `kit.cursors.Page.select`.
ENDPOINT_ORDER: tuple[sa.ColumnElement[Any], ...] = (webhook_endpoints.c.created_at, webhook_endpoints.c.id)
DELIVERY_ORDER: tuple[sa.ColumnElement[Any], ...] = (webhook_deliveries.c.created_at, webhook_deliveries.c.id)
_STANDING = webhook_endpoints.c.deleted_at.is_(None)


async def find(db: Reader, endpoint_id: UUID) -> Endpoint:
    """EndpointNotFound where there is none (any more)."""
    row = await db.first(sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id, _STANDING))
    if row is None:
        raise EndpointNotFound
    return as_endpoint(row)


async def reveal(db: Reader, endpoint_id: UUID, *, settings: WebhookSettings) -> str:
    """The present secret: for the answer that made it and a replay of that answer. EndpointNotFound."""
    row = await db.first(sa.select(webhook_endpoints.c.secret).where(webhook_endpoints.c.id == endpoint_id, _STANDING))
    if row is None:
        raise EndpointNotFound
    secret = secrets.opened(settings, row.secret, endpoint_id=endpoint_id)
    assert secret is not None, "sealed under a secret that is not configured any more"
    return secret


async def find_delivery(db: Reader, delivery_id: UUID) -> Delivery:
    """DeliveryNotFound where there is none, or its endpoint was deleted."""
    row = await db.first(_deliveries().where(webhook_deliveries.c.id == delivery_id))
    if row is None:
        raise DeliveryNotFound
    return as_delivery(row)


def endpoints_of(provider_ids: list[UUID] | None, *, only: UUID | None = None) -> sa.Select[Any]:
    """The endpoints of these providers, None for all and the platform's; without order and limit."""
    statement = sa.select(webhook_endpoints).where(_STANDING)
    if provider_ids is not None:
        statement = statement.where(webhook_endpoints.c.provider_id.in_(provider_ids))
    return statement if only is None else statement.where(webhook_endpoints.c.provider_id == only)


def deliveries_of(endpoint_id: UUID, *, state: DeliveryState | None = None, fact: str | None = None) -> sa.Select[Any]:
    """What was and is to be sent to one endpoint; without order and limit."""
    statement = _deliveries().where(webhook_deliveries.c.endpoint_id == endpoint_id)
    if state is not None:
        statement = statement.where(webhook_deliveries.c.state == state)
    return statement if fact is None else statement.where(webhook_deliveries.c.fact == fact)


async def count_of(db: Reader, provider_id: UUID | None) -> int:
    """Endpoints a provider has; of the platform for None."""
    whose = webhook_endpoints.c.provider_id
    is_theirs = whose.is_(None) if provider_id is None else whose == provider_id
    return int(await db.scalar(sa.select(sa.func.count()).select_from(webhook_endpoints).where(is_theirs, _STANDING)))


def _deliveries() -> sa.Select[Any]:
    joined = webhook_deliveries.join(webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id)
    return sa.select(webhook_deliveries, webhook_endpoints.c.provider_id).select_from(joined).where(_STANDING)


def as_endpoint(row: sa.Row[Any]) -> Endpoint:
    return Endpoint(
        id=row.id,
        provider_id=row.provider_id,
        url=row.url,
        description=row.description,
        facts=None if row.facts is None else tuple(row.facts),
        state=row.state,
        disabled_because=row.disabled_because,
        disabled_at=row.disabled_at,
        failing_since=row.failing_since,
        former_secret_until=row.former_secret_until,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def as_delivery(row: sa.Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        endpoint_id=row.endpoint_id,
        provider_id=row.provider_id,
        fact_id=row.fact_id,
        fact=row.fact,
        version=row.version,
        payload=row.payload,
        fact_at=row.fact_at,
        state=row.state,
        attempts=row.attempts,
        resends=row.resends,
        next_at=row.next_at,
        last_status=row.last_status,
        last_reason=row.last_reason,
        first_attempt_at=row.first_attempt_at,
        last_attempt_at=row.last_attempt_at,
        delivered_at=row.delivered_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
