"""Turns and claims of many sales at once: what `bulk` is to holds, this is to what is paid for."""

from holdfast.kernel.inventory.bulk import turns
from holdfast.kit.bulk import Kind, Statement

_FOR_SALE: dict[str, Kind] = {
    "id": "id",
    "state": "text",
    "seq": "bigint",
    "layout_id": "id",
    "limits": "json",
    "capacity": "int",
    "sold": "int",
    "archived_at": "moment",
}

#: What the turn guards of an inventory where something is paid; in the order of ids, as all who take turns.
TAKE_TURNS = turns(_FOR_SALE, " FOR NO KEY UPDATE")
TAKE_FREE_TURNS = turns(_FOR_SALE, " FOR NO KEY UPDATE SKIP LOCKED")
#: For tests that leave the guard out.
READ_SALES = turns(_FOR_SALE, "")

_SOLD: dict[str, Kind] = {"id": "id", "seq": "bigint", "sold": "int", "state": "text"}
_SELL = (
    "UPDATE inventories SET seq = inventories.seq + 1, sold = r.sold, state = r.state, updated_at = {now} "
    "FROM {rows} WHERE inventories.id = r.id"
)

#: What was sold, with the number of the change; only where that is still the next one.
SELL = Statement(f"{_SELL} AND inventories.seq = r.seq", rows=_SOLD, values={"now": "moment"})
#: For tests that leave the guard out.
SELL_UNGUARDED = Statement(_SELL, rows=_SOLD, values={"now": "moment"})

_SLOT: dict[str, Kind] = {"inventory_id": "id", "slot": "int", "hold_id": "id"}

#: For good: what is the hold's own, is free, or has lapsed.
KEEP = Statement(
    "INSERT INTO claims (inventory_id, slot, hold_id, kind) "
    "SELECT inventory_id, slot, hold_id, 'sale' FROM {rows} WHERE true ORDER BY inventory_id, slot "
    "ON CONFLICT (inventory_id, slot) DO UPDATE SET hold_id = excluded.hold_id, kind = excluded.kind, "
    "expires_at = NULL WHERE claims.hold_id = excluded.hold_id OR claims.expires_at <= {now}",
    rows=_SLOT,
    values={"now": "moment"},
)

#: The counted ones, which are the hold's own.
KEEP_QUANTITIES = Statement(
    "UPDATE quantity_claims SET expires_at = NULL FROM {rows} WHERE quantity_claims.inventory_id = r.inventory_id "
    "AND quantity_claims.slot = r.slot AND quantity_claims.hold_id = r.hold_id",
    rows=_SLOT,
)
