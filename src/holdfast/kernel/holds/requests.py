"""What may ride in a batch, and what each is answered."""

from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from holdfast.kernel.audit import Actor
from holdfast.kernel.holds.values import Hold, Wish
from holdfast.kernel.inventory import Inventory
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody wishes to hold. `inventory`: what the wish was priced by; `hold_id`: the same however often tried."""

    wish: Wish
    inventory: Inventory
    actor: Actor
    hold_id: UUID = field(default_factory=new_id)

    @property
    def inventory_id(self) -> UUID:
        return self.wish.inventory_id

    @property
    def key(self) -> str:
        return self.wish.key if self.wish.key is not None else str(self.hold_id)


@dataclass(frozen=True, slots=True)
class Release:
    """Somebody gives up a hold that is not being paid."""

    inventory_id: UUID
    hold_id: UUID
    actor: Actor
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Expire:
    """A hold's moment has passed, and it is to be tidied up."""

    inventory_id: UUID
    hold_id: UUID


Request: TypeAlias = Place | Release | Expire


@dataclass(frozen=True, slots=True)
class Replayed:
    """The key was used before for the same: that hold is the answer."""

    hold_id: UUID


@dataclass(frozen=True, slots=True)
class InBooking:
    """The hold has a pending booking: releasing it is the checkout's."""


#: Place: the hold or Replayed. Release: True. Expire: whether it was so. Any: a refusal.
Outcome: TypeAlias = Hold | Replayed | InBooking | bool | Error
