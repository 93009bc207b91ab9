"""What states, reasons and price lines are called on pages; every product's pages say them the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.holds import Hold
from holdfast.kernel.payments import PAID
from holdfast.kit.words import mark

#: state of a booking -> (words, tone)
BOOKING_STATES: Mapping[str, tuple[str, str]] = {
    "requested": (mark("waiting for an answer"), "warn"),
    "pending": (mark("not paid yet"), "warn"),
    "confirmed": (mark("confirmed"), "good"),
    "completed": (mark("over"), ""),
    "cancelled": (mark("cancelled"), "bad"),
    "expired": (mark("expired"), ""),
}
PAYMENT_STATES: Mapping[str, tuple[str, str]] = {
    "initiated": (mark("open"), "warn"),
    "pending": (mark("open"), "warn"),
    "completed": (mark("paid"), "good"),
    "failed": (mark("failed"), "bad"),
    "expired": (mark("expired"), ""),
    "partially_refunded": (mark("partly paid back"), ""),
    "refunded": (mark("paid back"), ""),
    "charged_back": (mark("charged back"), "bad"),
}
REFUND_STATES: Mapping[str, tuple[str, str]] = {
    "pending": (mark("on its way"), "warn"),
    "processed": (mark("paid back"), "good"),
    "failed": (mark("failed"), "bad"),
}
TICKET_STATES: Mapping[str, tuple[str, str]] = {
    "valid": (mark("valid"), "good"),
    "used": (mark("used"), ""),
    "cancelled": (mark("cancelled"), "bad"),
}
LINE_KINDS: Mapping[str, str] = {
    "fare": mark("Fare"),
    "modifier": mark("Surcharge"),
    "fee": mark("Fee"),
    "tax": mark("Tax"),
    "discount": mark("Discount"),
}
METHODS: Mapping[str, str] = {
    "credit_card": mark("Credit card"),
    "debit_card": mark("Debit card"),
    "upi": mark("UPI"),
    "net_banking": mark("Net banking"),
    "wallet": mark("Wallet"),
    "cash": mark("Cash"),
    "mobile_money": mark("Mobile money"),
    "bank_transfer": mark("Bank transfer"),
}


def described(hold: Hold, locale: str) -> dict[str, Any]:
    """Title, place and further fields of what was sold, as frozen with it, in that language where it has one."""
    printed: Mapping[str, Any] = hold.description.get("printed", {})
    return {**hold.description, **printed.get(locale, printed.get("en", {}))}


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One line of a price as a buyer reads it; `count` items cost that much together."""

    kind: str
    label: str
    count: int
    amount: int


def price_lines(hold: Hold) -> list[PriceLine]:
    """Equal lines of several items as one; cancelled items stay, since the total does."""
    sums: dict[tuple[str, str, int], list[int]] = {}
    for line in hold.lines:
        if not line.inclusive:
            sums.setdefault((line.kind, line.label, line.amount), []).append(line.amount)
    return [PriceLine(kind, label, len(amounts), sum(amounts)) for (kind, label, _), amounts in sums.items()]


@dataclass(frozen=True, slots=True)
class TermsStep:
    """Until that moment, cancelling gives back that many percent."""

    until: datetime
    percent: int


def terms_steps(hold: Hold) -> list[TermsStep]:
    """The dates on which what is given back becomes less; steps that give nothing are left out."""
    return [
        TermsStep(hold.starts_at - timedelta(seconds=step.seconds_before), step.percent)
        for step in hold.terms.steps
        if step.percent
    ]


def is_late(booking: Booking) -> bool:
    """Paid after its time ran out, and honoured all the same."""
    return booking.confirmed_at is not None and booking.confirmed_at > booking.expires_at


def outcome(view: BookingView | None, hold: Hold, *, now: datetime) -> str:
    """How far a purchase came, in one word that names a paragraph of `paid.html`.

    held: nothing was opened; waiting, failed: the time still runs; confirmed, late; returned, returning: it came too
    late, so the money goes back; over: the time ran out and nothing was charged; released: given up.
    """
    if view is None:
        return "held" if hold.state == "active" and hold.expires_at > now else _ended(hold)
    booking = view.booking
    if booking.was_confirmed:
        return "late" if is_late(booking) else "confirmed"
    if any(payment.status in PAID for payment in view.payments):
        is_back = all(refund.status == "processed" for refund in view.refunds) and view.refunds
        return "returned" if is_back else "returning"
    if booking.state in {"pending", "requested"} and booking.expires_at > now:
        last = view.payments[-1] if view.payments else None
        return "failed" if last is not None and last.status in {"failed", "expired"} else "waiting"
    return "released" if booking.state == "cancelled" else "over"


def _ended(hold: Hold) -> str:
    return "released" if hold.state == "cancelled" else "over"
