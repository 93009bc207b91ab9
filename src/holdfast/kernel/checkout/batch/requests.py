"""What may ride in a batch of the till."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Hold
from holdfast.kernel.inventory import Clocks, Layout
from holdfast.kernel.payments import CheckoutSession, GatewayPayment, Method, Notice, Payment
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money


@dataclass(frozen=True, slots=True)
class Hear:
    """A verified notice is to be kept. `body`: as it is stored, JSON."""

    gateway: str
    notice: Notice
    body: str
    id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Heard:
    """It is kept, under the id of the first that told it. `payment`: what it names, as it was a moment ago."""

    event_id: UUID
    is_processed: bool
    payment: Payment | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """The notice that made us ask: finished with what comes of it. `body`: what of it may stay, JSON."""

    event_id: UUID
    body: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """A gateway says that money came. `payment`: as it was before; `layout`: as it was, where that may matter."""

    payment: Payment
    state: GatewayPayment
    told: Told | None = None
    layout: Layout | None = None

    @property
    def inventory_id(self) -> UUID:
        return self.payment.inventory_id


@dataclass(frozen=True, slots=True)
class Open:
    """Somebody goes to the till with a hold. `hold`: as it was a moment ago; `amount` is only compared."""

    hold: Hold
    method: Method
    gateway: str
    amount: Money | None
    actor: Actor
    clocks: Clocks
    booking_id: UUID = field(default_factory=new_id)
    payment_id: UUID = field(default_factory=new_id)

    @property
    def inventory_id(self) -> UUID:
        return self.hold.inventory_id


@dataclass(frozen=True, slots=True)
class Enter:
    """The gateway opened a checkout for a payment: where its customer pays is written down."""

    payment: Payment
    session: CheckoutSession
