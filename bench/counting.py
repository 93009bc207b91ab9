"""Sell one counter, in a process of its own: `python -m bench.counting URL WAY CLIENTS SECONDS CAPACITY`.

WAY: `batch`, as servers hold; `plain`, a transaction a hold. No product sells what is counted over HTTP yet, so this is
the kernel alone, without the web layer: clients of one loop ask for a place each, every one somebody new. Prints JSON.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from holdfast.kernel import holds, identity, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Batcher, Line, SlotsTaken, WantedItem, Wish
from holdfast.kernel.inventory import Clocks, Inventory, Place
from holdfast.kit import clock, ids, logs
from holdfast.kit.db import Database
from holdfast.products.bus.actions.schedules import LIMITS, TERMS

CLOCKS = Clocks()
WARM_SECONDS = 0.5
_PRICE = 15_000

Hold: TypeAlias = Callable[[Wish, Actor], Awaitable[object]]


async def main(url: str, way: str, clients: int, seconds: float, capacity: int) -> dict[str, float]:
    async with Database(url, pool_size=16) as database, Batcher(database, CLOCKS) as batcher:
        sold = await _on_sale(database, capacity)

        async def batch(wish: Wish, actor: Actor) -> object:
            return await batcher.place(wish, inventory=sold, actor=actor)

        async def plain(wish: Wish, actor: Actor) -> object:
            return await database.run(lambda db: holds.place(db, wish, actor=actor, clocks=CLOCKS))

        latencies: list[float] = []
        hold: Hold = {"batch": batch, "plain": plain}[way]
        begins = time.monotonic() + WARM_SECONDS
        times = begins, begins + seconds
        works = [_client(hold, sold, capacity, times, latencies) for _ in range(clients)]
        running = asyncio.gather(*works)
        await asyncio.sleep(WARM_SECONDS)
        used = time.process_time()
        placed = sum(await running)
        used, lasted = time.process_time() - used, time.monotonic() - begins
        async with database.reader() as db:
            taken = await inventory.quantities_taken(db, sold.id, now=await clock.moment(db))
    latencies.sort()
    return {
        "rate": len(latencies) / lasted,
        "p50": 1000 * latencies[len(latencies) // 2],
        "p99": 1000 * latencies[len(latencies) * 99 // 100],
        "count": len(latencies),
        "processor": used,
        "placed": placed,
        "taken": taken.get(0, 0),
    }


async def _client(
    hold: Hold, sold: Inventory, capacity: int, times: tuple[float, float], latencies: list[float]
) -> int:
    begins, ends = times
    placed = 0
    while (began := time.monotonic()) < ends:
        person = ids.new_id()
        try:
            await hold(_wish(sold, person, capacity), Actor(kind="user", user_id=person))
        except SlotsTaken:  # sold out before the time was over
            break
        placed += 1
        if began >= begins:
            latencies.append(time.monotonic() - began)
    return placed


def _wish(sold: Inventory, person: UUID, capacity: int) -> Wish:
    return Wish(
        inventory_id=sold.id,
        version=sold.version,
        owner_id=person,
        placed_by=person,
        channel="web",
        items=(WantedItem(0, "standing", counted_slots=(0,)),),
        lines=(Line("fare", "place", _PRICE, item=0),),
        starts_at=sold.starts_at,
        ends_at=sold.ends_at,
        description={"title": "Standing"},
        digest="1",
        key=str(person),
        capacities={0: capacity},
    )


async def _on_sale(database: Database, capacity: int) -> Inventory:
    async with database.transaction() as db:
        now = await clock.moment(db)
        provider = await identity.create_provider(
            db, name=f"Counting {ids.new_id()}", currency="EGP", zone="Africa/Cairo", actor=Actor.system(), now=now
        )
        place = Place(0, "standing", counted=capacity)
        layout = await inventory.add_layout(db, product="bus", slots_per_place=1, places=[place], now=now)
        inventory_id = ids.new_id()
        await inventory.add(
            db,
            inventory_id=inventory_id,
            product="bus",
            occurrence_id=inventory_id,
            provider_id=provider.id,
            state="on_sale",
            starts_at=now + timedelta(days=7),
            ends_at=now + timedelta(days=7, hours=2),
            zone="Africa/Cairo",
            currency="EGP",
            prices={"standard": _PRICE},
            limits=LIMITS,
            terms=TERMS,
            layout=layout,
            now=now,
        )
        return await inventory.find(db, inventory_id)


if __name__ == "__main__":
    logs.configure(level="ERROR")
    _, its_url, its_way, *numbers = sys.argv
    told = asyncio.run(main(its_url, its_way, int(numbers[0]), float(numbers[1]), int(numbers[2])))
    sys.stdout.write(json.dumps(told) + "\n")
