"""notifications: revision 0005, after 0004."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Id, Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("template", sa.String(length=30), nullable=False),
        sa.Column("fact_id", Id, nullable=False),
        sa.Column("inventory_id", Id, nullable=True),
        sa.Column("booking_id", Id, nullable=True),
        sa.Column("subject_id", Id, nullable=True),
        sa.Column("channel", sa.String(length=5), nullable=True),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("sent_at", Moment, nullable=True),
        sa.Column("refused_at", Moment, nullable=True),
        sa.Column("read_at", Moment, nullable=True),
        sa.CheckConstraint("channel IN ('email', 'sms')", name=op.f("ck_notifications_channel_known")),
        sa.CheckConstraint(
            "template IN ('registered', 'confirmed', 'payment_failed', 'expired', 'cancelled', 'refund_sent', 'refund_failed', 'rescheduled', 'occurrence_cancelled', 'late_money_honoured', 'late_money_refunded')",
            name=op.f("ck_notifications_template_known"),
        ),
        sa.CheckConstraint(
            "(sent_at IS NULL AND refused_at IS NULL) OR channel IS NOT NULL",
            name=op.f("ck_notifications_what_left_has_channel"),
        ),
        sa.CheckConstraint(
            "booking_id IS NULL OR inventory_id IS NOT NULL", name=op.f("ck_notifications_booking_has_inventory")
        ),
        sa.ForeignKeyConstraint(
            ["inventory_id", "booking_id"],
            ["bookings.inventory_id", "bookings.id"],
            name=op.f("fk_notifications_inventory_id_booking_id"),
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_notifications_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("user_id", "template", "fact_id", name=op.f("uq_notifications_user_id_template_fact_id")),
    )
    op.create_index("ix_notifications_created_at", "notifications", ["created_at"])
    op.create_index("ix_notifications_user_id", "notifications", ["user_id", "fact_id", "id"])
    op.create_index(
        "ix_notifications_unread",
        "notifications",
        ["user_id"],
        postgresql_where=sa.text("read_at IS NULL"),
        sqlite_where=sa.text("read_at IS NULL"),
    )
