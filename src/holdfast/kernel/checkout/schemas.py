"""What travels about bookings, payments and cancellations: the common fields, with the product's own beside them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field

from holdfast.kernel.bookings import Cancellation, Quote
from holdfast.kernel.checkout.views import BookingView
from holdfast.kernel.holds import Hold, Line
from holdfast.kernel.identity import User
from holdfast.kernel.payments import Method, Payment
from holdfast.kernel.refunds import Refund
from holdfast.kit.fields import AmountField, Answer, Body, IdField, ShortText, Text
from holdfast.kit.money import Money

ITEMS_NAMED_MAX = 50


class InitiatePayment(Body):
    """Pay a hold (the seeds say reservation) or its pending booking; `amount` is only compared."""

    reservation_id: IdField | None = None
    hold_id: IdField | None = None
    booking_id: IdField | None = None
    payment_method: Method = "credit_card"
    amount: AmountField | None = None
    #: Where the gateway sends the customer afterwards: one of the addresses this platform allows.
    return_url: ShortText | None = None


class CancelBooking(Body):
    """`items`: numbers of items to give up, all where left out; `quote_id`: keep the amounts of that quote."""

    items: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=ITEMS_NAMED_MAX)] | (
        None
    ) = None
    reason: Annotated[Text, Field(max_length=500)] | None = None
    quote_id: IdField | None = None


class RefundBooking(Body):
    """Cancel the whole booking by its terms."""

    reason: Annotated[Text, Field(max_length=500)] | None = None


class ReleaseHold(Body):
    """Why staff take a hold away."""

    reason: Annotated[Text, Field(max_length=500)] | None = None


class Shown(Answer):
    """An answer whose product adds fields of its own at the top level."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    @classmethod
    def over(cls, common: Mapping[str, Any], own: Mapping[str, Any]) -> Self:
        """The common fields, with the product's words laid over them."""
        return cls.model_validate({**common, **own})


def person(user: User | None) -> dict[str, Any] | None:
    """Who a booking or hold is for, to those who may see it; None for a sale without an account."""
    if user is None:
        return None
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "phone_number": user.phone_number,
    }


class LineView(Answer):
    kind: str
    label: str
    amount: str
    item: int | None
    tax_bps: int
    inclusive: bool

    @classmethod
    def of(cls, line: Line, *, currency: str) -> Self:
        return cls(
            kind=line.kind,
            label=line.label,
            amount=Money(line.amount, currency).amount,
            item=line.item,
            tax_bps=line.tax_bps,
            inclusive=line.inclusive,
        )


class ItemView(Answer):
    number: int
    place_id: UUID
    label: str
    amount: str
    state: str
    ticket_id: UUID | None


class PaymentView(Shown):
    id: UUID
    booking_id: UUID
    user_id: UUID | None
    amount: str
    currency: str
    fare_amount: str
    service_fee: str
    payment_method: str
    gateway: str
    payment_gateway_reference: str | None
    payment_url: str | None
    status: str
    refunded_amount: str
    expires_at: datetime
    transaction_datetime: datetime
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def common(payment: Payment) -> dict[str, Any]:
        return {
            "id": payment.id,
            "booking_id": payment.booking_id,
            "user_id": payment.user_id,
            "amount": Money(payment.amount, payment.currency).amount,
            "currency": payment.currency,
            "fare_amount": Money(payment.fare_amount, payment.currency).amount,
            "service_fee": Money(payment.service_fee, payment.currency).amount,
            "payment_method": payment.method,
            "gateway": payment.gateway,
            "payment_gateway_reference": payment.gateway_reference,
            "payment_url": payment.url if payment.is_open else None,
            "status": payment.status,
            "refunded_amount": Money(payment.refund_reserved, payment.captured_currency).amount,
            "expires_at": payment.expires_at,
            "transaction_datetime": payment.transaction_datetime,
            "created_at": payment.created_at,
            "updated_at": payment.updated_at,
        }


class OpenedPayment(Answer):
    """Where to pay. Without `payment_id` there was nothing to pay and the booking is confirmed."""

    booking_id: UUID
    payment_id: UUID | None
    payment_url: str | None
    session_id: str | None
    status: str
    amount: str
    currency: str
    expires_at: datetime
    server_time: datetime


class Received(Answer):
    """A notice was verified and is kept."""

    received: bool


class PaymentStatusView(Answer):
    booking_id: UUID
    booking_status: str
    refund_state: str
    amount_paid: str
    amount_refunded: str
    currency: str
    payments: list[PaymentView]


class CancellationView(Shown):
    id: UUID
    booking_id: UUID
    user_id: UUID | None
    cancellation_datetime: datetime
    reason: str | None
    items: list[int]
    refund_amount: str
    currency: str
    refund_status: str
    processed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def common(cancellation: Cancellation) -> dict[str, Any]:
        return {
            "id": cancellation.id,
            "booking_id": cancellation.booking_id,
            "user_id": cancellation.by,
            "cancellation_datetime": cancellation.created_at,
            "reason": cancellation.reason,
            "items": list(cancellation.items),
            "refund_amount": Money(cancellation.refund_amount, cancellation.currency).amount,
            "currency": cancellation.currency,
            "refund_status": cancellation.refund_status,
            "processed_at": cancellation.processed_at,
            "created_at": cancellation.created_at,
            "updated_at": cancellation.updated_at,
        }


class RefundView(Answer):
    id: UUID
    booking_id: UUID
    payment_id: UUID
    cancellation_id: UUID | None
    why: str
    amount: str
    currency: str
    status: str
    gateway: str
    last_error: str | None
    created_at: datetime
    processed_at: datetime | None

    @classmethod
    def of(cls, refund: Refund) -> Self:
        return cls(
            id=refund.id,
            booking_id=refund.booking_id,
            payment_id=refund.payment_id,
            cancellation_id=refund.cancellation_id,
            why=refund.why,
            amount=Money(refund.amount, refund.currency).amount,
            currency=refund.currency,
            status=refund.status,
            gateway=refund.gateway,
            last_error=refund.last_error,
            created_at=refund.created_at,
            processed_at=refund.processed_at,
        )


class QuoteView(Answer):
    """What cancelling gives back now, and why; `id` keeps these amounts for five minutes."""

    id: UUID
    booking_id: UUID
    items: list[int]
    amounts: list[str]
    fees: str
    refund_amount: str
    currency: str
    percent: int
    why: str
    expires_at: datetime
    server_time: datetime

    @classmethod
    def of(cls, quote: Quote, *, now: datetime) -> Self:
        assert quote.id is not None
        assert quote.expires_at is not None
        return cls(
            id=quote.id,
            booking_id=quote.booking_id,
            items=list(quote.items),
            amounts=[Money(amount, quote.currency).amount for amount in quote.amounts],
            fees=Money(quote.fees, quote.currency).amount,
            refund_amount=Money(quote.total, quote.currency).amount,
            currency=quote.currency,
            percent=quote.percent,
            why=quote.reason,
            expires_at=quote.expires_at,
            server_time=now,
        )


class BookingAnswer(Shown):
    id: UUID
    product: str
    inventory_id: UUID
    hold_id: UUID
    user_id: UUID | None
    booking_reference: str
    status: str
    refund_state: str
    total_amount: str
    currency: str
    title: str | None
    starts_at: datetime
    ends_at: datetime
    zone: str
    items: list[ItemView]
    expires_at: datetime | None
    confirmed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @staticmethod
    def common(view: BookingView) -> dict[str, Any]:
        booking, hold = view.booking, view.booking.hold
        tickets = {ticket.item_number: ticket.id for ticket in view.tickets}
        return {
            "id": booking.id,
            "product": booking.product,
            "inventory_id": booking.inventory_id,
            "hold_id": booking.hold_id,
            "user_id": booking.owner_id,
            "booking_reference": booking.reference,
            "status": booking.state,
            "refund_state": booking.refund_state,
            "total_amount": Money(booking.total, booking.currency).amount,
            "currency": booking.currency,
            "title": hold.description.get("title"),
            "starts_at": hold.starts_at,
            "ends_at": hold.ends_at,
            "zone": hold.zone,
            "items": [
                ItemView(
                    number=item.number,
                    place_id=view.place_id(item.place),
                    label=item.label,
                    amount=Money(item.amount, booking.currency).amount,
                    state=item.state,
                    ticket_id=tickets.get(item.number),
                )
                for item in hold.items
            ],
            "expires_at": booking.expires_at if booking.state == "pending" else None,
            "confirmed_at": booking.confirmed_at,
            "created_at": booking.created_at,
            "updated_at": booking.updated_at,
        }


class BookingDetails(BookingAnswer):
    user: dict[str, Any] | None
    price_lines: list[LineView]
    payments: list[PaymentView]
    cancellations: list[CancellationView]
    refunds: list[RefundView]
    terms: dict[str, Any]


class LiveHold(Shown):
    """A hold that is not paid yet, as staff see it."""

    id: UUID
    product: str
    inventory_id: UUID
    user: dict[str, Any] | None
    places: list[str]
    total_amount: str
    currency: str
    status: str
    placed_at: datetime
    expires_at: datetime
    seconds_left: int
    warning: bool
    stuck: bool

    @staticmethod
    def common(
        hold: Hold, *, now: datetime, warn_below: float, stuck: bool, user: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        left = (hold.expires_at - now).total_seconds()
        return {
            "id": hold.id,
            "product": hold.product,
            "inventory_id": hold.inventory_id,
            "user": user,
            "places": [item.label for item in hold.items],
            "total_amount": Money(hold.total, hold.currency).amount,
            "currency": hold.currency,
            "status": "active",
            "placed_at": hold.placed_at,
            "expires_at": hold.expires_at,
            "seconds_left": max(int(left), 0),
            "warning": left < warn_below,
            "stuck": stuck,
        }
