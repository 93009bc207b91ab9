"""Decide what of a gateway's notice may stay. Pure."""

from collections.abc import Mapping
from typing import Any

#: What a notice needs for its story to be told; every other field may say who paid, and goes.
IMPERSONAL = frozenset(
    {
        *("id", "type", "event", "kind", "status", "outcome", "reason", "code", "api_version", "livemode", "mode"),
        *("amount", "captured", "refunded", "fee", "fees", "currency", "amount_total", "amount_received"),
        *("key", "reference", "tx_ref", "flw_ref", "checkout", "payment", "payment_key", "payment_reference"),
        *("payment_intent", "charge", "refund", "dispute", "idempotency_key"),
        *("at", "created", "created_at", "updated_at", "paid_at", "expires_at"),
        *("data", "object", "payload"),
    }
)


def without_payer(body: Any) -> Any:  # noqa: ANN401 - any JSON
    """The notice with the fields named above alone, at every depth: an allow-list, since gateways add fields."""
    if isinstance(body, Mapping):
        return {name: without_payer(value) for name, value in body.items() if name in IMPERSONAL}
    if isinstance(body, list):
        return [without_payer(part) for part in body]
    return body
