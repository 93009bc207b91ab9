"""What we remember of bookings and cancellations; nothing of it is ever deleted."""

import sqlalchemy as sa

from holdfast.kernel.bookings.values import REFUND_STATES, STATES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of

bookings = sa.Table(
    "bookings",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("hold_id", Id, nullable=False),
    sa.Column("product", sa.String(20), nullable=False),
    sa.Column("provider_id", Id, nullable=False),
    sa.Column("owner_id", Id),
    sa.Column("reference", sa.String(12), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("refund_state", sa.String(8), nullable=False, server_default="none"),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("confirmed_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("state", STATES),
    one_of("refund_state", REFUND_STATES),
    sa.CheckConstraint("total >= 0", name="total_not_negative"),
    sa.CheckConstraint(
        "state NOT IN ('confirmed', 'completed') OR confirmed_at IS NOT NULL", name="confirmed_has_time"
    ),
    sa.UniqueConstraint("inventory_id", "hold_id"),
    sa.ForeignKeyConstraint(["inventory_id", "hold_id"], ["holds.inventory_id", "holds.id"]),
    sa.Index("ix_bookings_hold_id", "hold_id"),
    sa.Index("ix_bookings_owner_id", "owner_id", "id"),
    sa.Index(
        "ix_bookings_expires_at",
        "expires_at",
        postgresql_where=sa.text("state = 'pending'"),
        sqlite_where=sa.text("state = 'pending'"),
    ),
)

#: The look-up that makes references unique over all inventories.
booking_references = sa.Table(
    "booking_references",
    metadata,
    sa.Column("reference", sa.String(12), primary_key=True),
    sa.Column("inventory_id", Id, nullable=False),
    sa.Column("booking_id", Id, nullable=False),
)

cancellations = sa.Table(
    "cancellations",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("booking_id", Id, nullable=False, index=True),
    sa.Column("by", Id),
    sa.Column("reason", sa.String(500)),
    sa.Column("items", Json, nullable=False),
    sa.Column("refund_amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("refund_status", sa.String(9), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("processed_at", Moment),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("refund_status", ("pending", "processed", "failed")),
    sa.CheckConstraint("refund_amount >= 0", name="refund_not_negative"),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
)

cancellation_quotes = sa.Table(
    "cancellation_quotes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("inventory_id", Id, nullable=False),
    sa.Column("booking_id", Id, nullable=False),
    sa.Column("items", Json, nullable=False),
    sa.Column("amounts", Json, nullable=False),
    sa.Column("fees", sa.BigInteger, nullable=False),
    sa.Column("percent", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
)
