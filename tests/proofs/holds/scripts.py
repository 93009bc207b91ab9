"""Random scripts, played on both ways at once: a transaction a hold in one room, batches in its twin.

After every step both rooms must look the same and have answered the same. What rides together in the batch comes one
after the other, in the same order, on the plain way.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import checkout, holds, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Hold, HoldNotFound, SlotsTaken, Wish
from holdfast.kernel.inventory import Clocks, Limits, turn
from holdfast.kernel.inventory.models import inventories
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from tests import builders
from tests import toy_product as toy
from tests.builders import Time
from tests.toy_product import Room

CLOCKS = Clocks()
PLACES = 5
IN_ALL = 3  # of a room whose chairs count against a total
_SHARED_SLOT = 500
_OWNERS = 4
_GROUP_MAX = 6

Way: TypeAlias = Literal["plain", "batched"]
Shape: TypeAlias = Literal["chairs", "standing", "mixed"]


@dataclass(frozen=True, slots=True)
class Place:
    """`owner` None: staff, for somebody without an account."""

    owner: int | None
    places: tuple[int, ...]
    count: int
    key: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Of:
    """Something that is done to the hold of an earlier step."""

    verb: Literal["release", "expire", "sell"]
    hold: int


@dataclass(frozen=True, slots=True)
class Forward:
    seconds: int


@dataclass(frozen=True, slots=True)
class Close:
    """The occurrence is cancelled, or its sale closed and opened again."""

    state: Literal["cancelled", "closed", "on_sale"]


Step: TypeAlias = tuple[Place | Of, ...] | Forward | Close


@dataclass(frozen=True, slots=True)
class Script:
    seed: int
    shape: Shape
    limits: Limits
    steps: tuple[Step, ...]


def script(seed: int) -> Script:
    """The script of that number; always the same."""
    dice = random.Random(seed)
    limits = Limits(
        items_max=3,
        hold_seconds=300,
        second_hold=dice.choice(["refuse", "replace", "allow"]),
        chain_seconds=dice.choice([600, 1800]),
    )
    steps: list[Step] = []
    placed = 0
    for _ in range(dice.randint(3, 8)):
        kind = dice.random()
        if kind < 0.15:
            steps.append(Forward(dice.choice([60, 299, 300, 301, 600])))
        elif kind < 0.2:
            steps.append(Close(dice.choice(["cancelled", "closed", "on_sale", "on_sale"])))
        elif kind < 0.3 and placed:
            steps.append((Of("sell", dice.randrange(placed)),))
        else:
            group: list[Place | Of] = []
            known = placed
            for _ in range(dice.randint(1, _GROUP_MAX)):
                if known and dice.random() < 0.25:
                    group.append(Of(dice.choice(["release", "expire"]), dice.randrange(known)))
                    continue
                group.append(_place(dice))
                placed += 1
            steps.append(tuple(group))
    return Script(seed, dice.choice(["chairs", "standing", "mixed"]), limits, tuple(steps))


def _place(dice: random.Random) -> Place:
    return Place(
        owner=dice.choice([None, *range(_OWNERS)]),
        places=tuple(dice.sample(range(PLACES), dice.randint(1, 3))),
        count=dice.randint(1, 3),
        key=dice.choice([None, "one", "two"]),
        digest=dice.choice(["same", "same", "other"]),
    )


@dataclass(slots=True)
class Stage:
    """One room of the pair, its people, and the holds of each `Place` so far."""

    way: Way
    shape: Shape
    database: Database
    room: Room
    batcher: holds.Batcher
    people: list[Actor] = field(default_factory=lambda: [builders.user_actor() for _ in range(_OWNERS + 1)])
    placed: list[Hold | None] = field(default_factory=list)

    async def play(self, group: Sequence[Place | Of]) -> list[object]:
        """What each was answered, without what differs between twins."""
        numbers = []
        for action in group:
            if isinstance(action, Place):
                numbers.append(len(self.placed))
                self.placed.append(None)
            else:
                numbers.append(action.hold)
        works = [self._played(action, number) for action, number in zip(group, numbers, strict=True)]
        if self.way == "batched":
            return list(await asyncio.gather(*works))
        return [await work for work in works]

    async def looks(self) -> object:
        """All that can be seen of the room and of what was held in it."""
        async with self.database.reader() as db:
            now = await clock.moment(db)
            found = await inventory.find(db, self.room.inventory.id)
            slots = await inventory.slot_states(db, found.id, now=now)
            quantities = await inventory.quantities_taken(db, found.id, now=now)
            there = await holds.find_many(db, [hold.id for hold in self.placed if hold is not None])
        kept = [None if hold is None else _described(there[hold.id]) for hold in self.placed]
        return found.state, found.sold, slots, quantities, kept

    async def _played(self, action: Place | Of, number: int) -> object:
        try:
            if isinstance(action, Place):
                hold, is_replayed = await self._place(action)
                self.placed[number] = hold
                if is_replayed:  # told as it is by then, when others of the group have been answered
                    return "replayed", hold.first_claimed_at, [item.label for item in hold.items]
                return "held", _described(hold)
            return await self._do(action)
        except SlotsTaken as refused:
            return "SlotsTaken", refused.labels
        except Error as refused:
            return type(refused).__name__, getattr(refused, "retry_after", None)

    async def _place(self, action: Place) -> tuple[Hold, bool]:
        actor = self.people[-1 if action.owner is None else action.owner]
        wish = self._wish(action, actor)
        if self.way == "plain":
            return await builders.place_plain(self.database, self.room, wish, actor=actor)
        return await self.batcher.place(wish, inventory=self.room.inventory, actor=actor)

    def _wish(self, action: Place, actor: Actor) -> Wish:
        owner = None if action.owner is None else actor.user_id
        wish = toy.wish(self.room, action.places, owner=owner, by=actor.user_id, count=action.count, key=action.key)
        if self.shape == "mixed":
            items = tuple(replace(item, counted_slots=(_SHARED_SLOT,)) for item in wish.items)
            wish = replace(wish, items=items, capacities={_SHARED_SLOT: IN_ALL})
        return replace(wish, digest=action.digest)

    async def _do(self, action: Of) -> object:
        hold = self.placed[action.hold]
        if hold is None:
            raise HoldNotFound
        if action.verb == "sell":
            payment = await builders.pending(self.database, hold)
            return await builders.settle(self.database, payment)
        if action.verb == "expire":
            if self.way == "batched":
                return await self.batcher.expire(hold.inventory_id, hold.id)
            async with self.database.transaction() as db, turn(db, hold.inventory_id) as taken:
                return await holds.expire(taken, await holds.find(db, hold.id))
        actor = builders.user_actor(hold.owner_id)
        if self.way == "batched" and await self.batcher.release(hold.inventory_id, hold.id, actor=actor):
            return True
        await self.database.run(lambda db: checkout.release(db, hold.id, actor=actor))
        return True


def _described(hold: Hold) -> object:
    labels = [(item.label, item.amount, item.state) for item in hold.items]
    return hold.state, hold.first_claimed_at, hold.expires_at, hold.ended_at, hold.total, labels


@dataclass(slots=True)
class Difference(Exception):
    """The two ways parted."""

    script: Script
    step: int
    plain: object
    batched: object

    def __str__(self) -> str:
        return (
            f"script {self.script.seed}, step {self.step}:\nplain   {self.plain}\nbatched {self.batched}\n{self.script}"
        )


async def play(database: Database, batcher: holds.Batcher, time: Time, provider_id: UUID, seed: int) -> int:
    """Play the script of that number on both ways; how many requests. Raises Difference."""
    played = script(seed)
    rooms = [
        await builders.room(
            database,
            provider_id=provider_id,
            shape="standing" if played.shape == "standing" else "chairs",
            places=PLACES,
            limits=played.limits,
        )
        for _ in range(2)
    ]
    if played.shape == "mixed":  # places that count against a total are sold twice, so to say
        async with database.transaction() as db:
            twice = sa.update(inventories).where(inventories.c.id.in_([room.inventory.id for room in rooms]))
            await db.execute(twice.values(capacity=2 * PLACES))
    plain = Stage("plain", played.shape, database, rooms[0], batcher)
    batched = Stage("batched", played.shape, database, rooms[1], batcher)
    for number, step in enumerate(played.steps):
        if isinstance(step, Forward):
            await time.forward(seconds=step.seconds)
            continue
        if isinstance(step, Close):
            for stage in (plain, batched):
                await builders.set_state(database, stage.room, step.state)
            continue
        one, other = await plain.play(step), await batched.play(step)
        if one != other:
            raise Difference(played, number, one, other)
        seen, also_seen = await plain.looks(), await batched.looks()
        if seen != also_seen:
            raise Difference(played, number, seen, also_seen)
    return sum(len(step) for step in played.steps if isinstance(step, tuple))
