"""A refund: money on its way back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from holdfast.kit.errors import Conflict, NotFound
from holdfast.kit.outbox import Fact

Status = Literal["pending", "processed", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "processed", "failed")
#: Why it is paid back: by the terms or the provider's cancellation, or because the money could not be used.
Why = Literal["cancelled", "provider_cancelled", "late", "double", "wrong_amount", "released"]
WHYS: tuple[Why, ...] = ("cancelled", "provider_cancelled", "late", "double", "wrong_amount", "released")


@dataclass(frozen=True, slots=True)
class Refund:
    """So much of one payment, for one reason. Amount in minor units."""

    id: UUID
    inventory_id: UUID
    payment_id: UUID
    booking_id: UUID
    cancellation_id: UUID | None
    provider_id: UUID
    gateway: str
    why: Why
    amount: int
    currency: str
    status: Status
    gateway_reference: str | None
    last_error: str | None
    created_at: datetime
    processed_at: datetime | None
    updated_at: datetime


@dataclass(eq=False)
class RefundNotFound(NotFound):
    """There is no such refund."""


@dataclass(eq=False)
class RefundNotFailed(Conflict):
    """Only a refund that failed can be tried again."""


@dataclass(frozen=True, slots=True)
class RefundFact(Fact):
    refund_id: UUID
    payment_id: UUID
    booking_id: UUID
    inventory_id: UUID


@dataclass(frozen=True, slots=True)
class RefundSent(RefundFact):
    """The gateway has paid a refund back."""


@dataclass(frozen=True, slots=True)
class RefundFailed(RefundFact):
    """The gateway will not pay a refund back as it was asked; an admin has to look at it."""
