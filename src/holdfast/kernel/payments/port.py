"""What the kernel asks of a payment gateway: the port that every adapter implements.

Every call that changes something carries our own key, so that repeating it is safe; what a call did when its answer
got lost is found out by asking (`payment`, `refund_state`), never by a blind repeat. A notice only triggers: the
state is asked for at the source, then applied. Rules: spec/money.md, "Gateways" and "Webhooks".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from holdfast.kit.errors import Conflict, Unauthenticated, Unavailable
from holdfast.kit.money import Money

PaymentStatus = Literal["open", "processing", "completed", "failed", "expired"]
RefundStatus = Literal["pending", "processed", "failed"]
SimulatedOutcome = Literal["success", "failed", "expired", "late_success"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a gateway can do, declared rather than found out.

    `deadline`: it ends a checkout by itself at `expires_at` (native), only when told to (by_call), or not at all.
    `currencies`: the ISO 4217 codes it takes; None takes all.
    """

    deadline: Literal["native", "by_call", "none"]
    partial_refund: bool
    currencies: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A payment to be made. `key` is our payment's id: the idempotency key and the merchant's reference there."""

    key: str
    amount: Money
    description: str
    expires_at: datetime
    return_url: str | None
    webhook_url: str
    method: str


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """Where the customer pays, and the gateway's own name for it."""

    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """The true state of a payment, as its gateway says.

    `amount` is what was asked for, `captured` what was taken: zero unless completed, and perhaps another amount or
    currency. `fee` is what the gateway keeps of it. `at` is when it last changed.
    """

    key: str
    reference: str
    status: PaymentStatus
    amount: Money
    captured: Money
    fee: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """The true state of a refund, as its gateway says; `key` is our refund's id."""

    key: str
    payment_reference: str
    reference: str
    status: RefundStatus
    amount: Money


@dataclass(frozen=True, slots=True)
class Notice:
    """A verified webhook. `key` and `reference` name the payment or refund it is about, where it says so.

    `sent_at` is None where the gateway signs no time. `body` has no personal fields of the payer: it may be stored.
    """

    event_id: str
    type: str
    object: Literal["payment", "refund", "dispute", "other"]
    key: str | None
    reference: str | None
    sent_at: datetime | None
    body: dict[str, Any]


class Gateway(Protocol):
    """An adapter of one gateway. Every awaited call may raise GatewayRefused, GatewayUnreachable, GatewayUnknown."""

    @property
    def name(self) -> str:
        """The name that payments remember it by; never changes."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    async def open(self, request: CheckoutRequest) -> CheckoutSession:
        """Open a checkout. Idempotent by key: again, the same session; with another amount, GatewayRefused."""
        ...

    async def end(self, reference: str) -> GatewayPayment:
        """End a checkout and say how it ended: it may be completed, for the customer may have been quicker."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        """Verify a webhook's raw bytes and read it. BadSignature, also where it is signed but makes no sense."""
        ...

    async def payment(self, *, key: str) -> GatewayPayment | None:
        """Tell the true state by our key; None where the gateway knows nothing of it."""
        ...

    async def refund(self, *, key: str, payment_reference: str, amount: Money) -> GatewayRefund:
        """Ask for a refund. Idempotent by key: again, the same refund as it stands then."""
        ...

    async def refund_state(self, *, key: str) -> GatewayRefund | None:
        """Tell the true state of a refund by our key; None where the gateway knows nothing of it."""
        ...

    async def since(self, moment: datetime) -> list[GatewayPayment]:
        """List the payments that changed at or after that moment, each once, in its present state."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class SimulatedGateway(Gateway, Protocol):
    """A gateway without customers and banks of its own, which can be told what they do. Absent in production."""

    async def simulate(self, reference: str, outcome: SimulatedOutcome) -> GatewayPayment:
        """Bring about an outcome at once; its webhook follows. GatewayRefused where the state does not allow it."""
        ...


@dataclass(eq=False)
class BadSignature(Unauthenticated):
    """This webhook is not accepted as one of {gateway}: {reason}."""

    gateway: str
    reason: str


@dataclass(eq=False)
class GatewayRefused(Conflict):
    """The payment gateway {gateway} refused: {reason}. A definite no: nothing was done there."""

    gateway: str
    reason: str


@dataclass(eq=False)
class GatewayUnreachable(Unavailable):
    """The payment gateway {gateway} was not reached, so nothing was done there; another one may be tried."""

    gateway: str


@dataclass(eq=False)
class GatewayUnknown(Unavailable):
    """The payment gateway {gateway} did not answer in time: what it did must be asked for before anything else."""

    gateway: str
