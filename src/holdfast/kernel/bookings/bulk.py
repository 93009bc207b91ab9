"""Read and write many bookings at once: the statements of a batch."""

from holdfast.kit.bulk import Insert, Kind, Statement

_KEY: dict[str, Kind] = {"inventory_id": "id", "id": "id"}

#: With what money needs to know of the hold behind each.
BY_ID = Statement(
    "SELECT bookings.inventory_id, bookings.id, bookings.hold_id, bookings.product, bookings.provider_id, "
    "bookings.owner_id, bookings.state, bookings.expires_at, holds.starts_at FROM {rows} "
    "JOIN bookings ON bookings.inventory_id = r.inventory_id AND bookings.id = r.id "
    "JOIN holds ON holds.inventory_id = bookings.inventory_id AND holds.id = bookings.hold_id",
    rows=_KEY,
    returns={
        **_KEY,
        "hold_id": "id",
        "product": "text",
        "provider_id": "id",
        "owner_id": "id",
        "state": "text",
        "expires_at": "moment",
        "starts_at": "moment",
    },
)

CONFIRM = Statement(
    "UPDATE bookings SET state = 'confirmed', refund_state = 'none', confirmed_at = {now}, ended_at = NULL, "
    "updated_at = {now} FROM {rows} WHERE bookings.inventory_id = r.inventory_id AND bookings.id = r.id "
    "AND bookings.state IN ('pending', 'expired')",
    rows=_KEY,
    values={"now": "moment"},
)

ADD_REFERENCES = Statement(
    "INSERT INTO booking_references (reference, inventory_id, booking_id) "
    "SELECT reference, inventory_id, booking_id FROM {rows} WHERE true ORDER BY reference ON CONFLICT DO NOTHING",
    rows={"reference": "text", "inventory_id": "id", "booking_id": "id"},
)

ADD = Insert(
    "bookings",
    {
        **_KEY,
        "hold_id": "id",
        "product": "text",
        "provider_id": "id",
        "owner_id": "id",
        "reference": "text",
        "state": "text",
        "total": "bigint",
        "currency": "text",
        "expires_at": "moment",
        "created_at": "moment",
        "updated_at": "moment",
    },
)
