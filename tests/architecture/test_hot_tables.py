"""So that the database can be split by inventory: hot tables carry its id, and every key of theirs includes it."""

import pytest
import sqlalchemy as sa

from holdfast.kit import migrate

#: Written by a hold, a confirmation, a cancellation or an expiry.
HOT = [
    "bookings",
    "cancellations",
    "claims",
    "counters",
    "holds",
    "items",
    "payment_allocations",
    "payments",
    "price_lines",
    "quantity_claims",
    "refunds",
    "tickets",
]
#: What must be unique over all inventories: a name or number outside, and where it leads.
LOOK_UPS = ["booking_references", "gateway_references", "ticket_numbers"]
#: What carries an inventory and is neither, with the reason.
OTHERS = {
    "complaints": "written by a person who writes sentences, not by a sale",
    "webhook_deliveries": "one queue for all: written by the relay and its couriers, after the sale",
    "cancellation_quotes": "good for five minutes, written by a person who asks, not by a sale",
    "notifications": "written by a job after the sale, looked for by whom they are for",
    "outbox": "one stream for all: its rows leave with the relay",
}


@pytest.fixture(scope="module")
def tables() -> dict[str, sa.Table]:
    return dict(migrate.declared().tables)


@pytest.mark.parametrize("name", HOT)
def test_every_key_of_a_hot_table_includes_its_inventory(tables: dict[str, sa.Table], name: str) -> None:
    table = tables[name]

    assert not table.c.inventory_id.nullable
    assert [key for key in _keys(table) if "inventory_id" not in key] == []


@pytest.mark.parametrize("name", HOT)
def test_hot_tables_refer_to_one_another_within_an_inventory(tables: dict[str, sa.Table], name: str) -> None:
    hot = {tables[other] for other in HOT if other in tables}

    across = [
        str(constraint.name)
        for constraint in tables[name].foreign_key_constraints
        if constraint.referred_table in hot and "inventory_id" not in constraint.column_keys
    ]
    assert across == []


@pytest.mark.parametrize("name", LOOK_UPS)
def test_a_look_up_leads_to_an_inventory_and_holds_little(tables: dict[str, sa.Table], name: str) -> None:
    table = tables[name]

    assert not table.c.inventory_id.nullable
    assert len(table.columns) <= 5


def test_every_table_that_carries_an_inventory_is_listed_here(tables: dict[str, sa.Table]) -> None:
    carrying = {name for name, table in tables.items() if "inventory_id" in table.c and _is_of_the_kernel(table)}

    assert carrying - {*HOT, *LOOK_UPS, *OTHERS} == set()


def _keys(table: sa.Table) -> list[set[str]]:
    constraints = [key for key in table.constraints if isinstance(key, sa.PrimaryKeyConstraint | sa.UniqueConstraint)]
    return [{column.name for column in key.columns} for key in [*constraints, *(i for i in table.indexes if i.unique)]]


def _is_of_the_kernel(table: sa.Table) -> bool:
    return not table.name.startswith(("bus_", "cinema_", "events_", "microbus_", "stays_", "toy_"))
