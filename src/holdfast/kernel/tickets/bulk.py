"""Issue the tickets of many bookings at once: the statements of a batch."""

from holdfast.kit.bulk import Insert, Statement

ADD_NUMBERS = Statement(
    "INSERT INTO ticket_numbers (number, inventory_id, ticket_id) "
    "SELECT number, inventory_id, ticket_id FROM {rows} WHERE true ORDER BY number ON CONFLICT DO NOTHING",
    rows={"number": "text", "inventory_id": "id", "ticket_id": "id"},
)

ISSUE = Insert(
    "tickets",
    {
        "inventory_id": "id",
        "id": "id",
        "booking_id": "id",
        "provider_id": "id",
        "item_number": "int",
        "place": "int",
        "label": "text",
        "number": "text",
        "nonce": "bytes",
        "state": "text",
        "issued_at": "moment",
        "updated_at": "moment",
    },
)
