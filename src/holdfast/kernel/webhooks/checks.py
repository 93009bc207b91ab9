"""What must never be found among webhooks (spec, the safety contract: a provider learns of what is its own alone)."""

import sqlalchemy as sa

from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kit.checks import LATE_BEFORE, Check

_inventories = sa.table("inventories", sa.column("id"), sa.column("provider_id"))
_logs = sa.table("activity_logs", sa.column("entity_type"), sa.column("entity_id"), sa.column("action_type"))

_told_to_a_stranger = (
    sa.select(
        webhook_deliveries.c.id.label("webhook_delivery_id"),
        webhook_endpoints.c.provider_id.label("told"),
        _inventories.c.provider_id.label("concerns"),
    )
    .join(webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id)
    .join(_inventories, _inventories.c.id == webhook_deliveries.c.inventory_id)
    .where(webhook_endpoints.c.provider_id != _inventories.c.provider_id)
)

#: Disabled or deleted, an endpoint leaves nothing waiting; what the relay noted a moment before is given up with it.
_waits_for_nobody = (
    sa.select(webhook_deliveries.c.id.label("webhook_delivery_id"), webhook_endpoints.c.id.label("webhook_endpoint_id"))
    .join(webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id)
    .where(
        webhook_deliveries.c.state == "waiting",
        sa.or_(
            webhook_endpoints.c.disabled_at < LATE_BEFORE,
            webhook_endpoints.c.deleted_at < LATE_BEFORE,
        ),
    )
)


def _unlogged(when: sa.ColumnElement[bool], *actions: str) -> sa.Select[tuple[object, ...]]:
    told = sa.exists().where(
        _logs.c.entity_type == "webhook_endpoint",
        _logs.c.entity_id == webhook_endpoints.c.id,
        _logs.c.action_type.in_(actions),
    )
    return sa.select(webhook_endpoints.c.id.label("webhook_endpoint_id"), webhook_endpoints.c.state).where(
        when, ~told.correlate(webhook_endpoints)
    )


_always = webhook_endpoints.c.version >= 1
CHECKS = (
    Check(11, "fact_told_to_another_provider", _told_to_a_stranger),
    Check(8, "webhook_waits_for_nobody", _waits_for_nobody),
    Check(8, "webhook_endpoint_unlogged", _unlogged(_always, "webhook_endpoint_created")),
    Check(
        8,
        "webhook_endpoint_disabled_unlogged",
        _unlogged(webhook_endpoints.c.state == "disabled", "webhook_endpoint_disabled", "webhook_endpoint_changed"),
    ),
)
