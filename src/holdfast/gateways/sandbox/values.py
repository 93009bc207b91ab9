"""What the sandbox remembers and refuses. Moments are integer microseconds since 1970 UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from holdfast.kit.errors import Conflict, Error, Invalid, NotFound, Unauthenticated
from holdfast.kit.money import Money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Payment:
    """A checkout and what became of it.

    `late_us` is set once the late number was entered: then it captures at that moment. `silent` is set once the
    number without an answer was entered: then nothing is ever told about it.
    """

    reference: str
    key: str
    amount: Money
    description: str
    method: str
    return_url: str | None
    webhook_url: str
    expires_us: int
    status: str
    captured: Money
    fee: Money
    fee_basis_points: int
    reason: str | None
    late_us: int | None
    silent: bool
    changed_us: int


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back."""

    reference: str
    key: str
    payment_reference: str
    amount: Money
    status: str
    webhook_url: str


def to_us(moment: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


@dataclass(eq=False)
class NoSuchCheckout(NotFound):
    """There is no checkout {reference}."""

    reference: str


@dataclass(eq=False)
class NoSuchWebhook(NotFound):
    """There is no webhook {event_id}."""

    event_id: str


@dataclass(eq=False)
class WrongKey(Unauthenticated):
    """Send the sandbox's key: `Authorization: Bearer ...`."""


@dataclass(eq=False)
class KeyReused(Conflict):
    """The key {key} was used before, for something else."""

    key: str


@dataclass(eq=False)
class CheckoutOver(Conflict):
    """The checkout {reference} is {state} and cannot be paid or changed."""

    reference: str
    state: str


@dataclass(eq=False)
class NotPositive(Invalid):
    """An amount must be above zero, not {amount}."""

    amount: str


@dataclass(eq=False)
class DeadlinePassed(Invalid):
    """The deadline {expires_at} has passed."""

    expires_at: str


@dataclass(eq=False)
class NothingCaptured(Conflict):
    """The payment {reference} is {state}: there is nothing to give back."""

    reference: str
    state: str


@dataclass(eq=False)
class RefundTooHigh(Conflict):
    """Of the payment {reference} at most {available} {currency} can still be refunded."""

    reference: str
    available: str
    currency: str


@dataclass(eq=False)
class RefusedOnDemand(Invalid):
    """Refused, as the faults told."""


@dataclass(eq=False)
class BrokenOnDemand(Error):
    """Broken, as the faults told."""

    status, title = 500, "Internal Server Error"
