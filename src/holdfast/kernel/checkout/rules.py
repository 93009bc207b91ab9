"""Decide what becomes of money that came, and who bears a refund. Pure."""

from datetime import datetime, timedelta

from holdfast.kernel.bookings import Booking
from holdfast.kernel.inventory import SELLING, Inventory
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Why
from holdfast.kit.money import Money, half_up

NEWS_GOOD_FOR = timedelta(hours=24)


def is_late(booking: Booking, *, now: datetime) -> bool:
    """Its moment has passed, swept or not."""
    return booking.state == "expired" or booking.expires_at <= now


def why_unusable(
    booking: Booking, payment: Payment, *, inventory: Inventory, captured: Money, now: datetime
) -> Why | None:
    """Why this money cannot pay this booking, before anybody looks at the claims; None: it can (spec, kernel 7)."""
    if captured != Money(payment.amount, payment.currency):
        return "wrong_amount"
    if inventory.state == "cancelled":
        return "provider_cancelled"
    if booking.state in {"confirmed", "completed"}:
        return "double"
    if booking.state == "cancelled":
        return "released"
    if not is_late(booking, now=now):
        return None
    is_selling = inventory.state in SELLING and inventory.archived_at is None
    is_news = now - booking.expires_at <= NEWS_GOOD_FOR
    return None if is_selling and is_news and now < booking.hold.starts_at else "late"


def platform_part(*, fee: int, fare: int, returned_before: int, returned_now: int) -> int:
    """How much of the platform's own fee goes back with this part of the fare; the parts add up to the whole."""
    if fare == 0:
        return 0
    return half_up(fee * (returned_before + returned_now), fare) - half_up(fee * returned_before, fare)
