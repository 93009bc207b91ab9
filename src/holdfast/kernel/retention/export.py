"""Everything about a person that stands above their account, for `GET /users/me/export`.

Amounts are decimal strings in the major unit beside their currency, as everywhere in the API.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID

from holdfast.kernel import bookings, checkout, complaints, holds, notifications
from holdfast.kernel.bookings import Cancellation
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.holds import Hold
from holdfast.kernel.notifications import Notification
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Refund
from holdfast.kernel.tickets import Ticket
from holdfast.kit.db import Reader
from holdfast.kit.money import Money

#: Holds read at once; nobody's whole history stands in memory as rows.
AT_ONCE = 200


async def reservations(db: Reader, user_id: UUID) -> list[dict[str, Any]]:
    """Whatever somebody held, oldest first, with what became of it: its booking, payments, refunds, tickets."""
    told: list[dict[str, Any]] = []
    last: UUID | None = None
    while held := await holds.of_owner(db, user_id, after=last, limit=AT_ONCE):
        booked = await bookings.of_holds(db, [hold.id for hold in held])
        views = {view.booking.hold_id: view for view in await checkout.views_of(db, list(booked.values()))}
        told += [_hold(hold, views.get(hold.id)) for hold in held]
        last = held[-1].id
    return told


async def messages(db: Reader, user_id: UUID) -> list[dict[str, Any]]:
    """What somebody was told, and when; never by which words, which are written when a letter is sent."""
    return [_message(told) for told in await notifications.all_of(db, user_id)]


async def complained(db: Reader, user_id: UUID) -> list[dict[str, Any]]:
    """What somebody was not content with, and what was answered."""
    return [
        {
            "id": each.id,
            "booking_id": each.booking_id,
            "category": each.category,
            "subject": each.subject,
            "text": each.text,
            "state": each.state,
            "note": each.note,
            "created_at": each.created_at,
            "closed_at": each.closed_at,
        }
        for each in await complaints.of_user(db, user_id)
    ]


#: name -> reader; a feature with something personal adds its reader here.
PERSONAL_DATA: Mapping[str, Callable[[Reader, UUID], Awaitable[Any]]] = MappingProxyType(
    {"reservations": reservations, "notifications": messages, "complaints": complained}
)


def _hold(hold: Hold, view: BookingView | None) -> dict[str, Any]:
    return {
        "id": hold.id,
        "product": hold.product,
        "state": hold.state,
        "description": hold.description,
        "starts_at": hold.starts_at,
        "ends_at": hold.ends_at,
        "placed_at": hold.placed_at,
        "expires_at": hold.expires_at,
        "total_amount": _money(hold.total, hold.currency),
        "currency": hold.currency,
        "items": [
            {"label": item.label, "amount": _money(item.amount, hold.currency), "state": item.state}
            for item in hold.items
        ],
        "price_lines": [
            {"kind": line.kind, "label": line.label, "amount": _money(line.amount, hold.currency)}
            for line in hold.lines
        ],
        "booking": None if view is None else _booking(view),
    }


def _booking(view: BookingView) -> dict[str, Any]:
    booking = view.booking
    return {
        "id": booking.id,
        "reference": booking.reference,
        "state": booking.state,
        "refund_state": booking.refund_state,
        "created_at": booking.created_at,
        "confirmed_at": booking.confirmed_at,
        "ended_at": booking.ended_at,
        "payments": [_payment(payment) for payment in view.payments],
        "cancellations": [_cancellation(cancellation) for cancellation in view.cancellations],
        "refunds": [_refund(refund) for refund in view.refunds],
        "tickets": [_ticket(ticket) for ticket in view.tickets],
    }


def _payment(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "method": payment.method,
        "gateway": payment.gateway,
        "status": payment.status,
        "amount": _money(payment.amount, payment.currency),
        "captured": _money(payment.captured, payment.captured_currency),
        "currency": payment.currency,
        "created_at": payment.created_at,
    }


def _cancellation(cancellation: Cancellation) -> dict[str, Any]:
    return {
        "id": cancellation.id,
        "reason": cancellation.reason,
        "refund_amount": _money(cancellation.refund_amount, cancellation.currency),
        "refund_status": cancellation.refund_status,
        "created_at": cancellation.created_at,
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "why": refund.why,
        "status": refund.status,
        "amount": _money(refund.amount, refund.currency),
        "currency": refund.currency,
        "created_at": refund.created_at,
        "processed_at": refund.processed_at,
    }


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "id": ticket.id,
        "number": ticket.number,
        "label": ticket.label,
        "state": ticket.state,
        "issued_at": ticket.issued_at,
        "used_at": ticket.used_at,
    }


def _message(told: Notification) -> dict[str, Any]:
    return {
        "id": told.id,
        "template": told.template,
        "booking_id": told.booking_id,
        "channel": told.channel,
        "created_at": told.created_at,
        "sent_at": told.sent_at,
        "read_at": told.read_at,
    }


def _money(minor: int, currency: str) -> str:
    return Money(minor, currency).amount
