"""One ticket an item: its signed code, and the page it is printed on."""

from holdfast.kernel.tickets import bulk, printing
from holdfast.kernel.tickets.actions import cancel, issue, new_number, use, used_items
from holdfast.kernel.tickets.checks import CHECKS
from holdfast.kernel.tickets.qr import qr_svg
from holdfast.kernel.tickets.queries import find, of_bookings
from holdfast.kernel.tickets.signing import TicketKey, new_nonce, read, sign
from holdfast.kernel.tickets.values import (
    Document,
    End,
    Locale,
    PrintedTicket,
    Ticket,
    TicketAlreadyUsed,
    TicketCancelled,
    TicketClaims,
    TicketForged,
    TicketKeyUnknown,
    TicketNotFound,
    TicketUnreadable,
)

__all__ = [
    "CHECKS",
    "Document",
    "End",
    "Locale",
    "PrintedTicket",
    "Ticket",
    "TicketAlreadyUsed",
    "TicketCancelled",
    "TicketClaims",
    "TicketForged",
    "TicketKey",
    "TicketKeyUnknown",
    "TicketNotFound",
    "TicketUnreadable",
    "bulk",
    "cancel",
    "find",
    "issue",
    "new_nonce",
    "new_number",
    "of_bookings",
    "printing",
    "qr_svg",
    "read",
    "sign",
    "use",
    "used_items",
]
