"""What travels about tickets."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from holdfast.kernel.bookings import Booking
from holdfast.kernel.tickets.values import Ticket
from holdfast.kit.fields import Answer, Body, ShortText


class Verify(Body):
    """What the scanner read."""

    qr_code: Annotated[ShortText, Field(max_length=400)]


class Verified(Answer):
    ticket_id: UUID
    ticket_number: str
    booking_id: UUID
    place: str
    validity_status: str
    used_at: datetime

    @classmethod
    def of(cls, ticket: Ticket) -> Self:
        assert ticket.used_at is not None
        return cls(
            ticket_id=ticket.id,
            ticket_number=ticket.number,
            booking_id=ticket.booking_id,
            place=ticket.label,
            validity_status=ticket.state,
            used_at=ticket.used_at,
        )


class TicketView(Answer):
    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    id: UUID
    booking_id: UUID
    ticket_number: str
    qr_code: str
    place: str
    item: int
    validity_status: str
    starts_at: datetime
    zone: str
    title: str | None
    issue_datetime: datetime
    used_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def common(ticket: Ticket, *, booking: Booking, qr_code: str) -> dict[str, Any]:
        return {
            "id": ticket.id,
            "booking_id": ticket.booking_id,
            "ticket_number": ticket.number,
            "qr_code": qr_code,
            "place": ticket.label,
            "item": ticket.item_number,
            "validity_status": ticket.state,
            "starts_at": booking.hold.starts_at,
            "zone": booking.hold.zone,
            "title": booking.hold.description.get("title"),
            "issue_datetime": ticket.issued_at,
            "used_at": ticket.used_at,
            "created_at": ticket.issued_at,
            "updated_at": ticket.updated_at,
        }


class PublicKey(Answer):
    kid: str
    algorithm: str
    public_key: str


class TicketKeys(Answer):
    keys: list[PublicKey]
