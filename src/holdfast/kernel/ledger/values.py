"""The chart of accounts, and a transfer between two of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

Kind = Literal[
    "gateway_clearing",
    "gateway_fees",
    "bank",
    "refunds_payable",
    "provider_pending",
    "provider_payable",
    "provider_cash",
    "platform_revenue",
    "tax_payable",
    "suspense",
    "chargebacks",
    "write_off",
]
KINDS: tuple[Kind, ...] = (
    "gateway_clearing",
    "gateway_fees",
    "bank",
    "refunds_payable",
    "provider_pending",
    "provider_payable",
    "provider_cash",
    "platform_revenue",
    "tax_payable",
    "suspense",
    "chargebacks",
    "write_off",
)


@dataclass(frozen=True, slots=True)
class Account:
    """One account of a currency; `holder` is a provider's id, a gateway's name, or '' for the platform's own."""

    kind: Kind
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` minor units from the credited to the debited account. `step` tells apart what one cause posts."""

    step: str
    debit: Account
    credit: Account
    amount: int


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry as reports read it."""

    step: str
    debit_kind: Kind
    credit_kind: Kind
    amount: int
    currency: str
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """One account over a period, in minor units: what it held, what came on either side, what it holds."""

    kind: Kind
    holder: str
    currency: str
    opening: int
    debits: int
    credits: int

    @property
    def closing(self) -> int:
        return self.opening + self.debits - self.credits


@dataclass(frozen=True, slots=True)
class Flow:
    """All entries of one step between two kinds of account over a period."""

    step: str
    debit_kind: Kind
    credit_kind: Kind
    currency: str
    amount: int
    entries: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds: debits less credits, in minor units."""

    account_id: UUID
    kind: Kind
    holder: str
    currency: str
    debits: int
    credits: int

    @property
    def minor(self) -> int:
        return self.debits - self.credits
