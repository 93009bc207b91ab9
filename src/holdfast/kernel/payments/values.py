"""A payment: money on its way in, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.outbox import Fact
from holdfast.kit.words import mark

Status = Literal[
    "initiated", "pending", "completed", "failed", "expired", "partially_refunded", "refunded", "charged_back"
]
STATUSES: tuple[Status, ...] = (
    "initiated",
    "pending",
    "completed",
    "failed",
    "expired",
    "partially_refunded",
    "refunded",
    "charged_back",
)
OPEN: tuple[Status, ...] = ("initiated", "pending")
#: Money may still come in these states: it is a fact, whatever was known before.
UNPAID: tuple[Status, ...] = ("initiated", "pending", "failed", "expired")
PAID: tuple[Status, ...] = ("completed", "partially_refunded", "refunded", "charged_back")
Method = Literal["credit_card", "debit_card", "upi", "net_banking", "wallet", "cash", "mobile_money", "bank_transfer"]
#: So that a refusal can say in any language what cannot be paid with.
METHOD_WORDS = (
    mark("credit_card"),
    mark("debit_card"),
    mark("upi"),
    mark("net_banking"),
    mark("wallet"),
    mark("cash"),
    mark("mobile_money"),
    mark("bank_transfer"),
)
METHODS: tuple[Method, ...] = (
    "credit_card",
    "debit_card",
    "upi",
    "net_banking",
    "wallet",
    "cash",
    "mobile_money",
    "bank_transfer",
)


@dataclass(frozen=True, slots=True)
class Payment:
    """One attempt to pay one booking. Amounts in minor units; `captured` in `captured_currency`."""

    id: UUID
    inventory_id: UUID
    booking_id: UUID
    hold_id: UUID
    user_id: UUID | None
    provider_id: UUID
    amount: int
    currency: str
    fare_amount: int
    service_fee: int
    method: Method
    gateway: str
    gateway_reference: str | None
    url: str | None
    status: Status
    captured: int
    captured_currency: str
    gateway_fee: int
    refund_reserved: int
    expires_at: datetime
    transaction_datetime: datetime
    created_at: datetime
    updated_at: datetime

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def refundable(self) -> int:
        """What was captured and is not under a refund yet."""
        return self.captured - self.refund_reserved


@dataclass(eq=False)
class PaymentNotFound(NotFound):
    """There is no such payment."""


@dataclass(eq=False)
class GatewayEventNotFound(NotFound):
    """There is no such notice of a gateway."""


@dataclass(eq=False)
class AmountMismatch(Invalid):
    """The amount to pay is {amount} {currency}."""

    amount: str
    currency: str


@dataclass(eq=False)
class TooLateToPay(Conflict):
    """Too little time is left to pay; reserve again."""


@dataclass(eq=False)
class AlreadyPaid(Conflict):
    """This was paid already."""


@dataclass(eq=False)
class MethodNotOffered(Invalid):
    """{method} cannot be used here."""

    method: str


@dataclass(eq=False)
class RefundTooLarge(Conflict):
    """No more can be paid back than was captured."""


@dataclass(frozen=True, slots=True)
class PaymentFact(Fact):
    payment_id: UUID
    booking_id: UUID
    inventory_id: UUID
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class PaymentCompleted(PaymentFact):
    """Money came and is of use: its booking is confirmed with it."""


@dataclass(frozen=True, slots=True)
class PaymentFailed(PaymentFact):
    """An attempt to pay came to nothing; `is_expired`: nobody tried, or it was ended, rather than refused."""

    is_expired: bool = False


@dataclass(frozen=True, slots=True)
class MoneyReturned(PaymentFact):
    """Money came that could not be used (late, double, wrong amount, cancelled): all of it goes back."""

    why: str
