"""webhooks: revision 0007, after 0006."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Id, Json, Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", Id, nullable=False),
        sa.Column("provider_id", Id, nullable=True),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("facts", Json, nullable=True),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("disabled_because", sa.String(length=7), nullable=True),
        sa.Column("disabled_at", Moment, nullable=True),
        sa.Column("failing_since", Moment, nullable=True),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("former_secret", sa.LargeBinary(), nullable=True),
        sa.Column("former_secret_until", Moment, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("deleted_at", Moment, nullable=True),
        sa.CheckConstraint(
            "(state = 'disabled') = (disabled_at IS NOT NULL)", name=op.f("ck_webhook_endpoints_disabled_has_time")
        ),
        sa.CheckConstraint(
            "disabled_because IN ('owner', 'failing', 'gone')", name=op.f("ck_webhook_endpoints_disabled_because_known")
        ),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_webhook_endpoints_state_known")),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_because IS NULL)", name=op.f("ck_webhook_endpoints_disabled_has_reason")
        ),
        sa.CheckConstraint(
            "(former_secret IS NULL) = (former_secret_until IS NULL)",
            name=op.f("ck_webhook_endpoints_former_secret_ends"),
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_webhook_endpoints_version_positive")),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name=op.f("fk_webhook_endpoints_provider_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index("ix_webhook_endpoints_provider_id", "webhook_endpoints", ["provider_id", "created_at", "id"])

    op.create_table(
        "webhook_deliveries",
        sa.Column("id", Id, nullable=False),
        sa.Column("endpoint_id", Id, nullable=False),
        sa.Column("fact_id", Id, nullable=False),
        sa.Column("fact", sa.String(length=60), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("inventory_id", Id, nullable=True),
        sa.Column("payload", Json, nullable=False),
        sa.Column("fact_at", Moment, nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", Moment, nullable=True),
        sa.Column("leased_until", Moment, nullable=True),
        sa.Column("last_status", sa.SmallInteger(), nullable=True),
        sa.Column("last_reason", sa.String(length=40), nullable=True),
        sa.Column("first_attempt_at", Moment, nullable=True),
        sa.Column("last_attempt_at", Moment, nullable=True),
        sa.Column("delivered_at", Moment, nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.CheckConstraint(
            "(state = 'waiting') = (next_at IS NOT NULL)", name=op.f("ck_webhook_deliveries_waiting_has_time")
        ),
        sa.CheckConstraint(
            "state <> 'delivered' OR delivered_at IS NOT NULL", name=op.f("ck_webhook_deliveries_delivered_has_time")
        ),
        sa.CheckConstraint(
            "state <> 'failed' OR last_reason IS NOT NULL", name=op.f("ck_webhook_deliveries_failed_has_reason")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state_known")
        ),
        sa.CheckConstraint(
            "(first_attempt_at IS NULL) = (last_attempt_at IS NULL)",
            name=op.f("ck_webhook_deliveries_attempts_have_times"),
        ),
        sa.CheckConstraint("attempts >= 0 AND resends >= 0", name=op.f("ck_webhook_deliveries_counted")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_deliveries_endpoint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("endpoint_id", "fact_id", name=op.f("uq_webhook_deliveries_endpoint_id_fact_id")),
    )
    op.create_index("ix_webhook_deliveries_created_at", "webhook_deliveries", ["created_at"])
    op.create_index(
        "ix_webhook_deliveries_due",
        "webhook_deliveries",
        ["next_at"],
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index("ix_webhook_deliveries_endpoint_id", "webhook_deliveries", ["endpoint_id", "created_at", "id"])
