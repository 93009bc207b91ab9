"""What we remember of payments, and of what gateways told us."""

import sqlalchemy as sa

from holdfast.kernel.payments.values import METHODS, STATUSES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of

payments = sa.Table(
    "payments",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("booking_id", Id, nullable=False, index=True),
    sa.Column("hold_id", Id, nullable=False),
    sa.Column("user_id", Id, index=True),
    sa.Column("provider_id", Id, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("fare_amount", sa.BigInteger, nullable=False),
    sa.Column("service_fee", sa.BigInteger, nullable=False),
    sa.Column("method", sa.String(13), nullable=False),
    sa.Column("gateway", sa.String(20), nullable=False),
    sa.Column("gateway_reference", sa.String(120)),
    sa.Column("url", sa.String(500)),
    sa.Column("status", sa.String(18), nullable=False),
    sa.Column("captured", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("captured_currency", sa.String(3), nullable=False),
    sa.Column("gateway_fee", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("refund_reserved", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("transaction_datetime", Moment, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("status", STATUSES),
    one_of("method", METHODS),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("fare_amount + service_fee = amount", name="parts_add_up"),
    sa.CheckConstraint("refund_reserved >= 0 AND refund_reserved <= captured", name="refunds_within_captured"),
    sa.CheckConstraint("gateway_fee >= 0", name="gateway_fee_not_negative"),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
    sa.Index(
        "uq_payments_open",
        "inventory_id",
        "booking_id",
        unique=True,
        postgresql_where=sa.text("status IN ('initiated', 'pending')"),
        sqlite_where=sa.text("status IN ('initiated', 'pending')"),
    ),
    sa.Index(
        "ix_payments_expires_at",
        "expires_at",
        postgresql_where=sa.text("status IN ('initiated', 'pending')"),
        sqlite_where=sa.text("status IN ('initiated', 'pending')"),
    ),
)

#: The look-up that makes a gateway's references unique over all inventories.
gateway_references = sa.Table(
    "gateway_references",
    metadata,
    sa.Column("gateway", sa.String(20), primary_key=True),
    sa.Column("reference", sa.String(120), primary_key=True),
    sa.Column("inventory_id", Id, nullable=False),
    sa.Column("payment_id", Id, nullable=False),
)

#: How much of a captured payment pays which booking.
payment_allocations = sa.Table(
    "payment_allocations",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("payment_id", Id, primary_key=True),
    sa.Column("booking_id", Id, primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.ForeignKeyConstraint(["inventory_id", "payment_id"], ["payments.inventory_id", "payments.id"]),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
)

#: Stored before it is processed; one without `processed_at` is processed by whoever meets it.
gateway_events = sa.Table(
    "gateway_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("gateway", sa.String(20), nullable=False),
    sa.Column("event_id", sa.String(160), nullable=False),
    sa.Column("type", sa.String(60), nullable=False),
    sa.Column("object", sa.String(10), nullable=False),
    sa.Column("key", sa.String(60)),
    sa.Column("reference", sa.String(120)),
    sa.Column("body", Json, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
    sa.Column("processed_at", Moment),
    sa.Column("outcome", sa.String(40)),
    one_of("object", ("payment", "refund", "dispute", "other")),
    sa.UniqueConstraint("gateway", "event_id"),
    sa.Index("ix_gateway_events_received_at", "received_at"),
)
