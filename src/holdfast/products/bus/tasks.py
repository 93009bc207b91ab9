"""What begins and ends its own transactions: placing a reservation, and statuses that move by themselves."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias
from uuid import UUID

import structlog
from starlette.requests import HTTPConnection

from holdfast.kernel import inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Batcher, Hold, OfferChanged, SlotsTaken, Wish
from holdfast.kernel.inventory import Place, PlaceOfAnother
from holdfast.kit import clock, ids
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.idempotency import KeyReused
from holdfast.products.bus import queries, reservations
from holdfast.products.bus.actions import moves
from holdfast.products.bus.best_places import Choice
from holdfast.products.bus.choosing import Chooser
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.reservations import Asked, Buyer
from holdfast.products.bus.shelf import Shelf, Shelved
from holdfast.products.bus.values import SeatNotFound

#: How often a request is priced anew because what is for sale changed; how often seats are picked since some are gone.
TRIES_MAX, PICKS_MAX = 3, 8
MOVES_AT_ONCE = 200
_NO_VERSION = 0
#: Choose the best seats free of an offer over a part.
Pick: TypeAlias = Callable[[Offer, Part], Awaitable[Choice]]

log = structlog.get_logger("holdfast.bus")


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a process sells: the offers at hand, and the batches that hold."""

    database: Database
    shelf: Shelf
    batcher: Batcher
    chooser: Chooser


def counter_of(connection: HTTPConnection) -> Counter:
    """The counter of this process, opened when it is first asked for."""
    state = connection.app.state
    if not hasattr(state, "bus_counter"):
        state.bus_counter = Counter(state.database, Shelf(state.database), state.batcher, Chooser(state.lookout))
    counter = state.bus_counter
    assert isinstance(counter, Counter)
    return counter


async def reserve(counter: Counter, asked: Asked, *, buyer: Buyer, actor: Actor) -> tuple[Hold, Offer, bool]:
    """Hold the seats asked for: (the hold, what it is of, whether it is the first answer again for this key).

    Raises ScheduleNotFound, SeatNotFound, PlaceOfAnother, StopUnknown, StopsReversed, NotEnoughSeats, and whatever
    `Batcher.place` raises.
    """
    is_fresh, is_again = False, False
    for attempt in range(1, (PICKS_MAX if asked.count is not None else TRIES_MAX) + 1):
        with ExitStack() as promises:
            pick = partial(counter.chooser.choose, asked=asked, promises=promises, is_again=is_again)
            try:
                shelved, wish = await _priced(counter, asked, pick, buyer=buyer, actor=actor, is_fresh=is_fresh)
                if isinstance(wish, Hold):
                    return wish, shelved.offer, True
                hold, is_replayed = await counter.batcher.place(wish, inventory=shelved.offer.inventory, actor=actor)
            except OfferChanged:
                is_fresh = True
                if attempt >= TRIES_MAX:
                    raise
            except SlotsTaken:
                is_again = True
                if asked.count is None or attempt == PICKS_MAX:
                    raise
            else:
                return hold, shelved.offer, is_replayed
    raise AssertionError


async def move_statuses(database: Database) -> int:
    """Let what has left be in transit, and what has arrived be completed; how many steps that was."""
    async with database.reader() as db:
        due = await queries.moving(db, now=await clock.moment(db), limit=MOVES_AT_ONCE)
    steps = 0
    for schedule_id in due:
        while await database.run(partial(moves.move_on, schedule_id=schedule_id)):
            steps += 1
    return steps


async def _priced(
    counter: Counter, asked: Asked, pick: Pick, *, buyer: Buyer, actor: Actor, is_fresh: bool
) -> tuple[Shelved, Wish | Hold]:
    """The wish for what is asked, or the hold that answered this key before, though it could not be wished any more.

    The kernel looks for the key before anything else; who is refused before the kernel is asked has it looked up here.
    """
    shelved, is_at_hand = await counter.shelf.offer(asked.schedule_id, is_fresh=is_fresh)
    try:
        return shelved, await _wish(counter.database, shelved, asked, pick, buyer=buyer)
    except Error as refused:
        if is_at_hand:
            return await _priced(counter, asked, pick, buyer=buyer, actor=actor, is_fresh=True)
        first = await _first_answer(counter, shelved, asked, buyer=buyer, actor=actor)
        if first is None:
            raise
        log.info("reservation_replayed", hold_id=str(first.id), refused=type(refused).__name__)
        return shelved, first


async def _wish(database: Database, shelved: Shelved, asked: Asked, pick: Pick, *, buyer: Buyer) -> Wish:
    offer = shelved.offer
    reservations.refuse_unless_selling(offer)
    if asked.count is None:
        places = [await _place_of(database, shelved, each) for each in asked.seat_ids or ()]
        places += [shelved.labelled(each) for each in asked.seat_numbers or ()]
        part, told = shelved.part(asked.from_stop, asked.to_stop)
        return reservations.wish(offer, part, told, places, asked=asked, buyer=buyer)
    part, told = shelved.part(asked.from_stop, asked.to_stop)
    reservations.refuse_bad_count(offer, asked)
    choice = await pick(offer, part)
    chosen = [shelved.numbered(seat.place) for seat in choice.seats]
    return reservations.wish(offer, part, told, chosen, asked=asked, buyer=buyer, why=choice.why)


async def _place_of(database: Database, shelved: Shelved, seat_id: UUID) -> Place:
    """A seat by its id. PlaceOfAnother (422) for one of another schedule, SeatNotFound (404) for one of none."""
    unpacked = ids.unpack(seat_id)
    if unpacked is None:
        raise SeatNotFound
    serial, number = unpacked
    if serial == shelved.offer.inventory.serial:
        return shelved.numbered(number)
    try:
        async with database.reader() as db:
            await inventory.find_by_serial(db, serial)
    except inventory.InventoryNotFound:
        raise SeatNotFound from None
    raise PlaceOfAnother


async def _first_answer(counter: Counter, shelved: Shelved, asked: Asked, *, buyer: Buyer, actor: Actor) -> Hold | None:
    """What this key was answered before; KeyReused as the kernel raises it. A wish of no version can win nothing."""
    if buyer.key is None or not shelved.offer.schedule.stops:
        return None
    part, told = shelved.part(None, None)
    probe = reservations.wish(shelved.offer, part, told, (), asked=asked, buyer=buyer, version=_NO_VERSION)
    try:
        hold, _ = await counter.batcher.place(probe, inventory=shelved.offer.inventory, actor=actor)
    except KeyReused:
        raise
    except Error:
        return None
    return hold
