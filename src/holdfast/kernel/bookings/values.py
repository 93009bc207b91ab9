"""A booking: the durable record of items sold, and how it ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from holdfast.kernel.holds import Hold
from holdfast.kit.errors import Conflict, NotFound
from holdfast.kit.outbox import Fact
from holdfast.kit.words import mark

State = Literal["requested", "pending", "confirmed", "completed", "cancelled", "expired"]
STATES: tuple[State, ...] = ("requested", "pending", "confirmed", "completed", "cancelled", "expired")
#: So that a refusal can say in any language what a booking is.
STATE_WORDS = (
    mark("requested"),
    mark("pending"),
    mark("confirmed"),
    mark("completed"),
    mark("cancelled"),
    mark("expired"),
)
RefundState = Literal["none", "pending", "part", "full", "failed"]
REFUND_STATES: tuple[RefundState, ...] = ("none", "pending", "part", "full", "failed")


@dataclass(frozen=True, slots=True)
class Booking:
    """What was booked: its own row, and the hold that says what and for how much."""

    id: UUID
    inventory_id: UUID
    hold_id: UUID
    product: str
    provider_id: UUID
    owner_id: UUID | None
    reference: str
    state: State
    refund_state: RefundState
    total: int
    currency: str
    expires_at: datetime
    created_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    hold: Hold

    @property
    def was_confirmed(self) -> bool:
        return self.confirmed_at is not None


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Items given up, why, and what is paid back for them."""

    id: UUID
    inventory_id: UUID
    booking_id: UUID
    by: UUID | None
    reason: str | None
    items: tuple[int, ...]
    refund_amount: int
    currency: str
    refund_status: Literal["pending", "processed", "failed"]
    created_at: datetime
    processed_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Quote:
    """What cancelling gives back at a moment, and why; good for a few minutes under its id."""

    id: UUID | None
    booking_id: UUID
    items: tuple[int, ...]
    amounts: tuple[int, ...]
    fees: int
    percent: int
    reason: str
    currency: str
    expires_at: datetime | None

    @property
    def total(self) -> int:
        return sum(self.amounts) + self.fees


@dataclass(frozen=True, slots=True)
class SoldThen:
    """What was sold (or given back) of one inventory in one quarter of an hour; `amount` in minor units."""

    product: str
    inventory_id: UUID
    currency: str
    quarter: int
    bookings: int
    items: int
    amount: int


@dataclass(eq=False)
class BookingNotFound(NotFound):
    """There is no such booking."""


@dataclass(eq=False)
class CancellationNotFound(NotFound):
    """There is no such cancellation."""


@dataclass(eq=False)
class QuoteNotFound(NotFound):
    """There is no such quote, or its five minutes are over."""


@dataclass(eq=False)
class AlreadyCancelled(Conflict):
    """This booking was cancelled already."""


@dataclass(eq=False)
class NotCancellable(Conflict):
    """A booking that is {state} cannot be cancelled."""

    state: str


@dataclass(eq=False)
class CancellationClosed(Conflict):
    """It starts too soon: nothing can be cancelled any more."""


@dataclass(eq=False)
class TicketUsed(Conflict):
    """A ticket that was used cannot be cancelled."""


@dataclass(frozen=True, slots=True)
class BookingFact(Fact):
    booking_id: UUID
    hold_id: UUID
    inventory_id: UUID
    product: str
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class BookingConfirmed(BookingFact):
    """A booking is paid for and its places are its own for good; `is_late`: the money came after its time."""

    is_late: bool = False


@dataclass(frozen=True, slots=True)
class BookingExpired(BookingFact):
    """The time to pay for a booking was over and nothing was paid."""


@dataclass(frozen=True, slots=True)
class BookingReleased(BookingFact):
    """A pending booking was given up before it was paid; `by_provider`: because the occurrence was cancelled."""

    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class BookingCancelled(BookingFact):
    """Items were given up, perhaps the last ones; `by_provider`: because the occurrence was cancelled."""

    cancellation_id: UUID
    items: tuple[int, ...]
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class BookingCompleted(BookingFact):
    """What was booked has taken place."""


def fields_of(booking: Booking) -> dict[str, Any]:
    """What every fact of a booking names."""
    return {
        "booking_id": booking.id,
        "hold_id": booking.hold_id,
        "inventory_id": booking.inventory_id,
        "product": booking.product,
        "user_id": booking.owner_id,
    }
