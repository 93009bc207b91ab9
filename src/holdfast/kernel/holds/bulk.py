"""Read and write many holds at once: the statements of a batch, the same on both databases."""

from collections.abc import Mapping

from holdfast.kit.bulk import Insert, Kind, Statement

_FOUND: dict[str, Kind] = {
    "inventory_id": "id",
    "id": "id",
    "product": "text",
    "provider_id": "id",
    "owner_id": "id",
    "live_owner": "id",
    "placed_by": "id",
    "state": "text",
    "key": "text",
    "digest": "text",
    "first_claimed_at": "moment",
    "placed_at": "moment",
    "expires_at": "moment",
    "ended_at": "moment",
    "paid_at": "moment",
}
_COLUMNS = ", ".join(f"holds.{name}" for name in _FOUND)

BY_KEY = Statement(
    f"SELECT {_COLUMNS} FROM {{rows}} JOIN holds ON holds.inventory_id = r.inventory_id "  # noqa: S608 - names of ours
    "AND holds.placed_by = r.placed_by AND holds.key = r.key",
    rows={"inventory_id": "id", "placed_by": "id", "key": "text"},
    returns=_FOUND,
)


def _of_owners(condition: str, values: Mapping[str, Kind]) -> Statement:
    """Their holds of an inventory that a condition is true of, owner by owner.

    PostgreSQL would rather look through all holds there are, where it believes that the condition leaves few:
    `OFFSET 0` keeps it from that.
    """
    where = f"holds.owner_id = r.owner_id AND holds.inventory_id = r.inventory_id AND ({condition})"
    each = f"SELECT {_COLUMNS} FROM holds WHERE {where} OFFSET 0"  # noqa: S608 - names of ours
    sqls = (
        f"SELECT {_COLUMNS} FROM {{rows}} CROSS JOIN LATERAL ({each}) AS holds",  # noqa: S608 - names of ours
        f"SELECT {_COLUMNS} FROM {{rows}} JOIN holds ON {where}",  # noqa: S608 - names of ours
    )
    rows: dict[str, Kind] = {"inventory_id": "id", "owner_id": "id"}
    statement, of_sqlite = (Statement(sql, rows=rows, values=values, returns=_FOUND) for sql in sqls)
    statement.sqlite = of_sqlite.sqlite
    return statement


#: What stands for an owner here, and any that he held unpaid so long ago that a chain may have run long enough: where
#: there is none, no chain has.
STANDING = _of_owners(
    "holds.live_owner IS NOT NULL "
    "OR (holds.paid_at IS NULL AND holds.expires_at > {since} AND holds.first_claimed_at <= {until})",
    {"since": "moment", "until": "moment"},
)

#: What stands for an owner here, and what was held unpaid as far back as a chain is looked for.
OF_OWNERS = _of_owners(
    "holds.live_owner IS NOT NULL OR (holds.paid_at IS NULL AND holds.expires_at > {since})", {"since": "moment"}
)

BY_ID = Statement(
    f"SELECT {_COLUMNS} FROM {{rows}} "  # noqa: S608 - names of ours
    "JOIN holds ON holds.inventory_id = r.inventory_id AND holds.id = r.id",
    rows={"inventory_id": "id", "id": "id"},
    returns=_FOUND,
)

ITEMS_OF = Statement(
    "SELECT items.inventory_id, items.hold_id, items.place, items.label, items.slots, items.counted_slots FROM {rows} "
    "JOIN items ON items.inventory_id = r.inventory_id AND items.hold_id = r.hold_id AND items.state = 'kept' "
    "ORDER BY items.hold_id, items.number",
    rows={"inventory_id": "id", "hold_id": "id"},
    returns={
        "inventory_id": "id",
        "hold_id": "id",
        "place": "int",
        "label": "text",
        "slots": "json",
        "counted_slots": "json",
    },
)

END = Statement(
    "UPDATE holds SET state = r.state, live_owner = NULL, ended_at = {now} FROM {rows} "
    "WHERE holds.inventory_id = r.inventory_id AND holds.id = r.id AND holds.state = 'active'",
    rows={"inventory_id": "id", "id": "id", "state": "text"},
    values={"now": "moment"},
)

#: Its pending booking lapsed: that is the sweeper's to tidy, the owner need not wait for it.
LET_GO = Statement(
    "UPDATE holds SET live_owner = NULL FROM {rows} "
    "WHERE holds.inventory_id = r.inventory_id AND holds.id = r.id AND holds.state = 'converted'",
    rows={"inventory_id": "id", "id": "id"},
)

#: What belongs to the inventory is taken from there: the turn has told that it is of the version it was priced by.
ADD = Statement(
    "INSERT INTO holds (inventory_id, id, product, provider_id, owner_id, placed_by, channel, state, key, digest, "
    "live_owner, first_claimed_at, placed_at, expires_at, starts_at, ends_at, sold_starts_at, zone, terms, "
    "description, currency, total) "
    "SELECT r.inventory_id, r.id, i.product, i.provider_id, r.owner_id, r.placed_by, r.channel, 'active', r.key, "
    "r.digest, r.live_owner, r.first_claimed_at, {now}, r.expires_at, r.starts_at, r.ends_at, r.starts_at, i.zone, "
    "i.terms, r.description, i.currency, r.total FROM {rows} JOIN inventories AS i ON i.id = r.inventory_id",
    rows={
        "inventory_id": "id",
        "id": "id",
        "owner_id": "id",
        "placed_by": "id",
        "channel": "text",
        "key": "text",
        "digest": "text",
        "live_owner": "id",
        "first_claimed_at": "moment",
        "expires_at": "moment",
        "starts_at": "moment",
        "ends_at": "moment",
        "description": "json",
        "total": "bigint",
    },
    values={"now": "moment"},
)

ADD_ITEMS = Insert(
    "items",
    {
        "inventory_id": "id",
        "hold_id": "id",
        "number": "int",
        "place": "int",
        "label": "text",
        "slots": "json",
        "counted_slots": "json",
        "amount": "bigint",
    },
)

ADD_LINES = Insert(
    "price_lines",
    {
        "inventory_id": "id",
        "hold_id": "id",
        "position": "int",
        "item_number": "int",
        "kind": "text",
        "label": "text",
        "amount": "bigint",
        "tax_bps": "int",
        "inclusive": "bool",
    },
)
