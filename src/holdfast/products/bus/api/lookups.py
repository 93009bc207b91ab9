"""Find what a request is about, for those who may know of it; the same 404 for everybody else."""

from uuid import UUID

from starlette.requests import Request

from holdfast.kernel import bookings, holds
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold, HoldNotFound
from holdfast.kernel.inventory import Place
from holdfast.kit.db import Database
from holdfast.kit.http import path_id
from holdfast.products.bus import access, queries
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.records import Bus, Route
from holdfast.products.bus.values import BusNotFound, ReservationNotFound


def database_of(request: Request) -> Database:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


async def route(request: Request, _caller: Actor) -> Route:
    route_id = path_id(request, "route_id")
    async with database_of(request).reader() as db:
        return await queries.route(db, route_id)


async def route_to_edit(request: Request, caller: Actor) -> Route:
    """Anybody may read it, so whoever does not run it is told so (403)."""
    found = await route(request, caller)
    access.refuse_unless_manager(caller, found.provider_id)
    return found


async def bus(request: Request, caller: Actor) -> Bus:
    """A bus is known to its provider's members alone."""
    bus_id = path_id(request, "bus_id")
    async with database_of(request).reader() as db:
        found = await queries.bus(db, bus_id)
    if not caller.is_admin and not caller.is_member(found.provider_id):
        raise BusNotFound
    return found


async def bus_to_edit(request: Request, caller: Actor) -> Bus:
    found = await bus(request, caller)
    access.refuse_unless_manager(caller, found.provider_id)
    return found


async def schedule(request: Request, _caller: Actor) -> Offer:
    schedule_id = path_id(request, "schedule_id")
    async with database_of(request).reader() as db:
        return await queries.offer(db, schedule_id)


async def schedule_to_edit(request: Request, caller: Actor) -> Offer:
    found = await schedule(request, caller)
    access.refuse_unless_manager(caller, found.schedule.provider_id)
    return found


async def seat(request: Request, _caller: Actor) -> tuple[Offer, Place]:
    seat_id = path_id(request, "seat_id")
    async with database_of(request).reader() as db:
        return await queries.seat(db, seat_id)


async def seat_to_edit(request: Request, caller: Actor) -> tuple[Offer, Place]:
    found = await seat(request, caller)
    access.refuse_unless_manager(caller, found[0].schedule.provider_id)
    return found


async def reservation(request: Request, caller: Actor) -> tuple[Hold, Booking | None]:
    """One's own, or, for an admin, any. ReservationNotFound."""
    return await reservation_by_id(database_of(request), path_id(request, "reservation_id"), caller)


async def reservation_by_id(database: Database, hold_id: UUID, caller: Actor) -> tuple[Hold, Booking | None]:
    """A reservation with the booking made out of it. ReservationNotFound, the same for absent and for another's."""
    async with database.reader() as db:
        try:
            hold = await holds.find(db, hold_id)
        except HoldNotFound:
            raise ReservationNotFound from None
        if hold.product != "bus" or not (caller.is_admin or caller.is_owner(hold.owner_id)):
            raise ReservationNotFound
        return hold, await bookings.of_hold(db, hold_id)
