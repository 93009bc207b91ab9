"""Random scripts, played on both ways at once: a transaction a hold in one room, batches in its twin.

After every step both rooms must look the same and have answered the same. What rides together in the batch comes one
after the other, in the same order, on the plain way.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import bookings, checkout, holds, inventory, ledger, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import TillBatch
from holdfast.kernel.holds import Hold, HoldNotFound, SlotsTaken, Wish
from holdfast.kernel.inventory import Clocks, Limits, turn
from holdfast.kernel.inventory.models import inventories
from holdfast.kernel.payments import GatewayPayment, Payment
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.money import Money
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

    verb: Literal["release", "expire", "sell", "book"]
    hold: int


@dataclass(frozen=True, slots=True)
class Forward:
    seconds: int


@dataclass(frozen=True, slots=True)
class Close:
    """The occurrence is cancelled, or its sale closed and opened again."""

    state: Literal["cancelled", "closed", "on_sale"]


@dataclass(frozen=True, slots=True)
class Pay:
    """Money comes for these holds at the same moment; of what was never taken to the till, nothing comes."""

    holds: tuple[int, ...]
    #: of the sum; anything but 1 is another amount than was asked for
    share: int = 1


Step: TypeAlias = tuple[Place | Of, ...] | Forward | Close | Pay


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
    for _ in range(dice.randint(3, 10)):
        kind = dice.random()
        if kind < 0.15:
            steps.append(Forward(dice.choice([60, 299, 300, 301, 600])))
        elif kind < 0.2:
            steps.append(Close(dice.choice(["cancelled", "closed", "on_sale", "on_sale"])))
        elif kind < 0.3 and placed:
            steps.append((Of("sell", dice.randrange(placed)),))
        elif kind < 0.4 and placed:
            steps.append((Of("release" if dice.random() < 0.25 else "book", dice.randrange(placed)),))
        elif kind < 0.5 and placed:
            many = min(placed, dice.randint(1, _GROUP_MAX))
            steps.append(Pay(tuple(dice.sample(range(placed), many)), share=dice.choice([1, 1, 1, 2])))
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
    till: TillBatch
    people: list[Actor] = field(default_factory=lambda: [builders.user_actor() for _ in range(_OWNERS + 1)])
    placed: list[Hold | None] = field(default_factory=list)

    async def play(self, group: Sequence[Place | Of]) -> list[object]:
        """What each was answered, without what differs between twins."""
        numbers = []
        if len(group) > 1:
            group = [await self._within_the_batch(action) for action in group]
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

    async def _within_the_batch(self, action: Place | Of) -> Place | Of:
        """What is being paid is released by a transaction of its own, after the batch: not in the midst of a group."""
        if not isinstance(action, Of) or action.verb != "release":
            return action
        hold = self.placed[action.hold]
        if hold is None or (await builders.hold_of(self.database, hold)).state != "converted":
            return action
        return Of("expire", action.hold)

    async def pay(self, numbers: Sequence[int], *, share: int) -> tuple[list[int], list[object]]:
        """Money comes; on the batched way at once. (in which order it was used, what became of each in that order).

        What rides in the batch is decided first, in the order of arrival; the rest takes the plain path after it.
        """
        known = [(number, await self._payment_of(number)) for number in numbers]
        due = [(number, payment) for number, payment in known if payment is not None]
        told = {number: self._told(payment, share) for number, payment in due}
        rode: dict[int, object] = {}
        if self.way == "batched":
            now = await self.till.now()
            works = [self.till.confirm(payment, told[number], now=now) for number, payment in due]
            came = await asyncio.gather(*works)
            rode = {number: outcome for (number, _), outcome in zip(due, came, strict=True) if outcome is not None}
        for number, payment in due:
            if number not in rode:
                settling = partial(checkout.settle, payment_id=payment.id, state=told[number], clocks=CLOCKS)
                rode[number] = await self.database.run(settling)
        return list(rode), list(rode.values())

    def _told(self, payment: Payment, share: int) -> GatewayPayment:
        return builders.told(
            payment, captured=Money(payment.amount * share, payment.currency), fee=payment.amount // 50
        )

    async def _payment_of(self, number: int) -> Payment | None:
        """The newest of that hold, open or not: what comes twice is told twice."""
        hold = self.placed[number]
        async with self.database.reader() as db:
            booking = None if hold is None else await bookings.of_hold(db, hold.id)
            if booking is None:
                return None
            theirs = (await payments.of_bookings(db, [booking.id]))[booking.id]
        return theirs[-1] if theirs else None

    async def looks(self) -> object:
        """All that can be seen of the room and of what was held in it."""
        async with self.database.reader() as db:
            now = await clock.moment(db)
            found = await inventory.find(db, self.room.inventory.id)
            slots = await inventory.slot_states(db, found.id, now=now)
            quantities = await inventory.quantities_taken(db, found.id, now=now)
            there = await holds.find_many(db, [hold.id for hold in self.placed if hold is not None])
        kept = [None if hold is None else _described(there[hold.id]) for hold in self.placed]
        return found.state, found.sold, slots, quantities, kept, await self._sold()

    async def _sold(self) -> list[object]:
        """What became of each hold's booking and its money: payments, refunds, tickets, ledger, log, facts."""
        seen: list[object] = []
        async with self.database.reader() as db:
            for hold in self.placed:
                booking = None if hold is None else await bookings.of_hold(db, hold.id)
                if booking is None:
                    seen.append(None)
                    continue
                (view,) = await checkout.views_of(db, [booking])
                seen.append(
                    (
                        (booking.state, booking.refund_state, booking.confirmed_at, booking.ended_at),
                        [(each.item_number, each.place, each.label, each.state) for each in view.tickets],
                        [
                            (each.status, each.captured, each.gateway_fee, each.refund_reserved)
                            for each in view.payments
                        ],
                        [(each.amount, each.why, each.status) for each in view.refunds],
                        [await ledger.posted(db, cause_kind="payment", cause_id=each.id) for each in view.payments],
                        [
                            await payments.allocated(db, inventory_id=each.inventory_id, booking_id=each.id) != []
                            for each in (booking,)
                        ],
                    )
                )
                logged = await builders.told_of(self.database, entity_id=booking.id)
                seen.append(logged.actions)
                seen += [(await builders.told_of(self.database, entity_id=each.id)).actions for each in view.payments]
        seen.append((await builders.told_of(self.database, inventory_id=self.room.inventory.id)).facts)
        return seen

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
        if action.verb == "book":
            return (await builders.pending(self.database, hold)).status
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


async def play(
    database: Database, batcher: holds.Batcher, till: TillBatch, time: Time, *, provider_id: UUID, seed: int
) -> int:
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
    plain = Stage("plain", played.shape, database, rooms[0], batcher, till)
    batched = Stage("batched", played.shape, database, rooms[1], batcher, till)
    for number, step in enumerate(played.steps):
        if isinstance(step, Forward):
            await time.forward(seconds=step.seconds)
            continue
        if isinstance(step, Close):
            for stage in (plain, batched):
                await builders.set_state(database, stage.room, step.state)
            continue
        one: object
        other: object
        if isinstance(step, Pay):  # what rides is decided before what does not: the plain way follows that order
            order, other = await batched.pay(step.holds, share=step.share)
            _, one = await plain.pay(order, share=step.share)
        else:
            one, other = await plain.play(step), await batched.play(step)
        if one != other:
            raise Difference(played, number, one, other)
        seen, also_seen = await plain.looks(), await batched.looks()
        if seen != also_seen:
            raise Difference(played, number, seen, also_seen)
    groups = [step.holds if isinstance(step, Pay) else step for step in played.steps if isinstance(step, (tuple, Pay))]
    return sum(len(group) for group in groups)
