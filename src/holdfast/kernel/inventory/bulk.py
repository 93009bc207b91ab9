"""Take the turns of many inventories at once and write their claims together: the statements of a batch.

The same rules as `turns` and `claims`, for `kernel.holds.batch`; a condition in a write says what was decided there,
and the number of rows it touched must be as many as were meant.
"""

from collections.abc import Mapping

from holdfast.kit.bulk import Insert, Kind, Statement

_SALE: dict[str, Kind] = {
    "id": "id",
    "state": "text",
    "version": "int",
    "seq": "bigint",
    "layout_id": "id",
    "sale_opens_at": "moment",
    "sale_closes_at": "moment",
}


def turns(columns: Mapping[str, Kind], lock: str) -> Statement:
    """Inventories in the order of their ids, locked in PostgreSQL's words or ("") not at all; `now`: when each was had.

    PostgreSQL's clock is asked outside of what locks, row by row: so the latest `now` is after the last lock.
    """
    rows = f"SELECT {', '.join(columns)} FROM inventories WHERE id IN (SELECT id FROM {{rows}}) ORDER BY id{lock}"  # noqa: S608 - names of ours
    returns: dict[str, Kind] = {**columns, "now": "moment"}
    sql = f"SELECT q.*, clock_timestamp() AS now FROM ({rows}) AS q"  # noqa: S608 - names of ours
    statement = Statement(sql, rows={"id": "id"}, returns=returns)
    statement.sqlite = statement.sqlite.replace("clock_timestamp()", "NULL").replace(
        f"{lock})", ")"
    )  # its writer is the lock
    return statement


#: What the turn guards of an inventory that is for sale; in the order of ids, so that no two batches wait in a circle.
TAKE_TURNS = turns(_SALE, " FOR NO KEY UPDATE")
TAKE_FREE_TURNS = turns(_SALE, " FOR NO KEY UPDATE SKIP LOCKED")
#: For tests that leave the guard out, or have it shared.
READ_SALES = turns(_SALE, "")
SHARE_TURNS = turns(_SALE, " FOR SHARE")

_NEXT = "UPDATE inventories SET seq = inventories.seq + 1, updated_at = {now} FROM {rows} WHERE inventories.id = r.id"
_SEEN: dict[str, Kind] = {"id": "id", "seq": "bigint"}

NEXT_SEQ = Statement(f"{_NEXT} AND inventories.seq = r.seq", rows=_SEEN, values={"now": "moment"})
#: For tests that leave the guard out.
NEXT_SEQ_UNGUARDED = Statement(_NEXT, rows=_SEEN, values={"now": "moment"})

CLAIMS_ON = Statement(
    "SELECT claims.inventory_id, claims.slot, claims.hold_id, claims.expires_at FROM {rows} "
    "JOIN claims ON claims.inventory_id = r.inventory_id AND claims.slot = r.slot",
    rows={"inventory_id": "id", "slot": "int"},
    returns={"inventory_id": "id", "slot": "int", "hold_id": "id", "expires_at": "moment"},
)

_TAKE = (
    "INSERT INTO claims (inventory_id, slot, hold_id, kind, expires_at) "
    "SELECT inventory_id, slot, hold_id, 'sale', expires_at FROM {rows} WHERE true ORDER BY inventory_id, slot"
)
_TAKEN: dict[str, Kind] = {"inventory_id": "id", "slot": "int", "hold_id": "id", "expires_at": "moment"}

#: Sorted, and only what is free or has lapsed: what ends in the same batch was deleted before.
TAKE = Statement(
    f"{_TAKE} ON CONFLICT (inventory_id, slot) DO UPDATE SET hold_id = excluded.hold_id, kind = excluded.kind, "
    "expires_at = excluded.expires_at WHERE claims.expires_at <= {now}",
    rows=_TAKEN,
    values={"now": "moment"},
)
#: For tests that leave the guard out.
TAKE_UNGUARDED = Statement(_TAKE, rows=_TAKEN)

GIVE_UP = Statement(
    "DELETE FROM claims WHERE (inventory_id, slot, hold_id) IN (SELECT inventory_id, slot, hold_id FROM {rows})",
    rows={"inventory_id": "id", "slot": "int", "hold_id": "id"},
)

COUNTERS_OF = Statement(
    "SELECT counters.inventory_id, counters.slot, counters.capacity, counters.taken FROM {rows} "
    "JOIN counters ON counters.inventory_id = r.inventory_id AND counters.slot = r.slot",
    rows={"inventory_id": "id", "slot": "int"},
    returns={"inventory_id": "id", "slot": "int", "capacity": "int", "taken": "int"},
)

ADD_COUNTERS = Insert("counters", {"inventory_id": "id", "slot": "int", "capacity": "int", "taken": "int"})

COUNT = Statement(
    "UPDATE counters SET taken = counters.taken + r.more FROM {rows} "
    "WHERE counters.inventory_id = r.inventory_id AND counters.slot = r.slot "
    "AND counters.taken + r.more BETWEEN 0 AND counters.capacity",
    rows={"inventory_id": "id", "slot": "int", "more": "int"},
)

_QUANTITY: dict[str, Kind] = {"inventory_id": "id", "slot": "int", "hold_id": "id", "quantity": "int"}

QUANTITIES_OF = Statement(
    "SELECT quantity_claims.inventory_id, quantity_claims.slot, quantity_claims.hold_id, quantity_claims.quantity "
    "FROM {rows} JOIN quantity_claims ON quantity_claims.inventory_id = r.inventory_id "
    "AND quantity_claims.slot = r.slot AND quantity_claims.hold_id = r.hold_id",
    rows={"inventory_id": "id", "slot": "int", "hold_id": "id"},
    returns=_QUANTITY,
)

LAPSED_QUANTITIES = Statement(
    "SELECT quantity_claims.inventory_id, quantity_claims.slot, quantity_claims.hold_id, quantity_claims.quantity "
    "FROM {rows} JOIN quantity_claims ON quantity_claims.inventory_id = r.inventory_id "
    "AND quantity_claims.slot = r.slot AND quantity_claims.expires_at <= {now}",
    rows={"inventory_id": "id", "slot": "int"},
    values={"now": "moment"},
    returns=_QUANTITY,
)

TAKE_QUANTITIES = Insert("quantity_claims", {**_QUANTITY, "kind": "text", "expires_at": "moment"})

GIVE_UP_QUANTITIES = Statement(
    "DELETE FROM quantity_claims "
    "WHERE (inventory_id, slot, hold_id) IN (SELECT inventory_id, slot, hold_id FROM {rows})",
    rows={"inventory_id": "id", "slot": "int", "hold_id": "id"},
)
