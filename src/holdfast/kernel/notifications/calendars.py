"""The calendar file of a booking (RFC 5545): one event with its zone, which a later file moves or takes away."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from holdfast.kernel.checkout import BookingView
from holdfast.kernel.notifications import composing
from holdfast.kit.letters import Attachment
from holdfast.kit.zones import utc_to_local

#: Of the clocks of a zone a calendar needs to know no more than the changes around the event.
_AROUND = timedelta(days=366)


def file_of(view: BookingView, *, locale: str, public_url: str, now: datetime, is_cancelled: bool) -> Attachment:
    """The event of the booking as it is now. Its sequence grows with time, so that calendars keep the newest."""
    method = "CANCEL" if is_cancelled else "PUBLISH"
    content = _event(view, locale=locale, public_url=public_url, now=now, method=method)
    return Attachment(
        f"booking-{view.booking.reference}.ics", f"text/calendar; charset=utf-8; method={method}", content
    )


def _event(view: BookingView, *, locale: str, public_url: str, now: datetime, method: str) -> bytes:
    import icalendar  # noqa: PLC0415 - a quarter of a second that only letters need

    hold, sold = view.booking.hold, composing.sold_of(view, locale)
    ends_zone = str(hold.description.get("arrival_zone", hold.zone))
    event = icalendar.Event()
    event.add("uid", f"{view.booking.id}@{urlsplit(public_url).hostname}")
    event.add("dtstamp", now)
    event.add("sequence", (now - view.booking.created_at) // timedelta(seconds=1))
    event.add("dtstart", utc_to_local(hold.starts_at, hold.zone))
    event.add("dtend", utc_to_local(hold.ends_at, ends_zone))
    event.add("summary", sold.what)
    event.add("description", "\n".join(f"{label}: {value}" for label, value in sold.rows))
    event.add("url", composing.link_to(view, public_url))
    event.add("status", "CANCELLED" if method == "CANCEL" else "CONFIRMED")
    if sold.location:
        event.add("location", sold.location)

    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Holdfast//Bookings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    calendar.add_component(event)
    days = [moment.date() for moment in (hold.starts_at, hold.ends_at)]
    calendar.add_missing_timezones(first_date=min(days) - _AROUND, last_date=max(days) + _AROUND)
    content: bytes = calendar.to_ical()
    return content
