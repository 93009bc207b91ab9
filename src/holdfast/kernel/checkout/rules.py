"""Decide what becomes of money that came, and who bears a refund. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol

from holdfast.kernel.inventory import SELLING, Layout
from holdfast.kernel.ledger import Account, Transfer
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Why
from holdfast.kit.money import Money, half_up

NEWS_GOOD_FOR = timedelta(hours=24)


class Waited(Protocol):
    """A booking, or what a batch has read of one."""

    @property
    def state(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...


class Sale(Protocol):
    """An inventory, or what a batch has read of one under its turn."""

    @property
    def state(self) -> str: ...
    @property
    def archived_at(self) -> datetime | None: ...


def is_late(booking: Waited, *, now: datetime) -> bool:
    """Its moment has passed, swept or not."""
    return booking.state == "expired" or booking.expires_at <= now


def why_unusable(
    booking: Waited, payment: Payment, *, inventory: Sale, captured: Money, starts_at: datetime, now: datetime
) -> Why | None:
    """Why this money cannot pay this booking, before anybody looks at the claims; None: it can (spec, kernel 7).

    `starts_at`: of what was booked.
    """
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
    return None if is_selling and is_news and now < starts_at else "late"


def lacks_any(layout: Layout, places: Collection[int]) -> bool:
    """Whether one of these places was in an earlier version of the layout and is no more."""
    return any(number < layout.next_number and layout.place(number) is None for number in places)


def platform_part(*, fee: int, fare: int, returned_before: int, returned_now: int) -> int:
    """How much of the platform's own fee goes back with this part of the fare; the parts add up to the whole."""
    if fare == 0:
        return 0
    return half_up(fee * (returned_before + returned_now), fare) - half_up(fee * returned_before, fare)


def capture_transfers(payment: Payment, *, fee_bps: int) -> list[Transfer]:
    """Clearing holds the money; the provider is owed the fare less the platform's share, the platform has its fees.

    `payment` as it was captured; `fee_bps`: the platform's share of the fare.
    """
    clearing, revenue = Account("gateway_clearing", payment.gateway), Account("platform_revenue")
    pending = Account("provider_pending", str(payment.provider_id))
    share = half_up(payment.fare_amount * fee_bps, 10_000)
    return [
        Transfer("fare", debit=clearing, credit=pending, amount=payment.fare_amount - share),
        Transfer("platform_fee", debit=clearing, credit=revenue, amount=share),
        Transfer("service_fee", debit=clearing, credit=revenue, amount=payment.service_fee),
        gateway_fee(payment),
    ]


def gateway_fee(payment: Payment) -> Transfer:
    """What the gateway keeps of it."""
    clearing, fees = Account("gateway_clearing", payment.gateway), Account("gateway_fees", payment.gateway)
    return Transfer("gateway_fee", debit=fees, credit=clearing, amount=payment.gateway_fee)
