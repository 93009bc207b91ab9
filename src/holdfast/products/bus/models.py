"""What we remember of routes, buses and schedules; what is sold of them stands in the kernel.

Kilometres are whole metres here, so that fares by distance are exact. `_key` columns hold `kit.text.match_key` of a
name: databases compare bytes.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from holdfast.kit.db import Id, Json, Moment, metadata, one_of

BUS_TYPES = ("standard", "deluxe", "sleeper", "semi_sleeper")
SCHEDULE_STATUSES = ("scheduled", "in_transit", "completed", "cancelled")
OVERLAP = "ex_bus_schedules_overlap"

_NOT_DELETED = sa.text("deleted_at IS NULL")

bus_routes = sa.Table(
    "bus_routes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), nullable=False),
    sa.Column("origin_city", sa.String(200), nullable=False),
    sa.Column("origin_key", sa.String(400), nullable=False),
    sa.Column("destination_city", sa.String(200), nullable=False),
    sa.Column("destination_key", sa.String(400), nullable=False),
    sa.Column("distance_metres", sa.Integer, nullable=False),
    sa.Column("duration_minutes", sa.Integer, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    sa.CheckConstraint("origin_key <> destination_key", name="leads_elsewhere"),
    sa.CheckConstraint("distance_metres > 0 AND duration_minutes > 0", name="goes_forward"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.Index("ix_bus_routes_keys", "origin_key", "destination_key"),
    sa.Index("ix_bus_routes_provider_id", "provider_id"),
)

#: All stops of a route, origin (position 0) and destination among them.
bus_route_stops = sa.Table(
    "bus_route_stops",
    metadata,
    sa.Column("route_id", Id, sa.ForeignKey("bus_routes.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("city", sa.String(200), nullable=False),
    #: by language, the name in `city` not needed among them
    sa.Column("names", Json, nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("minutes", sa.Integer, nullable=False),
    sa.Column("metres", sa.Integer, nullable=False),
    sa.CheckConstraint("position >= 0 AND minutes >= 0 AND metres >= 0", name="not_negative"),
)

bus_buses = sa.Table(
    "bus_buses",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), nullable=False),
    sa.Column("bus_number", sa.String(40), nullable=False),
    sa.Column("bus_number_key", sa.String(80), nullable=False),
    sa.Column("bus_type", sa.String(12), nullable=False),
    sa.Column("total_seats", sa.Integer, nullable=False),
    sa.Column("seat_layout_config", Json, nullable=False),
    sa.Column("amenities", Json),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    one_of("bus_type", BUS_TYPES),
    sa.CheckConstraint("total_seats > 0", name="seats_positive"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.Index(
        "uq_bus_buses_number",
        "provider_id",
        "bus_number_key",
        unique=True,
        postgresql_where=_NOT_DELETED,
        sqlite_where=_NOT_DELETED,
    ),
)

#: The kernel's layout made of one version of a bus for so many legs: shared by all schedules generated from it.
bus_layouts = sa.Table(
    "bus_layouts",
    metadata,
    sa.Column("bus_id", Id, sa.ForeignKey("bus_buses.id"), primary_key=True),
    sa.Column("bus_version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("legs", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("layout_id", Id, sa.ForeignKey("layouts.id"), nullable=False),
)

bus_schedules = sa.Table(
    "bus_schedules",
    metadata,
    #: the inventory's and the occurrence's too
    sa.Column("id", Id, sa.ForeignKey("inventories.id"), primary_key=True),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), nullable=False),
    sa.Column("route_id", Id, sa.ForeignKey("bus_routes.id"), nullable=False),
    sa.Column("bus_id", Id, sa.ForeignKey("bus_buses.id"), nullable=False),
    sa.Column("departs_at", Moment, nullable=False),
    sa.Column("arrives_at", Moment, nullable=False),
    sa.Column("base_price", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    #: NULL: nothing is on sale yet
    sa.Column("generated_at", Moment),
    #: as drawn: name, columns, aisles and rows of each floor, copied with the layout
    sa.Column("decks", Json),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    one_of("status", SCHEDULE_STATUSES),
    sa.CheckConstraint("arrives_at > departs_at", name="arrives_after_departure"),
    sa.CheckConstraint("base_price > 0", name="price_positive"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.Index("ix_bus_schedules_bus_id", "bus_id", "departs_at"),
    sa.Index("ix_bus_schedules_route_id", "route_id", "departs_at"),
    sa.Index("ix_bus_schedules_departs_at", "departs_at", "id"),
    sa.Index(
        "ix_bus_schedules_moving",
        "departs_at",
        postgresql_where=sa.text("status IN ('scheduled', 'in_transit')"),
        sqlite_where=sa.text("status IN ('scheduled', 'in_transit')"),
    ),
)

#: The route's stops as they were when the seats were generated, with the moment at which the bus leaves (or reaches).
bus_schedule_stops = sa.Table(
    "bus_schedule_stops",
    metadata,
    sa.Column("schedule_id", Id, sa.ForeignKey("bus_schedules.id"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("city", sa.String(200), nullable=False),
    sa.Column("names", Json, nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("metres", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.CheckConstraint("position >= 0 AND metres >= 0", name="not_negative"),
)

#: What the search looks into: each stop under each of its names.
bus_stop_keys = sa.Table(
    "bus_stop_keys",
    metadata,
    sa.Column("schedule_id", Id, sa.ForeignKey("bus_schedules.id"), primary_key=True),
    sa.Column("key", sa.String(400), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Index("ix_bus_stop_keys_key", "key", "at"),
)

#: Fares of parts that don't follow the kilometres, by the names of the stops as they are when the seats are generated.
bus_fares = sa.Table(
    "bus_fares",
    metadata,
    sa.Column("schedule_id", Id, sa.ForeignKey("bus_schedules.id"), primary_key=True),
    sa.Column("from_key", sa.String(400), primary_key=True),
    sa.Column("to_key", sa.String(400), primary_key=True),
    sa.Column("from_city", sa.String(200), nullable=False),
    sa.Column("to_city", sa.String(200), nullable=False),
    sa.Column("price", sa.BigInteger, nullable=False),
    sa.CheckConstraint("from_key <> to_key", name="leads_elsewhere"),
    sa.CheckConstraint("price > 0", name="price_positive"),
)

#: Which bookings `POST /bookings/create` has shown already: the first time is 201, each later one 200.
bus_booking_receipts = sa.Table(
    "bus_booking_receipts",
    metadata,
    sa.Column("booking_id", Id, primary_key=True),
    sa.Column("created_at", Moment, nullable=False),
)


def overlap_statements(dialect: str) -> list[str]:
    """The DDL by which the database refuses the same bus on two schedules at once; in the models and migrations."""
    if dialect == "postgresql":
        return [
            "CREATE EXTENSION IF NOT EXISTS btree_gist",
            (
                f"ALTER TABLE bus_schedules ADD CONSTRAINT {OVERLAP} EXCLUDE USING gist "
                "(bus_id WITH =, tstzrange(departs_at, arrives_at) WITH &&) "
                "WHERE (status IN ('scheduled', 'in_transit') AND deleted_at IS NULL)"
            ),
        ]
    body = (
        "WHEN NEW.status IN ('scheduled', 'in_transit') AND NEW.deleted_at IS NULL "
        "BEGIN SELECT RAISE(ABORT, 'ex_bus_schedules_overlap') WHERE EXISTS (SELECT 1 FROM bus_schedules "
        "WHERE status IN ('scheduled', 'in_transit') AND deleted_at IS NULL AND bus_id = NEW.bus_id AND id <> NEW.id "
        "AND departs_at < NEW.arrives_at AND NEW.departs_at < arrives_at); END"
    )
    return [
        f"CREATE TRIGGER {OVERLAP}_insert BEFORE INSERT ON bus_schedules {body}",
        (
            f"CREATE TRIGGER {OVERLAP}_update "
            f"BEFORE UPDATE OF bus_id, departs_at, arrives_at, status, deleted_at ON bus_schedules {body}"
        ),
    ]


@event.listens_for(bus_schedules, "after_create")
def _refuse_overlaps(_table: sa.Table, connection: sa.Connection, **_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
    for statement in overlap_statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
