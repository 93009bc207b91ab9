"""What we remember of tickets: one an item, good for one entry."""

import sqlalchemy as sa

from holdfast.kit.db import Id, Moment, metadata, one_of

tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("booking_id", Id, nullable=False, index=True),
    sa.Column("provider_id", Id, nullable=False),
    sa.Column("item_number", sa.Integer, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("label", sa.String(40), nullable=False),
    sa.Column("number", sa.String(14), nullable=False),
    #: Part of the signed code; another one makes the old code worthless.
    sa.Column("nonce", sa.LargeBinary(12), nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("issued_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    sa.Column("used_by", Id),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("state", ("valid", "used", "cancelled")),
    sa.CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used_has_time"),
    sa.UniqueConstraint("inventory_id", "booking_id", "item_number"),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
)

#: The look-up that makes ticket numbers unique over all inventories.
ticket_numbers = sa.Table(
    "ticket_numbers",
    metadata,
    sa.Column("number", sa.String(14), primary_key=True),
    sa.Column("inventory_id", Id, nullable=False),
    sa.Column("ticket_id", Id, nullable=False),
)
