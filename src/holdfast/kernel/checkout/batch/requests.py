"""What may ride in a batch of the till."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from holdfast.kernel.inventory import Layout
from holdfast.kernel.payments import GatewayPayment, Notice, Payment
from holdfast.kit.ids import new_id


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
