"""A hold: temporary claims on one inventory, all or nothing, until a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from holdfast.kernel.inventory import Terms
from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.outbox import Fact

State = Literal["active", "converted", "expired", "cancelled"]
STATES: tuple[State, ...] = ("active", "converted", "expired", "cancelled")
Channel = Literal["web", "app", "door", "counter", "partner"]
CHANNELS: tuple[Channel, ...] = ("web", "app", "door", "counter", "partner")
LineKind = Literal["fare", "modifier", "fee", "tax", "discount"]
LINE_KINDS: tuple[LineKind, ...] = ("fare", "modifier", "fee", "tax", "discount")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a price, in minor units. `item` None: of the booking as a whole, and of no item."""

    kind: LineKind
    label: str
    amount: int
    item: int | None = None
    tax_bps: int = 0
    #: The tax is inside `amount` of the other lines already: shown, not added.
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class WantedItem:
    """One place as its buyer sees it, and what it covers: exclusive slots, and one each of counted slots."""

    place: int
    label: str
    slots: tuple[int, ...] = ()
    counted_slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """All that the kernel needs to hold, sell, cancel and refund later without asking the product again.

    `version`: the inventory's version by which the product priced; `digest`: of what the client asked for, so that a
    key used again for something else is noticed; `capacities`: what counted slots offer while no counter says so.
    """

    inventory_id: UUID
    version: int
    owner_id: UUID | None
    placed_by: UUID
    channel: Channel
    items: tuple[WantedItem, ...]
    lines: tuple[Line, ...]
    starts_at: datetime
    ends_at: datetime
    description: Mapping[str, Any]
    digest: str
    key: str | None = None
    capacities: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One place held or sold. `amount`: what it costs, its own lines summed."""

    number: int
    place: int
    label: str
    slots: tuple[int, ...]
    counted_slots: tuple[int, ...]
    amount: int
    state: Literal["kept", "cancelled"]


@dataclass(frozen=True, slots=True)
class Hold:
    """What stands, with its items and price lines."""

    id: UUID
    inventory_id: UUID
    product: str
    provider_id: UUID
    owner_id: UUID | None
    placed_by: UUID
    channel: Channel
    state: State
    first_claimed_at: datetime
    placed_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    sold_starts_at: datetime
    zone: str
    terms: Terms
    description: Mapping[str, Any]
    currency: str
    total: int
    items: tuple[Item, ...]
    lines: tuple[Line, ...]

    @property
    def kept(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.state == "kept")


@dataclass(eq=False)
class HoldNotFound(NotFound):
    """There is no such hold."""


@dataclass(eq=False)
class SlotsTaken(Conflict):
    """These places are no longer free: {labels}."""

    labels: list[str]
    places: list[UUID]


@dataclass(eq=False)
class TooManyItems(Invalid):
    """At most {items_max} places can be taken at once."""

    items_max: int


@dataclass(eq=False)
class NoItems(Invalid):
    """Name at least one place."""


@dataclass(eq=False)
class SamePlaceTwice(Invalid):
    """A place was named twice."""


@dataclass(eq=False)
class AlreadyHolding(Conflict):
    """You hold places here already; pay for them or release them first."""

    hold_id: UUID
    expires_at: datetime


@dataclass(eq=False)
class CoolingDown(Conflict):
    """You held places here for as long as anybody may without paying; try again in a few minutes."""

    retry_after: int


@dataclass(eq=False)
class OfferChanged(Conflict):
    """What is for sale here changed a moment ago; look again."""


@dataclass(eq=False)
class HoldExpired(Conflict):
    """The time to pay is over; the places are free for others again."""


@dataclass(eq=False)
class HoldEnded(Conflict):
    """This hold was released already."""


@dataclass(frozen=True, slots=True)
class HoldPlaced(Fact):
    """Places are kept for somebody until a moment."""

    hold_id: UUID
    inventory_id: UUID
    product: str
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class HoldLapsed(Fact):
    """The time of a hold was over and nothing was paid; told once it is tidied up, the places were free before."""

    hold_id: UUID
    inventory_id: UUID
    product: str
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class HoldReleased(Fact):
    """A hold was given up, by its owner or by staff, before its time was over."""

    hold_id: UUID
    inventory_id: UUID
    product: str
    user_id: UUID | None
