"""What travels about what is for sale, and how it looks."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from holdfast.kernel.inventory import Inventory, Layout
from holdfast.kit import ids
from holdfast.kit.fields import Answer
from holdfast.kit.money import Money


class PlaceView(Answer):
    id: UUID
    number: int
    label: str
    tier: str
    row: str | None
    column: int | None
    section: str | None
    flags: list[str]
    detail: dict[str, Any]
    counted: int | None


class LayoutView(Answer):
    """`slots_per_place`: how many characters a place has in `states`."""

    inventory_id: UUID
    layout_id: UUID
    version: int
    slots_per_place: int
    currency: str
    prices: dict[str, str]
    places: list[PlaceView]

    @classmethod
    def of(cls, layout: Layout, *, inventory: Inventory) -> Self:
        return cls(
            inventory_id=inventory.id,
            layout_id=layout.id,
            version=layout.version,
            slots_per_place=layout.slots_per_place,
            currency=inventory.currency,
            prices={tier: Money(minor, inventory.currency).amount for tier, minor in inventory.prices.items()},
            places=[
                PlaceView(
                    id=ids.pack(inventory.serial, place.number),
                    number=place.number,
                    label=place.label,
                    tier=place.tier,
                    row=place.row,
                    column=place.column,
                    section=place.section,
                    flags=list(place.flags),
                    detail=dict(place.detail),
                    counted=place.counted,
                )
                for place in layout.places
            ],
        )


class CountedView(Answer):
    slot: int
    capacity: int
    taken: int


class StatesView(Answer):
    inventory_id: UUID
    state: str
    layout_id: UUID
    position: str
    states: str | None
    counted: list[CountedView]
    available: int
    server_time: datetime
