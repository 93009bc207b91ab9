"""Change single seats of one schedule: each change is a next version of its layout, for this schedule alone."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit, inventory
from holdfast.kernel.audit import Actor
from holdfast.kernel.inventory import Layout as Places
from holdfast.kernel.inventory import Place, Turn
from holdfast.kit.db import Transaction
from holdfast.kit.money import Money
from holdfast.kit.versions import check_version
from holdfast.kit.words import Phrase, mark
from holdfast.products.bus import access, offers, queries
from holdfast.products.bus.actions import moves
from holdfast.products.bus.models import bus_schedules
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.records import Schedule
from holdfast.products.bus.schemas import NewSeat, SeatChange
from holdfast.products.bus.values import (
    SEATS_MAX,
    LayoutInvalid,
    ScheduleEnded,
    Seat,
    SeatClaimed,
    SeatNotFound,
    SeatNumberTaken,
    SeatPosition,
    SeatsNotGenerated,
)


async def add(db: Transaction, new: NewSeat, *, actor: Actor) -> int:
    """One seat more; its place. It stands behind the last row where nothing else is said.

    Raises ScheduleNotFound, ScheduleEnded, SeatsNotGenerated, SeatNumberTaken, LayoutInvalid, MalformedAmount.
    """
    schedule = await _editable(db, new.schedule_id, actor=actor)
    async with inventory.turn(db, schedule.id) as taken:
        old = await inventory.layout(db, taken.inventory.layout_id)
        if len(old.places) >= SEATS_MAX:
            raise LayoutInvalid("", Phrase("at most {seats_max} seats are possible", seats_max=SEATS_MAX))
        deck = new.deck or 0
        row = new.row or max((int(place.row or 0) for place in old.places if place.detail["deck"] == deck), default=0)
        row += new.row is None
        column = new.column or 1
        seat = Seat(
            place=old.next_number,
            number=new.seat_number,
            type=new.seat_type or "standard",
            modifier=new.price_modifier or Decimal(0),
            position=new.position or _position(schedule, deck, column),
            deck=deck,
            row=row,
            column=column,
            flags=frozenset(new.flags or ()),
        )
        place = _place(schedule, seat)
        await _use(taken, schedule, old, [*old.places, place])
    await _bump(db, schedule, seat.number, actor=actor, action="seat_added", taken=taken)
    return place.number


async def change(db: Transaction, seat_id: UUID, wanted: SeatChange, *, expected: int | None, actor: Actor) -> None:
    """Change a seat. Raises as `add`; SeatNotFound, VersionStale, SeatClaimed (its number or price, while taken)."""
    offer, place = await queries.seat(db, seat_id)
    schedule = await _editable(db, offer.schedule.id, actor=actor)
    check_version(expected, schedule.version)
    async with inventory.turn(db, schedule.id) as taken:
        old = await inventory.layout(db, taken.inventory.layout_id)
        before = old.place(place.number)
        if before is None:
            raise SeatNotFound
        after = _place(schedule, _changed(replace(offer, inventory=taken.inventory, places=old), before, wanted))
        prices = offers.prices_of([before, after], currency=schedule.currency)
        if (before.label, prices[before.tier]) != (after.label, prices[after.tier]):
            await _refuse_claimed(taken, old, before)
        await _use(taken, schedule, old, [after if each.number == after.number else each for each in old.places])
    await _bump(db, schedule, after.label, actor=actor, action="seat_changed", taken=taken)


async def remove(db: Transaction, seat_id: UUID, *, expected: int | None, actor: Actor) -> None:
    """Take a seat out of this schedule. Raises SeatNotFound, VersionStale, SeatClaimed, ScheduleEnded."""
    offer, place = await queries.seat(db, seat_id)
    schedule = await _editable(db, offer.schedule.id, actor=actor)
    check_version(expected, schedule.version)
    async with inventory.turn(db, schedule.id) as taken:
        old = await inventory.layout(db, taken.inventory.layout_id)
        await _refuse_claimed(taken, old, place)
        await _use(taken, schedule, old, [each for each in old.places if each.number != place.number])
    await _bump(db, schedule, place.label, actor=actor, action="seat_removed", taken=taken)


async def _editable(db: Transaction, schedule_id: UUID, *, actor: Actor) -> Schedule:
    schedule, _ = await moves.locked(db, schedule_id)
    access.refuse_unless_manager(actor, schedule.provider_id)
    if schedule.status in {"completed", "cancelled"}:
        raise ScheduleEnded(schedule.status)
    if schedule.generated_at is None:
        raise SeatsNotGenerated
    return schedule


def _changed(offer: Offer, before: Place, wanted: SeatChange) -> Seat:
    currency = offer.schedule.currency
    modifier = Decimal(Money(offers.modifier_of(offer, before), currency).amount)
    seat = replace(offers.seat_of(offer, before), modifier=modifier)
    deck, column = seat.deck if wanted.deck is None else wanted.deck, wanted.column or seat.column
    has_moved = (deck, column) != (seat.deck, seat.column)
    return replace(
        seat,
        number=wanted.seat_number or seat.number,
        type=wanted.seat_type or seat.type,
        modifier=modifier if wanted.price_modifier is None else wanted.price_modifier,
        position=wanted.position or (_position(offer.schedule, deck, column) if has_moved else seat.position),
        deck=deck,
        row=wanted.row or seat.row,
        column=column,
        flags=seat.flags if wanted.flags is None else frozenset(wanted.flags),
    )


def _place(schedule: Schedule, seat: Seat) -> Place:
    if seat.deck >= len(schedule.decks):
        raise LayoutInvalid("/deck", Phrase("the bus has {decks} decks", decks=len(schedule.decks)))
    deck = schedule.decks[seat.deck]
    if seat.column > deck["columns"]:
        raise LayoutInvalid("/column", Phrase("the deck has {columns} columns", columns=deck["columns"]))
    return offers.place_of(seat, deck_name=deck["name"])


def _position(schedule: Schedule, deck: int, column: int) -> SeatPosition:
    if deck >= len(schedule.decks):
        return "middle"  # refused by _place
    drawn = schedule.decks[deck]
    if column in {1, drawn["columns"]}:
        return "window"
    return "aisle" if {column - 1, column, column + 1} & set(drawn["aisles"]) else "middle"


async def _refuse_claimed(taken: Turn, layout: Places, place: Place) -> None:
    try:
        await inventory.refuse_places_in_use(taken, layout, [place.number])
    except inventory.PlacesInUse as used:
        raise SeatClaimed(place.label) from used


async def _use(taken: Turn, schedule: Schedule, old: Places, places: Sequence[Place]) -> None:
    numbers: set[str] = set()
    spots: set[tuple[int, str | None, int | None]] = set()
    for place in places:
        spot = (place.detail["deck"], place.row, place.column)
        if place.label.casefold() in numbers:
            raise SeatNumberTaken(place.label)
        if spot in spots:
            raise LayoutInvalid("/column", mark("another seat stands there"))
        numbers.add(place.label.casefold())
        spots.add(spot)
    new = await inventory.next_layout(taken.db, old, places=places, now=taken.now)
    inventory.use_layout(taken, new, prices=offers.prices_of(new.places, currency=schedule.currency))


async def _bump(
    db: Transaction, schedule: Schedule, seat_number: str, *, actor: Actor, action: str, taken: Turn
) -> None:
    await db.execute(
        sa.update(bus_schedules)
        .where(bus_schedules.c.id == schedule.id)
        .values(version=schedule.version + 1, updated_at=taken.now)
    )
    await audit.record(
        db,
        actor=actor,
        action=action,
        entity_type="bus_schedule",
        entity_id=schedule.id,
        provider_id=schedule.provider_id,
        details={"seat_number": seat_number},
        now=taken.now,
    )
