"""Decide what a fact is told as, and by which way. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from holdfast.kernel.notifications.values import Template
from holdfast.kit.letters import Channel

#: By the name of a fact, what it is told as; None: to nobody. Payloads are those of the facts, as they are stored.
_TOLD: Mapping[str, Callable[[Mapping[str, Any]], Template | None]] = {
    # an account made by a seed or the command line: who made it tells its owner
    "UserRegistered": lambda fact: None if fact["is_verified"] else "registered",
    "BookingConfirmed": lambda fact: "late_money_honoured" if fact["is_late"] else "confirmed",
    # a checkout that ended with its time is told as the booking's end
    "PaymentFailed": lambda fact: None if fact.get("is_expired") else "payment_failed",
    "BookingExpired": lambda _: "expired",
    # who gives up before paying knows of it
    "BookingReleased": lambda fact: "occurrence_cancelled" if fact.get("by_provider") else None,
    "BookingCancelled": lambda fact: "occurrence_cancelled" if fact.get("by_provider") else "cancelled",
    "RefundSent": lambda _: "refund_sent",
    "RefundFailed": lambda _: "refund_failed",
    "OccurrenceMoved": lambda _: "rescheduled",
    "MoneyReturned": lambda _: "late_money_refunded",
}
#: The facts that are listened to.
FACTS: tuple[str, ...] = tuple(_TOLD)
#: The id in a fact of what it tells of, beside its booking.
_SUBJECTS: Mapping[Template, str] = {
    "payment_failed": "payment_id",
    "late_money_refunded": "payment_id",
    "cancelled": "cancellation_id",
    "occurrence_cancelled": "cancellation_id",
    "refund_sent": "refund_id",
    "refund_failed": "refund_id",
}


def template_of(fact: str, payload: Mapping[str, Any]) -> Template | None:
    """What that fact is told as; None where nobody is to be told."""
    return _TOLD[fact](payload)


def subject_of(template: Template, payload: Mapping[str, Any]) -> str | None:
    """The id of the payment, refund or cancellation that it tells of."""
    name = _SUBJECTS.get(template)
    return None if name is None else payload.get(name)


def way_to(*, email: str | None, phone_number: str | None) -> tuple[Channel, str] | None:
    """Where a letter goes: by e-mail, else by SMS; None to who has neither, and reads it here."""
    if email is not None:
        return "email", email
    return None if phone_number is None else ("sms", phone_number)
