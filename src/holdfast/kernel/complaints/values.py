"""A complaint: what somebody was not content with, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.outbox import Fact

State = Literal["open", "in_review", "closed"]
STATES: tuple[State, ...] = get_args(State)
Category = Literal["booking", "payment", "refund", "service", "staff", "website", "other"]
CATEGORIES: tuple[Category, ...] = get_args(Category)

#: Complaints that one account may have unfinished at a time.
UNFINISHED_MAX = 20


@dataclass(frozen=True, slots=True)
class Complaint:
    """`subject`, `text` and `note` are None once they were blanked; `provider_id`: of the booking it is about."""

    id: UUID
    user_id: UUID
    booking_id: UUID | None
    inventory_id: UUID | None
    provider_id: UUID | None
    category: Category
    subject: str | None
    text: str | None
    state: State
    note: str | None
    version: int
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    blanked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewComplaint:
    """What somebody says; `booking_id`: one of their own."""

    category: Category
    subject: str
    text: str
    booking_id: UUID | None = None


@dataclass(eq=False)
class ComplaintNotFound(NotFound):
    """There is no such complaint."""


@dataclass(eq=False)
class TooManyComplaints(Conflict):
    """You have {most} complaints that are not closed yet; we will answer these first."""

    most: int


@dataclass(eq=False)
class ComplaintStepRefused(Conflict):
    """A complaint that is {present} cannot become {wanted}."""

    present: str
    wanted: str


@dataclass(eq=False)
class NoteNeeded(Invalid):
    """A complaint is closed with a note that says what came of it."""


@dataclass(eq=False)
class ComplaintBlanked(Conflict):
    """What this complaint said was erased with the account; nothing about it changes any more."""


@dataclass(frozen=True, slots=True)
class ComplaintFact(Fact):
    complaint_id: UUID
    user_id: UUID
    booking_id: UUID | None
    inventory_id: UUID | None
    provider_id: UUID | None


@dataclass(frozen=True, slots=True)
class ComplaintOpened(ComplaintFact):
    """Somebody complained, about a booking if one is named."""


@dataclass(frozen=True, slots=True)
class ComplaintClosed(ComplaintFact):
    """A complaint was closed, with a note for who complained."""
