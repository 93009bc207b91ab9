"""What a printed ticket says, and what can be wrong with a scanned one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from holdfast.kit.errors import Conflict, Invalid, NotFound

Locale = Literal["en", "ar"]


@dataclass(eq=False)
class TicketUnreadable(Invalid):
    """This is not the code of a ticket: {reason}."""

    reason: str


@dataclass(eq=False)
class TicketKeyUnknown(Invalid):
    """This ticket is signed with the key {kid}, which is not one of ours."""

    kid: str


@dataclass(eq=False)
class TicketForged(Invalid):
    """The signature of this ticket is not right: it was not issued here."""


@dataclass(eq=False)
class TicketNotFound(NotFound):
    """There is no such ticket."""


@dataclass(eq=False)
class TicketAlreadyUsed(Conflict):
    """This ticket was used already, at {used_at}."""

    used_at: datetime


@dataclass(eq=False)
class TicketCancelled(Conflict):
    """This ticket was cancelled; it lets nobody in."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket of a booking. `place` is the place's number in the layout, `label` its name."""

    id: UUID
    inventory_id: UUID
    booking_id: UUID
    provider_id: UUID
    item_number: int
    place: int
    label: str
    number: str
    nonce: bytes
    state: Literal["valid", "used", "cancelled"]
    issued_at: datetime
    used_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TicketClaims:
    """What the code of a ticket states, and its signature vouches for.

    `place` is the number of the place in the inventory's layout. `nonce` is 12 random bytes; a ticket that was
    cancelled or handed on has another one in the database, so that the old code stops being good.
    """

    ticket_id: UUID
    inventory_id: UUID
    place: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class End:
    """Where and when something begins or ends, ready to print: "Cairo", "08:30", "Sat 21 Nov 2026, Turgoman"."""

    name: str
    time: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PrintedTicket:
    """One ticket of a document. `place` is its label as the buyer knows it; `token` goes into the QR code."""

    number: str
    place: str
    token: str
    section: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The tickets of one booking, in words ready to print; what they mean is the business of whoever asks.

    `fields` are (label, value) and stand on every ticket, at most `FIELDS_MAX` of them; `terms` are sentences below.
    `place_label` names what `PrintedTicket.place` is ("Seat", "Place"). `issued_at` dates the file, so that the same
    input gives the same bytes.
    """

    title: str
    issuer: str
    reference: str
    tickets: tuple[PrintedTicket, ...]
    issued_at: datetime
    subtitle: str = ""
    begins: End | None = None
    ends: End | None = None
    fields: tuple[tuple[str, str], ...] = field(default=())
    place_label: str = ""
    terms: tuple[str, ...] = field(default=())
    locale: Locale = "en"
