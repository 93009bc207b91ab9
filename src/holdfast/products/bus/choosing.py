"""Choose seats for many who ask at once: the best for each, and never the same for two who are asking here.

What is free comes from the inventory in memory (`realtime.Lookout`): nothing is read again but what changed. Seats
that were chosen for somebody are promised until the hold is placed or refused, so a hundred buyers of one process are
given a hundred different seats, in the order of their coming, each the best that was left. Other processes promise the
same seats to others; who lost to one of them chooses again, and for a while everybody here does, from a row of chance,
among seats that are as good but for standing further in front.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias
from uuid import UUID

from holdfast.kernel.holds import OfferChanged
from holdfast.kernel.realtime import Kept, Lookout, View
from holdfast.products.bus import rules
from holdfast.products.bus.best_places import Choice
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.reservations import Asked
from holdfast.products.bus.seat_plan import Bits, Plan
from holdfast.products.bus.values import NotEnoughSeats

#: So many seats are kept as plans, and so many parts of schedules with what is free of them: those asked for last.
SEATS_MAX = 300_000
PARTS_MAX = 256
#: How long after a collision with another process everybody here begins at a row of chance.
SPREAD_SECONDS = 2.0

_PlanKey: TypeAlias = tuple[UUID, tuple[tuple[str, int], ...]]
_PartKey: TypeAlias = tuple[UUID, int, int]


@dataclass(slots=True)
class _Followed:
    """What is free of a schedule over some legs, as its view in memory was at `seq` with these slots lapsed."""

    view: View
    plan: Plan
    legs: range
    free: Bits = field(init=False)
    seq: int = field(init=False)
    lapsed: set[int] = field(init=False)

    def __post_init__(self) -> None:
        per_place = self.plan.offer.places.slots_per_place
        spots = (rules.place_and_leg(slot, legs_total=per_place) for slot in self.view.states())
        taken = {place for place, leg in spots if leg in self.legs}
        self.free = self.plan.bits(place for place in self.plan.spots if place not in taken)
        self._is_of_now()

    def bring_on(self) -> bool:
        """As the view is now; False where too much changed to tell what."""
        changed = self.view.changed_since(self.seq)
        if changed is None:
            return False
        per_place = self.plan.offer.places.slots_per_place
        for place in changed.union(slot // per_place for slot in self.view.lapsed_unswept - self.lapsed):
            index, bit = self.plan.spots[place]
            if self.view.is_free(rules.slots_of(place, legs=self.legs, legs_total=per_place)):
                self.free[index] |= bit
            else:
                self.free[index] &= ~bit
        self._is_of_now()
        return True

    def _is_of_now(self) -> None:
        self.seq, self.lapsed = self.view.seq, set(self.view.lapsed_unswept)


class Chooser:
    """One a process."""

    def __init__(self, lookout: Lookout, *, spread_seconds: float = SPREAD_SECONDS) -> None:
        self._lookout, self._spread_seconds = lookout, spread_seconds
        self._plans: OrderedDict[_PlanKey, Plan] = OrderedDict()
        self._seats = 0
        self._followed: OrderedDict[_PartKey, _Followed] = OrderedDict()
        #: By schedule, the slots that were chosen for somebody whose hold is not settled yet.
        self._promised: dict[UUID, set[int]] = {}
        #: What those who look at this moment will leave alone.
        self._waiting: dict[UUID, list[set[int]]] = {}
        #: By schedule, until when, and in which row, one begins after a collision.
        self._spread: OrderedDict[UUID, tuple[float, float]] = OrderedDict()

    async def choose(
        self, offer: Offer, part: Part, *, asked: Asked, promises: ExitStack, is_again: bool = False
    ) -> Choice:
        """The best seats free at this moment, promised until `promises` is closed.

        `is_again`: those chosen before were gone. OfferChanged where this offer is not sold any more; NotEnoughSeats.
        """
        assert asked.count is not None
        promised = set(self._promised.get(offer.schedule.id, ()))
        kept = await self._looked(offer.schedule.id, promised)
        if kept.view.layout.id != offer.places.id:
            raise OfferChanged
        # From here to the promise nobody else gets his turn.
        followed = self._free_of(offer, part, kept.view)
        plan, wanted = (
            followed.plan,
            partial(followed.plan.choose, count=asked.count, preference=asked.preference, asked=asked.flags),
        )
        start = self._start(offer.schedule.id, rows=len(plan.rows), is_again=is_again)
        try:
            choice = wanted(_without(followed, promised), start=start)
        except NotEnoughSeats:
            if not promised:
                raise
            choice = wanted(followed.free, start=start)  # some of what is promised may be refused to whom it is
        self._promise(offer, part, choice, promises)
        return choice

    async def _looked(self, schedule_id: UUID, promised: set[int]) -> Kept:
        """The schedule as it is; meanwhile `promised` gets what is promised to others.

        Their holds may be settled before we go on, and yet after the look was made.
        """
        waiting = self._waiting.setdefault(schedule_id, [])
        waiting.append(promised)
        try:
            return await self._lookout.look(schedule_id)
        finally:
            waiting[:] = [each for each in waiting if each is not promised]
            if not waiting:
                self._waiting.pop(schedule_id, None)

    def _free_of(self, offer: Offer, part: Part, view: View) -> _Followed:
        key = offer.schedule.id, part.legs.start, part.legs.stop
        plan = self._plan(offer)
        followed = self._followed.pop(key, None)
        if followed is None or followed.view is not view or followed.plan is not plan or not followed.bring_on():
            followed = _Followed(view, plan, part.legs)
        self._followed[key] = followed
        if len(self._followed) > PARTS_MAX:
            self._followed.popitem(last=False)
        return followed

    def _plan(self, offer: Offer) -> Plan:
        key = offer.places.id, tuple(sorted(offer.inventory.prices.items()))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = Plan(offer)
            self._seats += plan.size
        self._plans.move_to_end(key)
        while self._seats > SEATS_MAX and len(self._plans) > 1:
            self._seats -= self._plans.popitem(last=False)[1].size
        return plan

    def _start(self, schedule_id: UUID, *, rows: int, is_again: bool) -> int:
        """In front, unless others choose from the same seats at this moment."""
        now = time.monotonic()
        if is_again:
            self._spread[schedule_id] = now + self._spread_seconds, random.random()  # noqa: S311 - a row, not a secret
            if len(self._spread) > PARTS_MAX:
                self._spread.popitem(last=False)
        until, where = self._spread.get(schedule_id, (0.0, 0.0))
        return int(where * rows) if now < until else 0

    def _promise(self, offer: Offer, part: Part, choice: Choice, promises: ExitStack) -> None:
        legs_total = offer.places.slots_per_place
        slots = {
            slot for seat in choice.seats for slot in rules.slots_of(seat.place, legs=part.legs, legs_total=legs_total)
        }
        promised = self._promised.setdefault(offer.schedule.id, set())
        new = slots - promised  # what is promised to two is kept by the first
        if new:
            promised |= new
            promises.callback(self._give_back, offer.schedule.id, new)
            for waiting in self._waiting.get(offer.schedule.id, ()):
                waiting.update(new)

    def _give_back(self, schedule_id: UUID, slots: Iterable[int]) -> None:
        promised = self._promised[schedule_id]
        promised.difference_update(slots)
        if not promised:
            del self._promised[schedule_id]


def _without(followed: _Followed, promised: Iterable[int]) -> Bits:
    free, per_place = list(followed.free), followed.plan.offer.places.slots_per_place
    for slot in promised:
        place, leg = rules.place_and_leg(slot, legs_total=per_place)
        spot = followed.plan.spots.get(place)
        if leg in followed.legs and spot is not None:
            free[spot[0]] &= ~spot[1]
    return free
