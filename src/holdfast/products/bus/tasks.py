"""What begins and ends its own transactions: placing a reservation, and statuses that move by themselves."""

from functools import partial

import structlog

from holdfast.kernel import holds, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Hold, OfferChanged, SlotsTaken, Wish
from holdfast.kernel.inventory import Clocks
from holdfast.kit import clock, ids
from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.idempotency import KeyReused
from holdfast.products.bus import offers, queries, reservations
from holdfast.products.bus.actions import moves
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.reservations import Asked, Buyer
from holdfast.products.bus.values import SeatNotFound

#: How often a request is priced anew because what is for sale changed, or other seats are picked since some are gone.
TRIES_MAX = 3
MOVES_AT_ONCE = 200
_NO_VERSION = 0

log = structlog.get_logger("holdfast.bus")


async def reserve(database: Database, asked: Asked, *, buyer: Buyer, actor: Actor, clocks: Clocks) -> tuple[Hold, bool]:
    """Hold the seats asked for: (the hold, whether it is the first answer again for this key).

    Raises ScheduleNotFound, SeatNotFound, PlaceOfAnother, StopUnknown, StopsReversed, NotEnoughSeats, and whatever
    `holds.place` raises.
    """
    try:
        return await _reserve(database, asked, buyer=buyer, actor=actor, clocks=clocks)
    except Error as refused:
        first = await _first_answer(database, asked, buyer=buyer, actor=actor, clocks=clocks)
        if first is None:
            raise
        log.info("reservation_replayed", hold_id=str(first.id), refused=type(refused).__name__)
        return first, True


async def move_statuses(database: Database) -> int:
    """Let what has left be in transit, and what has arrived be completed; how many steps that was."""
    async with database.reader() as db:
        due = await queries.moving(db, now=await clock.moment(db), limit=MOVES_AT_ONCE)
    steps = 0
    for schedule_id in due:
        while await database.run(partial(moves.move_on, schedule_id=schedule_id)):
            steps += 1
    return steps


async def _reserve(
    database: Database, asked: Asked, *, buyer: Buyer, actor: Actor, clocks: Clocks
) -> tuple[Hold, bool]:
    for attempt in range(1, TRIES_MAX + 1):
        async with database.reader() as db:
            wish = await _wish(db, asked, buyer=buyer)
        try:
            return await database.run(partial(_place, wish=wish, actor=actor, clocks=clocks))
        except OfferChanged:
            if attempt == TRIES_MAX:
                raise
        except SlotsTaken:
            if asked.count is None or attempt == TRIES_MAX:
                raise
    raise AssertionError


async def _place(db: Transaction, *, wish: Wish, actor: Actor, clocks: Clocks) -> tuple[Hold, bool]:
    return await holds.place(db, wish, actor=actor, clocks=clocks)


async def _wish(db: Reader, asked: Asked, *, buyer: Buyer) -> Wish:
    offer = await queries.offer(db, asked.schedule_id)
    reservations.refuse_unless_selling(offer)
    await _refuse_seats_of_nobody(db, offer, asked)
    bus_number = await queries.bus_number(db, offer.schedule.bus_id)
    part = offers.part_of(offer.schedule, asked.from_stop, asked.to_stop)
    if asked.count is None:
        return reservations.wish(
            offer, bus_number, part, reservations.named_places(offer, asked), asked=asked, buyer=buyer
        )
    free = await queries.free_over(db, offer, part, now=await clock.moment(db))
    choice = reservations.best(offer, asked, free=free)
    chosen = [place for seat in choice.seats if (place := offer.places.place(seat.place)) is not None]
    return reservations.wish(offer, bus_number, part, chosen, asked=asked, buyer=buyer, why=choice.why)


async def _refuse_seats_of_nobody(db: Reader, offer: Offer, asked: Asked) -> None:
    """An id of a seat of another schedule is 422, one of no schedule at all 404. SeatNotFound."""
    for seat_id in asked.seat_ids or ():
        unpacked = ids.unpack(seat_id)
        if unpacked is not None and unpacked[0] != offer.inventory.serial:
            try:
                await inventory.find_by_serial(db, unpacked[0])
            except inventory.InventoryNotFound:
                raise SeatNotFound from None


async def _first_answer(database: Database, asked: Asked, *, buyer: Buyer, actor: Actor, clocks: Clocks) -> Hold | None:
    """What this key was answered before, though it could not be placed any more; raises KeyReused as the kernel does.

    The kernel looks for the key before anything else, and a wish of no version can win nothing.
    """
    if buyer.key is None:
        return None
    try:
        async with database.reader() as db:
            offer = await queries.offer(db, asked.schedule_id)
            bus_number = await queries.bus_number(db, offer.schedule.bus_id)
        if not offer.schedule.stops:
            return None
        part = offers.part_of(offer.schedule, None, None)
        probe = reservations.wish(offer, bus_number, part, (), asked=asked, buyer=buyer, version=_NO_VERSION)
        hold, _ = await database.run(partial(_place, wish=probe, actor=actor, clocks=clocks))
    except KeyReused:
        raise
    except Error:
        return None
    return hold
