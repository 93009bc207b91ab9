"""Reports as they travel. Amounts are decimal strings beside their currency."""

from datetime import date, datetime
from uuid import UUID

from holdfast.kit.fields import Answer


class PeriodView(Answer):
    """Local days of `zone`, both included; the moments are half open."""

    first: date
    last: date
    zone: str
    since: datetime
    before: datetime


class AccountView(Answer):
    """One account over the period: opening + debits - credits = closing (debits less credits)."""

    account: str
    holder: str
    currency: str
    opening: str
    debits: str
    credits: str
    closing: str


class FlowView(Answer):
    """All entries of one step between two kinds of account."""

    step: str
    debit: str
    credit: str
    currency: str
    amount: str
    entries: int


class TieView(Answer):
    """Two ways to the same figure, by currency."""

    what: str
    currency: str
    one: str
    other: str
    agrees: bool


class FinanceReport(Answer):
    """From the ledger alone."""

    period: PeriodView
    provider_id: UUID | None
    accounts: list[AccountView]
    flows: list[FlowView]
    ties: list[TieView]
    computed_at: datetime


class SalesRow(Answer):
    """`gross`: totals of what was confirmed; `refunded`: what cancellations give back; `net`: the difference."""

    day: date | None = None
    product: str | None = None
    occurrence_id: UUID | None = None
    currency: str
    bookings: int
    items: int
    gross: str
    cancellations: int
    items_cancelled: int
    refunded: str
    net: str


class SalesReport(Answer):
    """From bookings and their items; ties to the ledger."""

    period: PeriodView
    provider_id: UUID | None
    rows: list[SalesRow]
    ties: list[TieView]
    computed_at: datetime


class OccupancyRow(Answer):
    """Capacity and what is sold or blocked of it, in slots (or places of counted ones)."""

    day: date | None = None
    product: str | None = None
    occurrence_id: UUID | None = None
    starts_at: datetime | None = None
    state: str | None = None
    occurrences: int
    capacity: int
    sold: int
    percent: float


class OccupancyReport(Answer):
    """What starts in the period."""

    period: PeriodView
    provider_id: UUID | None
    rows: list[OccupancyRow]
    computed_at: datetime
