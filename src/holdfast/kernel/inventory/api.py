"""What is for sale over HTTP: the layout, which never changes, and its states, one character a slot."""

import hashlib
from typing import Annotated

from fastapi import Query, Request, Response

from holdfast.kernel.audit import Actor, anyone
from holdfast.kernel.inventory import queries, schemas
from holdfast.kernel.inventory.values import STATE_LETTERS, Inventory, InventoryNotFound, Layout, SlotState
from holdfast.kit import clock
from holdfast.kit.http import Db, Found, Router, allow, cacheable, path_id

router = Router(tags=["inventories"])


async def public_inventory(request: Request, _caller: Actor) -> Inventory:
    """Anybody may watch what is or was on sale; a draft is nobody's business."""
    inventory_id = path_id(request, "inventory_id")
    async with request.app.state.database.reader() as db:
        found = await queries.find(db, inventory_id)
    if found.state == "draft":
        raise InventoryNotFound
    return found


@router.get("/inventories/{inventory_id}/layout")
@allow(anyone, find=public_inventory)
@cacheable("public, max-age=60")
async def show_layout(
    *, inventory: Annotated[Inventory, Found], request: Request, response: Response, database: Db
) -> schemas.LayoutView:
    """The places of an inventory, by version; a layout never changes, so its ETag is its id."""
    response.headers["ETag"] = tag = f'"{inventory.layout_id}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})  # type: ignore[return-value]
    async with database.reader() as db:
        layout = await queries.layout(db, inventory.layout_id)
    return schemas.LayoutView.of(layout, inventory=inventory)


@router.get("/inventories/{inventory_id}/states")
@allow(anyone, find=public_inventory)
@cacheable("no-cache")
async def show_states(
    *,
    inventory: Annotated[Inventory, Found],
    request: Request,
    response: Response,
    database: Db,
    since: Annotated[str | None, Query(max_length=40)] = None,
) -> schemas.StatesView:
    """One character a slot (f free, h held, s sold, b blocked) in the order of the layout's places.

    `since`: a position given before; where nothing changed since, `states` is null. If-None-Match is answered 304.
    """
    async with database.snapshot() as db:
        now = await clock.moment(db)
        present = await queries.find(db, inventory.id)
        layout = await queries.layout(db, present.layout_id)
        taken = await queries.slot_states(db, present.id, now=now)
        quantities = await queries.quantities_taken(db, present.id, now=now)
        capacities = await queries.capacities(db, present.id)
    states = letters(layout, taken)
    counted = [
        schemas.CountedView(
            slot=slot,
            capacity=capacities.get(slot, capacity),
            taken=quantities.get(slot, 0),
        )
        for slot, capacity in counted_slots(layout)
    ]
    digest = hashlib.sha256(f"{states}{counted}{present.state}".encode()).hexdigest()[:12]
    position = f"{present.seq}.{digest}"
    tag = f'W/"{position}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})  # type: ignore[return-value]
    response.headers["ETag"] = tag
    return schemas.StatesView(
        inventory_id=present.id,
        state=present.state,
        layout_id=present.layout_id,
        position=position,
        states=None if since == position else states,
        counted=counted,
        available=states.count(STATE_LETTERS["free"]) + sum(each.capacity - each.taken for each in counted),
        server_time=now,
    )


def letters(layout: Layout, taken: dict[int, SlotState]) -> str:
    """The states of all exclusive slots, place by place."""
    return "".join(
        STATE_LETTERS[taken.get(place.number * layout.slots_per_place + part, "free")]
        for place in layout.places
        if place.counted is None
        for part in range(layout.slots_per_place)
    )


def counted_slots(layout: Layout) -> list[tuple[int, int]]:
    """(slot, default capacity) of the counted places."""
    return [
        (place.number * layout.slots_per_place + part, place.counted)
        for place in layout.places
        if place.counted is not None
        for part in range(layout.slots_per_place)
    ]
