"""One process of a torture: clients that hold, give back, buy and cancel, and a sweeper, all through one batcher.

`python -m tests.proofs.holds.torture URL SEED SECONDS CLIENTS INVENTORY…` prints what happened as JSON.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from holdfast.kernel import checkout, holds, inventory
from holdfast.kernel.holds import Batcher, Hold, Wish
from holdfast.kernel.inventory import Clocks
from holdfast.kit import clock, logs
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from tests import builders
from tests import toy_product as toy
from tests.toy_product import Room

#: A hold of one second lasts 50 ms.
CLOCKS = Clocks(pace=20)
SHARED_SLOT = 500
SHARED_CAPACITY = 12


async def torture(url: str, *, seed: int, seconds: float, clients: int, inventory_ids: Sequence[UUID]) -> Counter[str]:
    """Everybody at it until the time is over; how often what was answered."""
    seen: Counter[str] = Counter()
    async with Database(url, pool_size=8) as database, Batcher(database, CLOCKS) as batcher:
        rooms = [await _room(database, inventory_id) for inventory_id in inventory_ids]
        until = time.monotonic() + seconds
        works = [
            _client(dice, database, batcher, rooms=rooms, until=until, seen=seen)
            for dice in (random.Random(seed * 1000 + number) for number in range(clients))
        ]
        await asyncio.gather(*works, _sweeper(database, batcher, until, seen))
    return seen


async def _client(
    dice: random.Random,
    database: Database,
    batcher: Batcher,
    *,
    rooms: Sequence[Room],
    until: float,
    seen: Counter[str],
) -> None:
    while time.monotonic() < until:
        room = dice.choice(rooms)
        try:
            hold = await _held(dice, batcher, room)
            seen["held"] += 1
            await _went_on(dice, database, batcher, hold, seen)
        except Error as refused:
            seen[type(refused).__name__] += 1


async def _held(dice: random.Random, batcher: Batcher, room: Room) -> Hold:
    actor = builders.user_actor()
    limits = replace(room.inventory.limits, hold_seconds=dice.randint(1, 4))  # 50 to 200 ms
    priced_by = replace(room.inventory, limits=limits)
    hold, _ = await batcher.place(_wish(dice, room, actor.user_id), inventory=priced_by, actor=actor)
    return hold


def _wish(dice: random.Random, room: Room, owner: UUID | None) -> Wish:
    if room.layout.places[0].counted is not None:
        return toy.wish(room, owner=owner, count=dice.randint(1, 4))
    wish = toy.wish(room, dice.sample(range(len(room.layout.places)), dice.randint(1, 3)), owner=owner)
    if dice.random() < 0.5:
        items = tuple(replace(item, counted_slots=(SHARED_SLOT,)) for item in wish.items)
        return replace(wish, items=items, capacities={SHARED_SLOT: SHARED_CAPACITY})
    return wish


async def _went_on(dice: random.Random, database: Database, batcher: Batcher, hold: Hold, seen: Counter[str]) -> None:
    """A quarter is abandoned, the rest given back, or bought and cancelled, after a while or at once."""
    fate = dice.random()
    await asyncio.sleep(dice.choice([0, 0, 0.03, 0.1]))
    actor = builders.user_actor(hold.owner_id)
    if fate < 0.25:
        return
    if fate < 0.75:
        await batcher.release(hold.inventory_id, hold.id, actor=actor)
        seen["released"] += 1
        return
    opened = await database.run(
        lambda db: checkout.open_payment(
            db, hold.id, method="wallet", gateway="sandbox", amount=None, actor=actor, clocks=CLOCKS
        )
    )
    seen["sold"] += 1
    await asyncio.sleep(dice.choice([0, 0.1]))
    await database.run(
        lambda db: checkout.cancel(db, opened.booking_id, items=None, reason=None, quote_id=None, actor=actor)
    )
    seen["cancelled"] += 1


async def _sweeper(database: Database, batcher: Batcher, until: float, seen: Counter[str]) -> None:
    while time.monotonic() < until:
        await asyncio.sleep(0.05)
        try:
            async with database.reader() as db:
                lapsed = await holds.lapsed(db, now=await clock.moment(db), limit=200)
            for swept in await asyncio.gather(*(batcher.expire(*each) for each in lapsed), return_exceptions=True):
                seen["swept" if swept is True else "nothing to sweep"] += 1
        except Error as refused:
            seen[type(refused).__name__] += 1


async def _room(database: Database, inventory_id: UUID) -> Room:
    while True:  # its connection may be ended like any other
        with contextlib.suppress(Error):
            async with database.reader() as db:
                found = await inventory.find(db, inventory_id)
                return Room(found, await inventory.layout(db, found.layout_id))


def main(words: Sequence[str]) -> None:
    logs.configure(level="ERROR")
    url, seed, seconds, clients, *inventories = words
    seen = asyncio.run(
        torture(
            url,
            seed=int(seed),
            seconds=float(seconds),
            clients=int(clients),
            inventory_ids=[UUID(each) for each in inventories],
        )
    )
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
