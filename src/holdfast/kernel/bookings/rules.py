"""Decide what cancelling gives back, by the terms frozen with the booking. Pure."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from holdfast.kernel.bookings.values import (
    AlreadyCancelled,
    Booking,
    CancellationClosed,
    NotCancellable,
    Quote,
)
from holdfast.kernel.holds import Item
from holdfast.kernel.inventory import Terms
from holdfast.kit.errors import Invalid
from holdfast.kit.money import Money

REFERENCE_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # none that are taken for another
REFERENCE_LENGTH = 10
MOVED_TOO_FAR = timedelta(minutes=30)
QUOTE_GOOD_FOR = timedelta(minutes=5)

Why = Literal["by_terms", "moved", "provider_cancelled"]


class NoSuchItems(Invalid):
    """Name items of this booking that are not cancelled yet."""


def new_reference() -> str:
    """Ten characters without look-alikes: about 49 bits, so guessing one is hopeless."""
    return "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(REFERENCE_LENGTH))


def refuse_unless_cancellable(booking: Booking) -> None:
    """Only what was confirmed and has not ended is cancelled by its terms."""
    if booking.state == "cancelled":
        raise AlreadyCancelled
    if booking.state != "confirmed":
        raise NotCancellable(booking.state)


def chosen(booking: Booking, numbers: Collection[int] | None) -> tuple[Item, ...]:
    """The kept items of these numbers, all of them where none are named. NoSuchItems."""
    kept = booking.hold.kept
    if numbers is None:
        return kept
    wanted = tuple(item for item in kept if item.number in set(numbers))
    if not wanted or len(wanted) != len(numbers):
        raise NoSuchItems
    return wanted


def quote(booking: Booking, items: Collection[Item], *, now: datetime) -> Quote:
    """What cancelling these items gives back at that moment. CancellationClosed where the terms refuse it."""
    why: Why = "moved" if is_moved(booking) and now < booking.hold.starts_at else "by_terms"
    percent = 100 if why == "moved" else percent_due(booking.hold.terms, left=booking.hold.starts_at - now)
    return amounts_due(booking, items, percent=percent, why=why)


def amounts_due(booking: Booking, items: Collection[Item], *, percent: int, why: Why, with_fees: bool = False) -> Quote:
    """`percent` of what each item paid, half-up per item, so that whole and parts agree in any order.

    Fees of the booking as a whole belong to no item: they come back with the last item, where the terms or
    `with_fees` (the provider cancels) say so.
    """
    amounts = tuple(Money(item.amount, booking.currency).percent(percent).minor for item in items)
    is_last = len(items) == len(booking.hold.kept)
    fees = booking_fees(booking) if is_last and (with_fees or booking.hold.terms.fees_refundable) else 0
    return Quote(
        id=None,
        booking_id=booking.id,
        items=tuple(item.number for item in items),
        amounts=amounts,
        fees=fees,
        percent=percent,
        reason=why,
        currency=booking.currency,
        expires_at=None,
    )


def percent_due(terms: Terms, *, left: timedelta) -> int:
    """The percent that the terms give with so much time left; an edge between two steps belongs to the later one."""
    if terms.closed_within is not None and left < timedelta(seconds=terms.closed_within):
        raise CancellationClosed
    for step in terms.steps[:-1]:
        if left > timedelta(seconds=step.seconds_before):
            return step.percent
    last = terms.steps[-1] if terms.steps else None
    return last.percent if last is not None and left >= timedelta(seconds=last.seconds_before) else 0


def is_moved(booking: Booking) -> bool:
    """Whether the start moved so far from the time bought that cancelling is free."""
    return abs(booking.hold.starts_at - booking.hold.sold_starts_at) > MOVED_TOO_FAR


def booking_fees(booking: Booking) -> int:
    """What the booking as a whole paid beyond its items."""
    return sum(line.amount for line in booking.hold.lines if line.item is None and not line.inclusive)
