"""What we remember of refunds."""

import sqlalchemy as sa

from holdfast.kernel.refunds.values import STATUSES, WHYS
from holdfast.kit.db import Id, Moment, metadata, one_of

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("payment_id", Id, nullable=False, index=True),
    sa.Column("booking_id", Id, nullable=False, index=True),
    sa.Column("cancellation_id", Id),
    sa.Column("provider_id", Id, nullable=False),
    sa.Column("gateway", sa.String(20), nullable=False),
    sa.Column("why", sa.String(20), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("status", sa.String(9), nullable=False),
    #: How often it was begun: its key at the gateway changes only when staff try a failed one again.
    sa.Column("tries", sa.Integer, nullable=False, server_default="1"),
    sa.Column("gateway_reference", sa.String(120)),
    sa.Column("last_error", sa.String(300)),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("processed_at", Moment),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("status", STATUSES),
    one_of("why", WHYS),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("tries > 0", name="tries_counted"),
    sa.CheckConstraint("(status = 'processed') = (processed_at IS NOT NULL)", name="processed_has_time"),
    sa.ForeignKeyConstraint(["inventory_id", "payment_id"], ["payments.inventory_id", "payments.id"]),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
    sa.ForeignKeyConstraint(["inventory_id", "cancellation_id"], ["cancellations.inventory_id", "cancellations.id"]),
)
