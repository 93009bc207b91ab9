"""What we remember of what is for sale. Layouts are never written by a sale; claims are written by nothing else."""

import sqlalchemy as sa

from holdfast.kernel.inventory.values import STATES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of

layouts = sa.Table(
    "layouts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("product", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("slots_per_place", sa.Integer, nullable=False),
    sa.Column("next_number", sa.Integer, nullable=False),
    sa.Column("places", Json, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.CheckConstraint("slots_per_place > 0", name="slots_per_place_positive"),
)

#: Serials of inventories on PostgreSQL; the one writer of SQLite counts by itself.
inventory_serials = sa.Sequence("inventory_serials", metadata=metadata)

inventories = sa.Table(
    "inventories",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: Given once, never reused: the public ids of places are packed with it.
    sa.Column("serial", sa.BigInteger, nullable=False, unique=True),
    sa.Column("product", sa.String(20), nullable=False),
    sa.Column("occurrence_id", Id, nullable=False),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("sale_opens_at", Moment),
    sa.Column("sale_closes_at", Moment),
    sa.Column("starts_at", Moment, nullable=False),
    sa.Column("ends_at", Moment, nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("prices", Json, nullable=False),
    sa.Column("limits", Json, nullable=False),
    sa.Column("terms", Json, nullable=False),
    sa.Column("layout_id", Id, sa.ForeignKey("layouts.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("seq", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("capacity", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sold", sa.Integer, nullable=False, server_default="0"),
    #: Over, with no money pending: it never sells again, its claims are on their way out, its items keep their slots.
    sa.Column("archived_at", Moment),
    #: The last of its claims is gone.
    sa.Column("emptied_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    one_of("state", STATES),
    sa.CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    sa.CheckConstraint("sold >= 0 AND sold <= capacity", name="sold_within_capacity"),
    sa.CheckConstraint("version > 0 AND seq >= 0", name="counted_up"),
    sa.CheckConstraint("archived_at IS NULL OR state IN ('over', 'cancelled')", name="archived_sells_no_more"),
    sa.CheckConstraint("emptied_at IS NULL OR archived_at IS NOT NULL", name="emptied_is_archived"),
    sa.UniqueConstraint("product", "occurrence_id"),
    sa.Index(
        "ix_inventories_ends_at",
        "ends_at",
        postgresql_where=sa.text("state IN ('draft', 'on_sale', 'sold_out', 'closed')"),
        sqlite_where=sa.text("state IN ('draft', 'on_sale', 'sold_out', 'closed')"),
    ),
    sa.Index(
        "ix_inventories_to_archive",
        "ends_at",
        "id",
        postgresql_where=sa.text("archived_at IS NULL AND state IN ('over', 'cancelled')"),
        sqlite_where=sa.text("archived_at IS NULL AND state IN ('over', 'cancelled')"),
    ),
    sa.Index(
        "ix_inventories_to_empty",
        "archived_at",
        postgresql_where=sa.text("archived_at IS NOT NULL AND emptied_at IS NULL"),
        sqlite_where=sa.text("archived_at IS NOT NULL AND emptied_at IS NULL"),
    ),
)

KINDS = ("sale", "block")

#: A slot is taken, until a moment or (NULL) for good. No foreign key to holds: each deletion of one would scan this
#: table; `holdfast check` 3 looks instead.
claims = sa.Table(
    "claims",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hold_id", Id, nullable=False),
    sa.Column("kind", sa.String(5), nullable=False),
    sa.Column("expires_at", Moment),
    one_of("kind", KINDS),
    sa.CheckConstraint("slot >= 0", name="slot_counted"),
    postgresql_with={"fillfactor": 85, "autovacuum_vacuum_scale_factor": 0.02, "autovacuum_vacuum_threshold": 1000},
)

quantity_claims = sa.Table(
    "quantity_claims",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hold_id", Id, primary_key=True),
    sa.Column("quantity", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(5), nullable=False),
    sa.Column("expires_at", Moment),
    one_of("kind", KINDS),
    sa.CheckConstraint("quantity > 0", name="quantity_positive"),
    sa.CheckConstraint("slot >= 0", name="slot_counted"),
)

#: `taken` is the sum of the slot's quantity claims, lapsed ones included; a missing row means capacity untouched.
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("inventory_id", Id, primary_key=True),
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("capacity", sa.Integer, nullable=False),
    sa.Column("taken", sa.Integer, nullable=False),
    sa.CheckConstraint("taken >= 0 AND taken <= capacity", name="taken_within_capacity"),
)
