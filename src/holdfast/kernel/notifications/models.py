"""What was told to whom: ids and moments, no word and no address."""

import sqlalchemy as sa

from holdfast.kernel.notifications.values import TEMPLATES
from holdfast.kit.db import Id, Moment, metadata, one_of

notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("template", sa.String(30), nullable=False),
    sa.Column("fact_id", Id, nullable=False),
    sa.Column("inventory_id", Id),
    sa.Column("booking_id", Id),
    sa.Column("subject_id", Id),
    sa.Column("channel", sa.String(5)),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("sent_at", Moment),
    sa.Column("refused_at", Moment),
    sa.Column("read_at", Moment),
    one_of("template", TEMPLATES),
    one_of("channel", ("email", "sms")),
    sa.CheckConstraint("(sent_at IS NULL AND refused_at IS NULL) OR channel IS NOT NULL", name="what_left_has_channel"),
    sa.CheckConstraint("booking_id IS NULL OR inventory_id IS NOT NULL", name="booking_has_inventory"),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
    sa.UniqueConstraint("user_id", "template", "fact_id"),
    sa.Index("ix_notifications_user_id", "user_id", "fact_id", "id"),
    sa.Index(
        "ix_notifications_unread",
        "user_id",
        postgresql_where=sa.text("read_at IS NULL"),
        sqlite_where=sa.text("read_at IS NULL"),
    ),
    sa.Index("ix_notifications_created_at", "created_at"),
)
