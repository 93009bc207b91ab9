"""What we remember of endpoints and of what was sent to them: ids and words, nothing personal."""

import sqlalchemy as sa

from holdfast.kernel.webhooks.values import DELIVERY_STATES, DISABLED_BECAUSE, ENDPOINT_STATES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: NULL: the platform's own
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id")),
    sa.Column("url", sa.String(500), nullable=False),
    sa.Column("description", sa.String(200)),
    #: NULL: every kind
    sa.Column("facts", Json),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("disabled_because", sa.String(7)),
    sa.Column("disabled_at", Moment),
    sa.Column("failing_since", Moment),
    #: Sealed with the platform's secret: it has to be read again to sign.
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("former_secret", sa.LargeBinary),
    sa.Column("former_secret_until", Moment),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    one_of("state", ENDPOINT_STATES),
    one_of("disabled_because", DISABLED_BECAUSE),
    sa.CheckConstraint("(state = 'disabled') = (disabled_at IS NOT NULL)", name="disabled_has_time"),
    sa.CheckConstraint("(disabled_at IS NULL) = (disabled_because IS NULL)", name="disabled_has_reason"),
    sa.CheckConstraint("(former_secret IS NULL) = (former_secret_until IS NULL)", name="former_secret_ends"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.Index("ix_webhook_endpoints_provider_id", "provider_id", "created_at", "id"),
)

webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("endpoint_id", Id, sa.ForeignKey("webhook_endpoints.id"), nullable=False),
    sa.Column("fact_id", Id, nullable=False),
    sa.Column("fact", sa.String(60), nullable=False),
    sa.Column("version", sa.SmallInteger, nullable=False),
    #: of the fact in the order of all; NULL for a test
    sa.Column("position", sa.BigInteger),
    sa.Column("inventory_id", Id),
    #: The fact's own: rows of the outbox leave after seven days, and this may be sent again later.
    sa.Column("payload", Json, nullable=False),
    sa.Column("fact_at", Moment, nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("resends", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", Moment),
    #: Whoever sends it has it until then.
    sa.Column("leased_until", Moment),
    sa.Column("last_status", sa.SmallInteger),
    sa.Column("last_reason", sa.String(40)),
    sa.Column("first_attempt_at", Moment),
    sa.Column("last_attempt_at", Moment),
    sa.Column("delivered_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("state", DELIVERY_STATES),
    sa.CheckConstraint("(state = 'waiting') = (next_at IS NOT NULL)", name="waiting_has_time"),
    sa.CheckConstraint("state <> 'delivered' OR delivered_at IS NOT NULL", name="delivered_has_time"),
    sa.CheckConstraint("state <> 'failed' OR last_reason IS NOT NULL", name="failed_has_reason"),
    sa.CheckConstraint("attempts >= 0 AND resends >= 0", name="counted"),
    sa.CheckConstraint("(first_attempt_at IS NULL) = (last_attempt_at IS NULL)", name="attempts_have_times"),
    sa.UniqueConstraint("endpoint_id", "fact_id"),
    sa.Index("ix_webhook_deliveries_endpoint_id", "endpoint_id", "created_at", "id"),
    sa.Index("ix_webhook_deliveries_created_at", "created_at"),
    sa.Index(
        "ix_webhook_deliveries_due",
        "next_at",
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    ),
)
