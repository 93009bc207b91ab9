"""What is for sale: an inventory, its layout, its terms, and what a slot of it looks like from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, Self
from uuid import UUID

from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.outbox import Fact

State = Literal["draft", "on_sale", "sold_out", "closed", "cancelled", "over"]
STATES: tuple[State, ...] = ("draft", "on_sale", "sold_out", "closed", "cancelled", "over")
SELLING: frozenset[str] = frozenset({"on_sale", "sold_out"})

#: How a slot looks from outside, one character each (`/inventories/{id}/states`).
SlotState = Literal["free", "held", "sold", "blocked"]
STATE_LETTERS: Mapping[SlotState, str] = MappingProxyType({"free": "f", "held": "h", "sold": "s", "blocked": "b"})


@dataclass(frozen=True, slots=True)
class Place:
    """One place of a layout as its buyer sees it; `number` is never reused or renumbered."""

    number: int
    label: str
    tier: str = "standard"
    row: str | None = None
    column: int | None = None
    section: str | None = None
    flags: tuple[str, ...] = ()
    #: What only its product understands.
    detail: Mapping[str, Any] = field(default_factory=dict)
    #: How many may be taken at once; None for an exclusive place.
    counted: int | None = None


@dataclass(frozen=True)
class Layout:
    """The unchanging description of slots, shared by occurrences. Prices are not in it.

    `slots_per_place`: of how many slots a place consists; slot = place number x slots_per_place + part.
    `next_number`: the number that the next place ever added will get.
    """

    id: UUID
    product: str
    version: int
    slots_per_place: int
    next_number: int
    places: tuple[Place, ...]

    def place(self, number: int) -> Place | None:
        """The place of that number; None where the layout has none."""
        return self.numbered.get(number)

    def labelled(self, label: str) -> Place | None:
        """The first place of that label, whatever its case; None where the layout has none."""
        return self._labelled.get(label.casefold())

    @cached_property
    def numbered(self) -> Mapping[int, Place]:
        """The places by their numbers, in their order."""
        return {place.number: place for place in self.places}

    @cached_property
    def _labelled(self) -> Mapping[str, Place]:
        return {place.label.casefold(): place for place in reversed(self.places)}

    @property
    def capacity(self) -> int:
        """Slots, or quantities of counted ones."""
        return self.slots_per_place * sum(1 if place.counted is None else place.counted for place in self.places)


@dataclass(frozen=True, slots=True)
class Step:
    """Cancelling at least `seconds_before` the start gives back `percent` of what an item paid."""

    seconds_before: int
    percent: int


@dataclass(frozen=True, slots=True)
class Terms:
    """Cancellation terms, frozen with what was sold under them. Steps go from the earliest to the latest.

    An edge between two steps belongs to the later one, the last edge to the last step: with (24 h, 100), (2 h, 50),
    exactly 24 h and exactly 2 h before the start both give 50 % (spec, README: closed at both ends).
    `closed_within`: with less than so many seconds left nothing can be cancelled; None: always, for nothing back.
    """

    version: int
    steps: tuple[Step, ...]
    closed_within: int | None = None
    fees_refundable: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "steps": [{"seconds_before": step.seconds_before, "percent": step.percent} for step in self.steps],
            "closed_within": self.closed_within,
            "fees_refundable": self.fees_refundable,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(
            version=data["version"],
            steps=tuple(Step(step["seconds_before"], step["percent"]) for step in data["steps"]),
            closed_within=data["closed_within"],
            fees_refundable=data["fees_refundable"],
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much and how long, as the product wants it for this inventory; seconds before any pace of a demo."""

    items_max: int
    hold_seconds: int
    #: Added at the first checkout; 0: the booking inherits the hold's clock.
    pay_seconds: int = 0
    #: Added once after a failed payment; 0: never.
    retry_seconds: int = 0
    #: What a second hold of the same owner does.
    second_hold: Literal["refuse", "replace", "allow"] = "replace"
    #: How long a chain of unpaid holds may hold in all before the owner has to cool down.
    chain_seconds: int = 1800
    #: Whether it becomes sold_out with its last place; a calendar never does.
    sells_out: bool = True

    def to_json(self) -> dict[str, Any]:
        return {
            "items_max": self.items_max,
            "hold_seconds": self.hold_seconds,
            "pay_seconds": self.pay_seconds,
            "retry_seconds": self.retry_seconds,
            "second_hold": self.second_hold,
            "chain_seconds": self.chain_seconds,
            "sells_out": self.sells_out,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Clocks:
    """The kernel's own clocks. `pace` divides all of them, so that a demo shows in seconds what takes minutes."""

    pace: int = 1

    def scaled(self, seconds: int) -> timedelta:
        return timedelta(seconds=seconds) / self.pace

    @property
    def cap(self) -> timedelta:
        """No customer's clock passes this from the first claim."""
        return self.scaled(1800)

    @property
    def chain_gap(self) -> timedelta:
        return self.scaled(300)

    @property
    def too_late_to_pay(self) -> timedelta:
        return self.scaled(120)

    @property
    def gateway_ends_before(self) -> timedelta:
        return self.scaled(60)

    @property
    def sweep_every(self) -> timedelta:
        return self.scaled(30)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that can be sold for one occurrence."""

    id: UUID
    serial: int
    product: str
    occurrence_id: UUID
    provider_id: UUID
    state: State
    sale_opens_at: datetime | None
    sale_closes_at: datetime | None
    starts_at: datetime
    ends_at: datetime
    zone: str
    currency: str
    prices: Mapping[str, int]
    limits: Limits
    terms: Terms
    layout_id: UUID
    version: int
    seq: int
    capacity: int
    sold: int
    archived_at: datetime | None


@dataclass(frozen=True, slots=True)
class Glance:
    """What a list of many shows of each: whether it sells, of which version it is, how many of its places are taken."""

    state: State
    version: int
    taken: int


@dataclass(eq=False)
class InventoryNotFound(NotFound):
    """There is no such occurrence."""


@dataclass(eq=False)
class SalesClosed(Conflict):
    """Nothing is on sale here at this moment."""

    state: str


@dataclass(eq=False)
class OccurrenceCancelled(Conflict):
    """The occurrence was cancelled; whoever paid is paid back."""


@dataclass(eq=False)
class PlaceNotFound(NotFound):
    """There is no such place."""


@dataclass(eq=False)
class PlaceOfAnother(Invalid):
    """That place belongs to another occurrence."""


@dataclass(frozen=True, slots=True)
class OccurrenceWasCancelled(Fact):
    """Its provider cancelled an occurrence; each booking in it ends, and is told of, by a fact of its own."""

    inventory_id: UUID
    product: str


@dataclass(frozen=True, slots=True)
class OccurrenceMoved(Fact):
    """An occurrence starts at another moment than before."""

    inventory_id: UUID
    product: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class OccurrenceOver(Fact):
    """An occurrence has ended; it never sells again."""

    inventory_id: UUID
    product: str
