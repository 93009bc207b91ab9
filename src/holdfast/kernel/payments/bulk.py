"""Read and write many payments, and what gateways tell of them, at once: the statements of a batch."""

from holdfast.kernel.payments.values import Payment
from holdfast.kit.bulk import Insert, Kind, Statement

#: In the order of the fields of `Payment`.
_PAYMENT: dict[str, Kind] = {
    "id": "id",
    "inventory_id": "id",
    "booking_id": "id",
    "hold_id": "id",
    "user_id": "id",
    "provider_id": "id",
    "amount": "bigint",
    "currency": "text",
    "fare_amount": "bigint",
    "service_fee": "bigint",
    "method": "text",
    "gateway": "text",
    "gateway_reference": "text",
    "url": "text",
    "status": "text",
    "captured": "bigint",
    "captured_currency": "text",
    "gateway_fee": "bigint",
    "refund_reserved": "bigint",
    "expires_at": "moment",
    "transaction_datetime": "moment",
    "created_at": "moment",
    "updated_at": "moment",
}
assert tuple(_PAYMENT) == tuple(Payment.__dataclass_fields__), "a row is a payment: Payment(*row)"

_LOCK = " FOR NO KEY UPDATE"
_KEY: dict[str, Kind] = {"inventory_id": "id", "id": "id"}

#: The payments as they are now, locked in one order.
LOCK = Statement(
    f"SELECT {', '.join(_PAYMENT)} FROM payments "  # noqa: S608 - names of ours
    f"WHERE (inventory_id, id) IN (SELECT inventory_id, id FROM {{rows}}) ORDER BY inventory_id, id{_LOCK}",
    rows=_KEY,
    returns=_PAYMENT,
)
LOCK.sqlite = LOCK.sqlite.removesuffix(_LOCK)  # the one writer is the lock

BY_ID = Statement(
    f"SELECT {', '.join(f'payments.{name}' for name in _PAYMENT)} FROM {{rows}} "  # noqa: S608 - names of ours
    "JOIN payments ON payments.id = r.id",
    rows={"id": "id"},
    returns=_PAYMENT,
)

#: The gateway's own names for them, each unique for ever.
ADD_REFERENCES = Statement(
    "INSERT INTO gateway_references (gateway, reference, inventory_id, payment_id) "
    "SELECT gateway, reference, inventory_id, payment_id FROM {rows} WHERE true ORDER BY gateway, reference "
    "ON CONFLICT DO NOTHING",
    rows={"gateway": "text", "reference": "text", "inventory_id": "id", "payment_id": "id"},
)

#: The intents to pay. One open payment a booking: the database refuses a second.
ADD = Insert("payments", _PAYMENT)

#: Their gateways opened a checkout.
OPENED = Statement(
    "UPDATE payments SET status = 'pending', gateway_reference = COALESCE(payments.gateway_reference, r.reference), "
    "url = r.url, updated_at = {now} FROM {rows} WHERE payments.inventory_id = r.inventory_id "
    "AND payments.id = r.id AND payments.status = 'initiated'",
    rows={**_KEY, "reference": "text", "url": "text"},
    values={"now": "moment"},
)

#: Money came; exactly once, for they were seen unpaid under their locks.
CAPTURE = Statement(
    "UPDATE payments SET status = 'completed', captured = r.captured, captured_currency = r.captured_currency, "
    "gateway_fee = r.gateway_fee, gateway_reference = COALESCE(payments.gateway_reference, r.reference), "
    "transaction_datetime = {now}, updated_at = {now} FROM {rows} "
    "WHERE payments.inventory_id = r.inventory_id AND payments.id = r.id "
    "AND payments.status IN ('initiated', 'pending')",
    rows={
        **_KEY,
        "captured": "bigint",
        "captured_currency": "text",
        "gateway_fee": "bigint",
        "reference": "text",
    },
    values={"now": "moment"},
)

ALLOCATE = Insert(
    "payment_allocations", {"inventory_id": "id", "payment_id": "id", "booking_id": "id", "amount": "bigint"}
)

#: Verified notices; those that were told before change nothing.
ADD_EVENTS = Statement(
    "INSERT INTO gateway_events (id, gateway, event_id, type, object, key, reference, body, received_at) "
    "SELECT id, gateway, event_id, type, object, key, reference, body, {now} FROM {rows} WHERE true "
    "ORDER BY gateway, event_id ON CONFLICT DO NOTHING",
    rows={
        "id": "id",
        "gateway": "text",
        "event_id": "text",
        "type": "text",
        "object": "text",
        "key": "text",
        "reference": "text",
        "body": "json",
    },
    values={"now": "moment"},
)

EVENTS = Statement(
    "SELECT gateway_events.id, gateway_events.gateway, gateway_events.event_id, gateway_events.processed_at "
    "FROM {rows} JOIN gateway_events "
    "ON gateway_events.gateway = r.gateway AND gateway_events.event_id = r.event_id",
    rows={"gateway": "text", "event_id": "text"},
    returns={"id": "id", "gateway": "text", "event_id": "text", "processed_at": "moment"},
)

#: Processed, with an outcome; the first one stays. `body`: what of the notice may stay.
FINISH_EVENTS = Statement(
    "UPDATE gateway_events SET processed_at = {now}, outcome = r.outcome, body = r.body FROM {rows} "
    "WHERE gateway_events.id = r.id AND gateway_events.processed_at IS NULL",
    rows={"id": "id", "outcome": "text", "body": "json"},
    values={"now": "moment"},
)
