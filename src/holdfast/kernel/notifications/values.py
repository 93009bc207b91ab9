"""A notification: what a fact means to one person, told once, and what became of the telling."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

from holdfast.kit.errors import NotFound
from holdfast.kit.letters import Channel

#: Kinds of job: a fact is heard, a letter is sent.
HEAR = "notification.hear"
SEND = "notification.send"

Template = Literal[
    "registered",
    "confirmed",
    "payment_failed",
    "expired",
    "cancelled",
    "refund_sent",
    "refund_failed",
    "rescheduled",
    "occurrence_cancelled",
    "late_money_honoured",
    "late_money_refunded",
]
#: Each has `<template>.txt`, `<template>.html` and `<template>.sms.txt` in `templates/`.
TEMPLATES: tuple[Template, ...] = get_args(Template)


@dataclass(frozen=True, slots=True)
class Notification:
    """`subject_id`: the payment, refund or cancellation that it tells of. Nothing personal: words are made when read.

    `refused_at`: the letter was refused for good, by a mailbox that is not there for one.
    """

    id: UUID
    user_id: UUID
    template: Template
    fact_id: UUID
    inventory_id: UUID | None
    booking_id: UUID | None
    subject_id: UUID | None
    channel: Channel | None
    created_at: datetime
    sent_at: datetime | None
    refused_at: datetime | None
    read_at: datetime | None

    @property
    def is_done(self) -> bool:
        """Its letter needs no sending any more."""
        return self.sent_at is not None or self.refused_at is not None


@dataclass(frozen=True, slots=True)
class Message:
    """What a fact is to be told as, to whom."""

    template: Template
    user_id: UUID
    fact_id: UUID
    inventory_id: UUID | None = None
    booking_id: UUID | None = None
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """A notification in somebody's language: its title, and the sentence or two of an SMS."""

    title: str
    text: str


@dataclass(eq=False)
class NotificationNotFound(NotFound):
    """There is no such notification."""
