"""The smallest product: a meeting room, in all three shapes of inventory. The kernel is tested only with it.

`chairs`: exclusive places of one occurrence. `standing`: one counted place. `days`: one exclusive slot a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from holdfast.kernel import inventory
from holdfast.kernel.holds import Line, WantedItem, Wish
from holdfast.kernel.inventory import Inventory, Layout, Limits, Place, Step, Terms
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id

Shape = Literal["chairs", "standing", "days"]
TERMS = Terms(version=1, steps=(Step(86_400, 100), Step(7_200, 50)))
LIMITS = Limits(items_max=6, hold_seconds=900, second_hold="refuse", chain_seconds=1800)


@dataclass(frozen=True, slots=True)
class Room:
    """An inventory of the toy, with what is needed to wish for places in it."""

    inventory: Inventory
    layout: Layout


async def open_room(
    db: Transaction,
    *,
    provider_id: UUID,
    now: datetime,
    shape: Shape = "chairs",
    places: int = 10,
    price: int = 1000,
    currency: str = "EGP",
    starts_in: timedelta = timedelta(days=7),
    limits: Limits = LIMITS,
    terms: Terms = TERMS,
) -> Room:
    """A room on sale with so many places (days, standing places) at one price."""
    if shape == "standing":
        described = [Place(0, "standing", counted=places)]
    else:
        described = [Place(number, f"{'D' if shape == 'days' else 'C'}{number + 1}") for number in range(places)]
    layout = await inventory.add_layout(db, product="toy", slots_per_place=1, places=described, now=now)
    inventory_id = new_id()
    await inventory.add(
        db,
        inventory_id=inventory_id,
        product="toy",
        occurrence_id=inventory_id,
        provider_id=provider_id,
        state="on_sale",
        starts_at=now + starts_in,
        ends_at=now + starts_in + timedelta(hours=2),
        zone="Africa/Cairo",
        currency=currency,
        prices={"standard": price},
        limits=limits,
        terms=terms,
        layout=layout,
        now=now,
    )
    return Room(await inventory.find(db, inventory_id), layout)


def wish(
    room: Room,
    places: Sequence[int] = (0,),
    *,
    owner: UUID | None,
    by: UUID | None = None,
    count: int = 1,
    key: str | None = None,
    fee: int = 0,
    version: int | None = None,
    prices: Sequence[int] | None = None,
) -> Wish:
    """To hold these places; of a standing room `count` of them."""
    price = room.inventory.prices["standard"]
    if room.layout.places[0].counted is not None:
        items = tuple(WantedItem(0, "standing", counted_slots=(0,)) for _ in range(count))
    else:
        items = tuple(WantedItem(number, room.layout.places[number].label, slots=(number,)) for number in places)
    each = prices or [price] * len(items)
    lines = [Line("fare", "place", amount, item=number) for number, amount in enumerate(each)]
    if fee:
        lines.append(Line("fee", "service fee", fee))
    placed_by = by or owner
    assert placed_by is not None
    return Wish(
        inventory_id=room.inventory.id,
        version=room.inventory.version if version is None else version,
        owner_id=owner,
        placed_by=placed_by,
        channel="web",
        items=items,
        lines=tuple(lines),
        starts_at=room.inventory.starts_at,
        ends_at=room.inventory.ends_at,
        description={"title": "A room"},
        digest=f"{sorted(places)}x{count}",
        key=key,
        capacities={0: room.layout.places[0].counted or 0},
    )
