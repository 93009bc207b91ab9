"""Read and write many holds that are being paid at once: the statements of a batch of the till."""

from holdfast.kit.bulk import Kind, Statement

_HOLD: dict[str, Kind] = {"inventory_id": "id", "hold_id": "id"}

#: How they stand.
CLOCKS_OF = Statement(
    "SELECT holds.inventory_id, holds.id, holds.state, holds.expires_at, holds.ended_at FROM {rows} "
    "JOIN holds ON holds.inventory_id = r.inventory_id AND holds.id = r.hold_id",
    rows=_HOLD,
    returns={"inventory_id": "id", "id": "id", "state": "text", "expires_at": "moment", "ended_at": "moment"},
)

#: Their bookings are pending from now on; their clocks stay.
CONVERT = Statement(
    "UPDATE holds SET state = 'converted' FROM {rows} "
    "WHERE holds.inventory_id = r.inventory_id AND holds.id = r.hold_id AND holds.state = 'active'",
    rows=_HOLD,
)

#: What was taken and is kept, by hold and number.
ITEMS_OF = Statement(
    "SELECT items.inventory_id, items.hold_id, items.number, items.place, items.label, items.slots, "
    "items.counted_slots FROM {rows} "
    "JOIN items ON items.inventory_id = r.inventory_id AND items.hold_id = r.hold_id AND items.state = 'kept' "
    "ORDER BY items.hold_id, items.number",
    rows=_HOLD,
    returns={
        "inventory_id": "id",
        "hold_id": "id",
        "number": "int",
        "place": "int",
        "label": "text",
        "slots": "json",
        "counted_slots": "json",
    },
)

#: Its booking is confirmed: nobody holds it live any more.
PAID = Statement(
    "UPDATE holds SET live_owner = NULL, paid_at = {now} FROM {rows} "
    "WHERE holds.inventory_id = r.inventory_id AND holds.id = r.hold_id",
    rows=_HOLD,
    values={"now": "moment"},
)
