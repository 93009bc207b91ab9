"""What checkout needs to work with, and what it says no with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from holdfast.kernel.inventory import Clocks
from holdfast.kernel.payments import Gateway, Method
from holdfast.kit.errors import Conflict, NotFound, Unavailable

if TYPE_CHECKING:
    from holdfast.kernel.checkout.batch import TillBatch

#: Kinds of job.
END = "payment.end"
CANCEL_OCCURRENCE = "occurrence.cancel"
FINISH_OCCURRENCE = "occurrence.finish"


@dataclass(frozen=True, slots=True)
class Till:
    """The gateways of this platform, in the order in which they are tried, and where they may reach us."""

    gateways: Mapping[str, Gateway]
    clocks: Clocks
    webhook_base: str
    #: Minor units added once a booking, for products that have a service fee: part of their price lines already.
    methods: tuple[Method, ...] = ("credit_card", "debit_card", "upi", "net_banking", "wallet")
    #: What comes at the same moment rides together; None: a transaction each.
    batch: "TillBatch | None" = None

    def gateway(self, name: str) -> Gateway:
        if name not in self.gateways:
            raise GatewayNotConfigured(name)
        return self.gateways[name]

    @property
    def first(self) -> Gateway:
        return next(iter(self.gateways.values()))


@dataclass(frozen=True, slots=True)
class Opened:
    """What opening a payment decided: a payment to go on with, another to be ended first, or nothing to pay."""

    booking_id: UUID
    payment_id: UUID | None = None
    to_end_first: UUID | None = None
    is_new: bool = False


@dataclass(eq=False)
class GatewayNotConfigured(NotFound):
    """There is no gateway {name!r} here."""

    name: str


@dataclass(eq=False)
class QuoteStale(Conflict):
    """What was quoted has changed since; ask for another quote."""


@dataclass(eq=False)
class PaymentUnavailable(Unavailable):
    """No payment gateway answers at the moment; your places are kept, try again."""

    retry_after: int = 5
