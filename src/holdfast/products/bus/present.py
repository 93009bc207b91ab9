"""Say what the kernel keeps in the words of bus (spec, bus). Pure: a value and the rows of one query in, fields out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from holdfast.kernel.bookings import Booking, Cancellation
from holdfast.kernel.checkout import BookingView, PaidFor
from holdfast.kernel.holds import Hold, is_live
from holdfast.kernel.payments import Payment
from holdfast.kernel.product import Presenter
from holdfast.kernel.refunds import Refund
from holdfast.kernel.tickets import Ticket
from holdfast.kit import ids
from holdfast.kit.money import Money, amount_of
from holdfast.products.bus.queries import Occurrence

Occurrences: TypeAlias = Mapping[UUID, Occurrence]
ReservationStatus: TypeAlias = Literal["active", "expired", "confirmed", "cancelled"]
PaymentWord: TypeAlias = Literal["pending", "completed", "failed", "refunded"]

_PAYMENT_WORDS: Mapping[str, PaymentWord] = {
    "initiated": "pending",
    "pending": "pending",
    "completed": "completed",
    "failed": "failed",
    "expired": "failed",
    "partially_refunded": "completed",
    "refunded": "refunded",
    "charged_back": "refunded",
}


def reservation_status(hold: Hold, booking: Booking | None, *, now: datetime) -> ReservationStatus:
    """Active until its booking is confirmed, expired or cancelled; at its last moment it is over."""
    if booking is not None and booking.was_confirmed:
        return "confirmed"
    if hold.state == "cancelled" or (booking is not None and booking.state == "cancelled"):
        return "cancelled"
    if booking is not None and booking.state == "expired":
        return "expired"
    return "active" if is_live(hold, now=now) else "expired"


def booking_status(booking: Booking) -> str:
    """confirmed, completed or cancelled; the others are never shown."""
    return booking.state


def payment_status(booking: Booking, payments: Sequence[Payment], refunds: Sequence[Refund]) -> PaymentWord:
    """`refunded` once the booking is cancelled and every refund that was due, of half too, is processed."""
    due = [refund for refund in refunds if refund.booking_id == booking.id and refund.cancellation_id is not None]
    if booking.state == "cancelled" and due and all(refund.status == "processed" for refund in due):
        return "refunded"
    words = {_PAYMENT_WORDS[payment.status] for payment in payments}
    if booking.was_confirmed:
        return "completed"
    return "pending" if "pending" in words or not words else "failed"


def seats_of(hold: Hold, *, serial: int) -> list[dict[str, Any]]:
    """Each seat with the number it had when it was taken, and what it costs."""
    types = hold.description.get("seats", {})
    return [
        {
            "item": item.number,
            "seat_id": str(ids.pack(serial, item.place)),
            "seat_number": item.label,
            "seat_type": types.get(item.label),
            "price": amount_of(item.amount, hold.currency),
            "status": item.state,
        }
        for item in hold.items
    ]


def present_sold(
    booking: Booking, *, serial: int, tickets: Sequence[Ticket], refunds: Sequence[Refund], payments: Sequence[Payment]
) -> dict[str, Any]:
    """What was sold with its tickets. `payments` say something only where the booking was never confirmed."""
    told = [
        {
            "id": ticket.id,
            "item": ticket.item_number,
            "seat_number": ticket.label,
            "ticket_number": ticket.number,
            "validity_status": ticket.state,
            "issue_datetime": ticket.issued_at,
        }
        for ticket in tickets
    ]
    return {
        "reservation_id": booking.hold_id,
        "schedule_id": booking.inventory_id,
        "booking_datetime": booking.confirmed_at or booking.created_at,
        "total_amount": Money(booking.total, booking.currency).amount,
        "payment_status": payment_status(booking, payments, refunds),
        "status": booking_status(booking),
        "seats": seats_of(booking.hold, serial=serial),
        "ticket": told[0] if told else None,
        "tickets": told,
        **_way(booking.hold),
    }


def present_booking(view: BookingView, rows: Occurrences) -> dict[str, Any]:
    cancellations = [present_cancellation(each, rows) for each in view.cancellations]
    sold = present_sold(
        view.booking,
        serial=view.inventory.serial,
        tickets=view.tickets,
        refunds=view.refunds,
        payments=view.payments,
    )
    return {
        **sold,
        "cancellation": cancellations[-1] if cancellations else None,
        "cancellations": cancellations,
        **_summary(view.booking.inventory_id, rows),
    }


def present_hold(hold: Hold, rows: Occurrences) -> dict[str, Any]:
    found = rows.get(hold.inventory_id)
    return {
        "user_id": hold.owner_id,
        "schedule_id": hold.inventory_id,
        "reservation_datetime": hold.placed_at,
        "expiry_datetime": hold.expires_at,
        "seats": seats_of(hold, serial=found.inventory.serial) if found is not None else [],
        **_way(hold),
        **_summary(hold.inventory_id, rows),
    }


def present_payment(paid: PaidFor, _rows: Occurrences) -> dict[str, Any]:
    payment = paid.payment
    is_over = payment.status == "partially_refunded" and paid.booking.state == "cancelled"
    return {
        "reservation_id": payment.hold_id,
        "schedule_id": payment.inventory_id,
        "status": "refunded" if is_over else _PAYMENT_WORDS[payment.status],
    }


def present_ticket(ticket: Ticket, rows: Occurrences) -> dict[str, Any]:
    found = rows.get(ticket.inventory_id)
    return {
        "schedule_id": ticket.inventory_id,
        "seat_id": ids.pack(found.inventory.serial, ticket.place) if found is not None else None,
        "seat_number": ticket.label,
        "ticket_number": ticket.number,
        "issue_datetime": ticket.issued_at,
        "validity_status": ticket.state,
        **_summary(ticket.inventory_id, rows),
    }


def present_cancellation(cancellation: Cancellation, _rows: Occurrences) -> dict[str, Any]:
    return {
        "id": cancellation.id,
        "booking_id": cancellation.booking_id,
        "user_id": cancellation.by,
        "cancellation_datetime": cancellation.created_at,
        "reason": cancellation.reason,
        "items": list(cancellation.items),
        "refund_amount": Money(cancellation.refund_amount, cancellation.currency).amount,
        "currency": cancellation.currency,
        "refund_status": cancellation.refund_status,
        "processed_at": cancellation.processed_at,
        "created_at": cancellation.created_at,
        "updated_at": cancellation.updated_at,
    }


PRESENTERS: Mapping[type, Presenter] = {
    BookingView: present_booking,
    Hold: present_hold,
    PaidFor: present_payment,
    Ticket: present_ticket,
    Cancellation: present_cancellation,
}


def _way(hold: Hold) -> dict[str, Any]:
    """From where to where and when, as it was sold; the times of now beside the words of then."""
    sold = hold.description
    return {
        "from_stop": sold.get("from"),
        "to_stop": sold.get("to"),
        "departure_datetime": hold.starts_at,
        "arrival_datetime": hold.ends_at,
        "departure_local": sold.get("departure"),
        "arrival_local": sold.get("arrival"),
        "bus_number": sold.get("place"),
    }


def _summary(inventory_id: UUID, rows: Occurrences) -> dict[str, Any]:
    found = rows.get(inventory_id)
    if found is None:
        return {"schedule": None, "bus": None, "route": None}
    schedule, bus, route = found.schedule, found.bus, found.route
    return {
        "schedule": {
            "id": schedule.id,
            "departure_datetime": schedule.departs_at,
            "arrival_datetime": schedule.arrives_at,
            "status": schedule.status,
        },
        "bus": {"id": bus.id, "bus_number": bus.bus_number, "bus_type": bus.bus_type},
        "route": {
            "id": route.id,
            "origin_city": route.origin.city,
            "destination_city": route.destination.city,
            "distance_km": route.distance_metres / 1000,
        },
    }
