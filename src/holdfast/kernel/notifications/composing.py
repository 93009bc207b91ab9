"""Put a story into words: the fields that templates ask for, in one language. Pure.

What was sold is said as it was frozen with the booking, in the product's own words; the times are those of now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from holdfast.kernel import bookings
from holdfast.kernel.bookings import Cancellation
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.notifications.stories import Story
from holdfast.kernel.notifications.values import Template
from holdfast.kernel.payments import Payment
from holdfast.kernel.refunds import Refund
from holdfast.kit import letterhead
from holdfast.kit.money import Money
from holdfast.kit.words import mark, say, spoken

_TITLES: Mapping[Template, str] = {
    "registered": mark("Your account is open"),
    "confirmed": mark("Your booking {reference} is confirmed"),
    "payment_failed": mark("Your payment did not go through"),
    "expired": mark("Your booking was not paid in time"),
    "cancelled": mark("Your booking {reference} is cancelled"),
    "refund_sent": mark("Your refund of {amount} was sent"),
    "refund_failed": mark("Your refund of {amount} is delayed"),
    "rescheduled": mark("New time for your booking {reference}"),
    "occurrence_cancelled": mark("Cancelled by the provider: {what}"),
    "late_money_honoured": mark("Your late payment counts: booking {reference} is confirmed"),
    "late_money_refunded": mark("Your payment of {amount} goes back to you"),
}
_TITLE_OF_A_PART = mark("Part of your booking {reference} is cancelled")


@dataclass(frozen=True, slots=True)
class Fields:
    """What the templates of a booking ask for; texts are ready to print, None or "" where there is nothing to say."""

    what: str
    reference: str
    location: str | None
    starts: str
    places: str
    rows: tuple[tuple[str, str], ...]
    others: tuple[tuple[tuple[str, str], ...], ...]
    amount: str | None
    given_up: str | None
    was_paid: bool
    until: str | None
    was: str | None
    is_free_to_cancel: bool
    why: str | None
    link: str


@dataclass(frozen=True, slots=True)
class Sold:
    """What was booked, in the product's words of then: its title, where it starts, and line by line."""

    what: str
    location: str | None
    rows: tuple[tuple[str, str], ...]


def sold_of(view: BookingView, locale: str) -> Sold:
    described = _described(view, locale)
    return Sold(described["title"], described.get("from") or described.get("place"), _rows(view, locale))


def link_to(view: BookingView, public_url: str) -> str:
    return f"{public_url}/bookings/{view.booking.id}"


def title_of(story: Story, fields: Fields | None, *, locale: str) -> str:
    """What stands above it: the subject of the e-mail."""
    message = _TITLES[story.told.template]
    if story.told.template == "cancelled" and fields is not None and fields.given_up is not None:
        message = _TITLE_OF_A_PART
    values = {"reference": fields.reference, "what": fields.what, "amount": fields.amount} if fields else {}
    return say(message, locale).format(**values)


def issuer_of(story: Story) -> str:
    """Who writes: the provider of what was booked, else the platform by its address."""
    return story.provider or urlsplit(story.public_url).netloc


def fields_of(story: Story, *, locale: str) -> Fields | None:
    """Everything about the booking that it tells of; None where it tells of none."""
    if story.view is None:
        return None
    view, told = story.view, story.told
    hold, sold = view.booking.hold, sold_of(view, locale)
    cancellation = _cancellation(view, story)
    labels = {item.number: item.label for item in hold.items}
    money = _amount(view, story, cancellation)
    was = None if hold.sold_starts_at == hold.starts_at else hold.sold_starts_at
    return Fields(
        what=sold.what,
        reference=view.booking.reference,
        location=sold.location,
        starts=letterhead.moment(hold.starts_at, hold.zone, locale),
        places=_places(view, locale),
        rows=sold.rows,
        others=tuple(_rows(other, locale) for other in story.others),
        amount=letterhead.amount(money, locale) if money is not None else None,
        given_up=_listed([labels[number] for number in cancellation.items], locale)
        if cancellation is not None and _is_part(view, cancellation)
        else None,
        was_paid=view.booking.was_confirmed and view.booking.total > 0,
        until=_until(view, story.now, locale),
        was=None if was is None else letterhead.moment(was, hold.zone, locale),
        is_free_to_cancel=bookings.is_moved(view.booking) and story.now < hold.starts_at,
        why=_why(view, story) if told.template == "late_money_refunded" else None,
        link=link_to(view, story.public_url),
    )


def _rows(view: BookingView, locale: str) -> tuple[tuple[str, str], ...]:
    """What was booked, line by line."""
    hold, described = view.booking.hold, _described(view, locale)
    starts = letterhead.moment(hold.starts_at, hold.zone, locale)
    ends = letterhead.moment(hold.ends_at, str(described.get("arrival_zone", hold.zone)), locale)
    rows = [
        (say(mark("What"), locale), described["title"]),
        (say(mark("Starts"), locale), _joined(described.get("from"), starts)),
        (say(mark("Ends"), locale), _joined(described.get("to"), ends)),
        (str(described.get("place_label") or say(mark("Places"), locale)), _places(view, locale)),
        *((str(label), str(value)) for label, value in described.get("fields", [])),
        (say(mark("Booking"), locale), view.booking.reference),
        (say(mark("Total"), locale), letterhead.amount(Money(view.booking.total, view.booking.currency), locale)),
    ]
    return tuple(row for row in rows if row[1])


def _described(view: BookingView, locale: str) -> dict[str, Any]:
    """The product's words in that language, as they were when it was sold."""
    description = view.booking.hold.description
    printed = {**description, **description.get("printed", {}).get(spoken(locale), {})}
    return {**printed, "title": str(printed.get("title", view.booking.reference))}


def _places(view: BookingView, locale: str) -> str:
    """The labels of what is kept; of what was, where nothing is. Alike ones are counted."""
    hold = view.booking.hold
    labels = [item.label for item in hold.kept or hold.items]
    if len(labels) > 1 and len(set(labels)) == 1:
        return f"{len(labels)} × {labels[0]}"  # noqa: RUF001 - times
    return _listed(labels, locale)


def _listed(labels: list[str], locale: str) -> str:
    return (", " if spoken(locale) == "en" else "، ").join(labels)


def _joined(*parts: object) -> str:
    return " · ".join(str(part) for part in parts if part)


def _amount(view: BookingView, story: Story, cancellation: Cancellation | None) -> Money | None:
    """The money that it is about, if any."""
    told = story.told
    payment, refund = _payment(view, story), _refund(view, story)
    if told.template == "late_money_refunded" and payment is not None:
        return Money(payment.captured, payment.captured_currency or payment.currency)
    if payment is not None:
        return Money(payment.amount, payment.currency)
    if refund is not None:
        return Money(refund.amount, refund.currency)
    if cancellation is not None and cancellation.refund_amount:
        return Money(cancellation.refund_amount, cancellation.currency)
    return None


def _payment(view: BookingView, story: Story) -> Payment | None:
    return next((each for each in view.payments if each.id == story.told.subject_id), None)


def _refund(view: BookingView, story: Story) -> Refund | None:
    return next((each for each in view.refunds if each.id == story.told.subject_id), None)


def _cancellation(view: BookingView, story: Story) -> Cancellation | None:
    return next((each for each in view.cancellations if each.id == story.told.subject_id), None)


def _is_part(view: BookingView, cancellation: Cancellation) -> bool:
    """Whether something was kept after it."""
    until = (cancellation.created_at, cancellation.id)
    gone = {number for each in view.cancellations if (each.created_at, each.id) <= until for number in each.items}
    return len(gone) < len(view.booking.hold.items)


def _until(view: BookingView, now: datetime, locale: str) -> str | None:
    """Until when it can still be paid."""
    booking = view.booking
    if booking.state != "pending" or booking.expires_at <= now:
        return None
    return letterhead.moment(booking.expires_at, booking.hold.zone, locale)


def _why(view: BookingView, story: Story) -> str:
    """Why that payment could not be used."""
    of_payment = (each for each in view.refunds if each.payment_id == story.told.subject_id)
    return next((each.why for each in of_payment if each.cancellation_id is None), "late")
