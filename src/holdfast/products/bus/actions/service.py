"""Take the schedules of a route or a bus off sale, and put them back."""

from datetime import datetime
from uuid import UUID

from holdfast.kernel import inventory
from holdfast.kernel.audit import Actor, record
from holdfast.kernel.inventory import SELLING
from holdfast.kit.db import Transaction
from holdfast.products.bus import queries
from holdfast.products.bus.values import BusInUse, RouteInUse


async def follow(
    db: Transaction,
    *,
    is_active: bool,
    actor: Actor,
    now: datetime,
    route_id: UUID | None = None,
    bus_id: UUID | None = None,
) -> None:
    """What is still to run opens or closes with its route or bus. RouteInUse, BusInUse where some of it is sold.

    Under the turn of each schedule, in sorted order, so that no sale slips past the closing.
    """
    sold = 0
    for schedule_id in await queries.future_schedules(db, now=now, route_id=route_id, bus_id=bus_id):
        async with inventory.turn(db, schedule_id) as taken:
            state = taken.inventory.state
            if not is_active and await inventory.has_live_claims(taken):
                sold += 1
            elif not is_active and state in SELLING:
                inventory.set_state(taken, "closed")
            elif is_active and state == "closed" and await _may_open(db, schedule_id, route_id=route_id):
                inventory.set_state(taken, "on_sale")
            else:
                continue
            if taken.inventory.state != state:
                await record(
                    db,
                    actor=actor,
                    action="sale_opened" if is_active else "sale_closed",
                    entity_type="bus_schedule",
                    entity_id=schedule_id,
                    provider_id=taken.inventory.provider_id,
                    before={"state": state},
                    after={"state": taken.inventory.state},
                    now=taken.now,
                )
    if sold and route_id is not None:
        raise RouteInUse(sold)
    if sold:
        raise BusInUse(sold)


async def _may_open(db: Transaction, schedule_id: UUID, *, route_id: UUID | None) -> bool:
    """Whether the other of the two, bus or route, is in service as well."""
    found = (await queries.occurrences(db, [schedule_id]))[schedule_id]
    return found.bus.is_active if route_id is not None else found.route.is_active
