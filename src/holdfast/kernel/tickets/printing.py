"""Put a booking's tickets into words ready to print, by what was frozen with the booking when it was sold."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from babel.dates import format_date, format_datetime, format_time

from holdfast.kernel import identity
from holdfast.kernel.bookings import Booking
from holdfast.kernel.tickets.signing import TicketKey, sign
from holdfast.kernel.tickets.values import Document, End, Locale, PrintedTicket, Ticket, TicketClaims
from holdfast.kit.db import Reader
from holdfast.kit.money import Money
from holdfast.kit.zones import utc_to_local

WORDS = {
    "en": {
        "place": "Place",
        "cancel": "Cancel until {until}: {percent}% back.",
        "show": "Show the code when you enter. Each code lets one person in, once.",
    },
    "ar": {
        "place": "المكان",
        "cancel": "الإلغاء حتى {until}: يُسترد {percent}٪.",
        "show": "أظهر الرمز عند الدخول. كل رمز يُدخل شخصًا واحدًا مرة واحدة.",
    },
}


def token(ticket: Ticket, *, key: TicketKey) -> str:
    """The signed code of a ticket."""
    return sign(TicketClaims(ticket.id, ticket.inventory_id, ticket.place, ticket.nonce), key=key)


async def issuer(db: Reader, booking: Booking) -> str:
    """Who supplies what is printed."""
    return (await identity.provider(db, booking.provider_id)).name


def document(
    booking: Booking,
    issued: Sequence[Ticket],
    *,
    issuer: str,
    key: TicketKey,
    issued_at: datetime,
    locale: Locale,
) -> Document:
    """All tickets of the booking that still let somebody in; where none does, those that did."""
    hold, words = booking.hold, WORDS[locale]
    standing = [ticket for ticket in issued if ticket.state == "valid"]
    standing = standing or [ticket for ticket in issued if ticket.state == "used"]
    prices = {item.number: Money(item.amount, hold.currency) for item in hold.items}
    described = {**hold.description, **hold.description.get("printed", {}).get(locale, {})}
    begins, ends = str(described.get("from", "")), str(described.get("to", ""))
    return Document(
        title=str(described.get("title", booking.reference)),
        issuer=issuer,
        reference=booking.reference,
        issued_at=issued_at,
        begins=_end(begins, hold.starts_at, hold.zone, locale),
        ends=_end(ends, hold.ends_at, str(described.get("arrival_zone", hold.zone)), locale),
        place_label=str(described.get("place_label", words["place"])),
        fields=tuple((str(label), str(value)) for label, value in described.get("fields", [])),
        tickets=tuple(
            PrintedTicket(
                number=ticket.number,
                place=ticket.label,
                token=token(ticket, key=key),
                price=f"{prices[ticket.item_number].amount} {hold.currency}",
            )
            for ticket in standing
        ),
        terms=(*terms(booking, locale), words["show"]),
        locale=locale,
    )


def pdf(document: Document) -> bytes:
    """The document as a PDF: a tenth of a second of work, so in a thread."""
    from holdfast.kernel.tickets.document import ticket_pdf  # noqa: PLC0415 - its library takes a second to import

    return ticket_pdf(document)


def _end(name: str, moment: datetime, zone: str, locale: Locale) -> End:
    local = utc_to_local(moment, zone)
    return End(
        name=name,
        time=format_time(local, "HH:mm", locale=locale),
        detail=format_date(local, "EEE d MMM y", locale=locale),
    )


def terms(booking: Booking, locale: Locale) -> tuple[str, ...]:
    """A sentence for each step of its cancellation terms that gives something back."""
    hold = booking.hold
    return tuple(
        WORDS[locale]["cancel"].format(
            until=format_datetime(
                utc_to_local(hold.starts_at - timedelta(seconds=step.seconds_before), hold.zone),
                "EEE d MMM y HH:mm",
                locale=locale,
            ),
            percent=step.percent,
        )
        for step in hold.terms.steps
        if step.percent
    )
