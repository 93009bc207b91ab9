"""Write the letter of a notification: its text and HTML (or its SMS), its tickets and its calendar file."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast.kernel.checkout import BookingView
from holdfast.kernel.notifications import calendars, composing
from holdfast.kernel.notifications.stories import Story
from holdfast.kernel.notifications.values import Said, Template
from holdfast.kernel.tickets import TicketKey, printing
from holdfast.kit import letterhead
from holdfast.kit.letters import Attachment, Letter
from holdfast.kit.words import spoken

FOLDER = Path(__file__).parent / "templates"
#: To these the tickets are attached, as they are now.
WITH_TICKETS: frozenset[Template] = frozenset({"confirmed", "late_money_honoured", "rescheduled"})
#: And to these a calendar file; True: it takes the event away.
WITH_CALENDAR: dict[Template, bool] = {
    "confirmed": False,
    "late_money_honoured": False,
    "rescheduled": False,
    "cancelled": True,
    "occurrence_cancelled": True,
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a letter is for, read when it is written and kept nowhere."""

    channel: str
    address: str
    first_name: str
    locale: str


def said(story: Story, *, locale: str) -> Said:
    """Title and text as a list shows them."""
    fields = composing.fields_of(story, locale=locale)
    title = composing.title_of(story, fields, locale=locale)
    short = letterhead.text(FOLDER, f"{story.told.template}.sms.txt", locale=locale, b=fields)
    return Said(title, short.replace("\n", " "))


async def letter(story: Story, to: Recipient, *, key: TicketKey) -> Letter:
    """The letter, whose id is the notification's: a repeat is the same letter. An SMS says the short text alone."""
    fields = composing.fields_of(story, locale=to.locale)
    subject = composing.title_of(story, fields, locale=to.locale)
    if to.channel == "sms":
        short = said(story, locale=to.locale).text
        return _letter(story, to, subject=subject, text=f"{short} {fields.link}" if fields else short)
    page = letterhead.page(
        FOLDER,
        story.told.template,
        locale=to.locale,
        subject=subject,
        issuer=composing.issuer_of(story),
        name=to.first_name,
        has_tickets=story.told.template in WITH_TICKETS and any(map(_standing, _views(story))),
        terms=_terms(story, to.locale),
        home=story.public_url,
        b=fields,
    )
    attachments = await _attachments(story, to, key=key)
    return _letter(story, to, subject=subject, text=page.text, html=page.html, attachments=attachments)


def _letter(story: Story, to: Recipient, **words: Any) -> Letter:  # noqa: ANN401 - of a Letter
    return Letter(
        id=story.told.id,
        channel="sms" if to.channel == "sms" else "email",
        to=to.address,
        template=story.told.template,
        written_at=story.now,
        locale=spoken(to.locale),
        **words,
    )


async def _attachments(story: Story, to: Recipient, *, key: TicketKey) -> tuple[Attachment, ...]:
    template = story.told.template
    printed = [
        await _tickets(view, issuer=str(story.provider), locale=to.locale, key=key)
        for view in _views(story)
        if template in WITH_TICKETS and _standing(view)
    ]
    is_cancelled = WITH_CALENDAR.get(template)
    if is_cancelled is None:
        return tuple(printed)
    dated = [
        calendars.file_of(view, locale=to.locale, public_url=story.public_url, now=story.now, is_cancelled=is_cancelled)
        for view in _views(story)
        if _is_in_calendars(view, is_cancelled=is_cancelled)
    ]
    return (*printed, *dated)


async def _tickets(view: BookingView, *, issuer: str, locale: str, key: TicketKey) -> Attachment:
    document = printing.document(
        view.booking,
        view.tickets,
        issuer=issuer,
        key=key,
        issued_at=view.tickets[0].issued_at,
        locale=spoken(locale),
    )
    content = await asyncio.to_thread(printing.pdf, document)
    return Attachment(f"tickets-{view.booking.reference}.pdf", "application/pdf", content)


def _terms(story: Story, locale: str) -> tuple[str, ...]:
    """Until when how much comes back; nothing where it has no price."""
    if story.view is None or not story.view.booking.total:
        return ()
    return printing.terms(story.view.booking, spoken(locale))


def _views(story: Story) -> tuple[BookingView, ...]:
    return () if story.view is None else (story.view, *story.others)


def _standing(view: BookingView) -> bool:
    """Whether a ticket of it still lets somebody in."""
    return any(ticket.state == "valid" for ticket in view.tickets)


def _is_in_calendars(view: BookingView, *, is_cancelled: bool) -> bool:
    """An event is added for what stands, and taken away once all of what was confirmed is gone."""
    if is_cancelled:
        return view.booking.was_confirmed and view.booking.state == "cancelled"
    return view.booking.state == "confirmed"
