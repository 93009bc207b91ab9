"""What travels over the sandbox's API."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, HttpUrl, StringConstraints

TIMES_MAX = 100_000
SECONDS_MAX = 30 * 86_400

Key = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Amount = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Times = Annotated[int, Field(ge=0, le=TIMES_MAX)]
Seconds = Annotated[float, Field(ge=0, le=SECONDS_MAX)]
Operation = Literal["open", "end", "payment", "refund", "refund_state", "since", "any"]


class Body(BaseModel):
    """Every body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckoutBody(Body):
    """POST /v1/checkouts."""

    key: Key
    amount: Amount
    currency: Currency
    description: Annotated[str, StringConstraints(max_length=500)]
    method: Annotated[str, StringConstraints(max_length=40)]
    expires_at: AwareDatetime
    webhook_url: HttpUrl
    return_url: HttpUrl | None = None


class RefundBody(Body):
    """POST /v1/refunds."""

    key: Key
    payment_reference: Annotated[str, StringConstraints(max_length=80)]
    amount: Amount
    currency: Currency


class SimulateBody(Body):
    """POST /v1/simulate/{reference}."""

    outcome: Literal["success", "failed", "expired", "late_success", "disputed"]


class CaptureFault(Body):
    """Capture something else than what was asked, so many times."""

    amount: Amount
    currency: Currency | None = None
    times: Times = 1


class ApiFault(Body):
    """Answer calls of the API wrongly, so many times.

    `refuse`: 422, nothing done. `error`, `silence`: nothing done, then 500 at once or after `seconds`.
    `error_after`, `silence_after`: done, then 500 at once, or the true answer after `seconds`.
    """

    operation: Operation = "any"
    kind: Literal["refuse", "error", "error_after", "silence", "silence_after"]
    times: Times = 1
    seconds: Seconds = 30.0


class Faults(Body):
    """Everything the sandbox can be told to do wrong; by default nothing.

    `duplicate`: every webhook is sent so many times more. `delay_seconds`: webhooks leave so late. `reorder`: the
    next so many webhooks are kept, then sent in reverse. `lose`: the next so many are never sent. `hold`: webhooks
    wait until told otherwise. `decline`: the next so many cards are declined. `refund_failures`: the next so many
    refunds fail. `complete_before_answer`: the next so many checkouts are captured, and the webhook about it sent,
    before the call that opens them is answered. `clock_offset_seconds` moves the sandbox's clock.
    """

    duplicate: Annotated[int, Field(ge=0, le=100)] = 0
    delay_seconds: Seconds = 0.0
    reorder: Annotated[int, Field(ge=0, le=100)] = 0
    lose: Times = 0
    hold: bool = False
    decline: Times = 0
    refund_failures: Times = 0
    complete_before_answer: Times = 0
    capture: CaptureFault | None = None
    api: Annotated[tuple[ApiFault, ...], Field(max_length=20)] = ()
    clock_offset_seconds: Annotated[float, Field(ge=-10 * 366 * 86_400, le=10 * 366 * 86_400)] = 0.0


class PaymentView(BaseModel):
    """A payment as the sandbox knows it; `captured_amount` is zero unless it is completed."""

    object: Literal["payment"] = "payment"
    key: str
    reference: str
    url: str | None = None
    status: str
    reason: str | None
    amount: str
    currency: str
    captured_amount: str
    captured_currency: str
    fee_amount: str
    fee_currency: str
    expires_at: datetime
    changed_at: datetime


class PaymentPage(BaseModel):
    """GET /v1/payments; `next` asks for what follows."""

    payments: list[PaymentView]
    next: str | None


class RefundView(BaseModel):
    """A refund as the sandbox knows it."""

    object: Literal["refund"] = "refund"
    key: str
    reference: str
    payment_reference: str
    status: str
    amount: str
    currency: str


class RefundList(BaseModel):
    """GET /v1/refunds."""

    refunds: list[RefundView]


class EntryView(BaseModel):
    """One movement of money in the sandbox's books; `key` is the payment's or refund's key."""

    serial: int
    kind: Literal["capture", "refund"]
    payment_reference: str
    key: str
    amount: str
    fee_amount: str
    currency: str
    at: datetime


class TotalView(BaseModel):
    """The sum of all entries of a currency; net = captured - refunded - fees."""

    currency: str
    captured: str
    refunded: str
    fees: str
    net: str


class Books(BaseModel):
    """GET /v1/books: the totals are of everything, the entries a page of it."""

    entries: list[EntryView]
    totals: list[TotalView]
    next: int | None


class WebhookView(BaseModel):
    """A webhook on its way; `answered` is the last status of its receiver, None where nobody answered."""

    event_id: str
    type: str
    subject: str
    state: str
    attempts: int
    answered: int | None
    body: str
    created_at: datetime


class WebhookList(BaseModel):
    """GET /v1/webhooks."""

    webhooks: list[WebhookView]
