"""What we remember of holds: who claimed which places, at which price and terms, until when."""

import sqlalchemy as sa

from holdfast.kernel.holds.values import CHANNELS, LINE_KINDS, STATES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("inventory_id", Id, sa.ForeignKey("inventories.id"), primary_key=True),
    sa.Column("id", Id, primary_key=True, index=True),
    sa.Column("product", sa.String(20), nullable=False),
    sa.Column("provider_id", Id, nullable=False),
    sa.Column("owner_id", Id),
    sa.Column("placed_by", Id, nullable=False),
    sa.Column("channel", sa.String(8), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    #: The hold's own id where the client sent none.
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    #: The owner while the hold is active or its booking pending; NULL for staff sales and for all that ended.
    sa.Column("live_owner", Id),
    sa.Column("first_claimed_at", Moment, nullable=False),
    sa.Column("placed_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("paid_at", Moment),
    sa.Column("is_extended", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("starts_at", Moment, nullable=False),
    sa.Column("ends_at", Moment, nullable=False),
    sa.Column("sold_starts_at", Moment, nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("terms", Json, nullable=False),
    sa.Column("description", Json, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("total", sa.BigInteger, nullable=False),
    one_of("state", STATES),
    one_of("channel", CHANNELS),
    sa.CheckConstraint("total >= 0", name="total_not_negative"),
    sa.CheckConstraint("first_claimed_at <= placed_at AND placed_at <= expires_at", name="clock_runs_forward"),
    sa.CheckConstraint("live_owner IS NULL OR state IN ('active', 'converted')", name="live_owner_lives"),
    sa.UniqueConstraint("inventory_id", "placed_by", "key"),
    sa.UniqueConstraint("inventory_id", "live_owner"),
    sa.Index("ix_holds_owner_id", "owner_id", "inventory_id"),
    sa.Index(
        "ix_holds_expires_at",
        "expires_at",
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    ),
)

items = sa.Table(
    "items",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("hold_id", Id, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("label", sa.String(40), nullable=False),
    sa.Column("slots", Json, nullable=False),
    sa.Column("counted_slots", Json, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(9), nullable=False, server_default="kept"),
    one_of("state", ("kept", "cancelled")),
    sa.CheckConstraint("amount >= 0", name="amount_not_negative"),
    sa.ForeignKeyConstraint(["inventory_id", "hold_id"], ["holds.inventory_id", "holds.id"]),
)

price_lines = sa.Table(
    "price_lines",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("hold_id", Id, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    #: The item it belongs to; NULL: the booking as a whole.
    sa.Column("item_number", sa.Integer),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("label", sa.String(60), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("tax_bps", sa.Integer, nullable=False),
    sa.Column("inclusive", sa.Boolean, nullable=False),
    one_of("kind", LINE_KINDS),
    sa.CheckConstraint("amount >= 0 OR kind = 'discount'", name="only_discounts_lower"),
    sa.ForeignKeyConstraint(["inventory_id", "hold_id"], ["holds.inventory_id", "holds.id"]),
)
