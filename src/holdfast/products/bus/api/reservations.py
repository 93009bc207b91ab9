"""Reservations over HTTP: hold seats, look at them, give them back."""

from typing import Annotated, TypeAlias

from fastapi import Request, Response

from holdfast.kernel import bookings, checkout, holds, identity, inventory
from holdfast.kernel.audit import actor_of, signed_in
from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold
from holdfast.kernel.identity import Caller, customer, own_id
from holdfast.kit import clock
from holdfast.kit.http import Db, Found, KeyHeader, Router, allow, lean, sheds, unkeyed
from holdfast.products.bus import queries, tasks
from holdfast.products.bus import schemas_reservations as schemas
from holdfast.products.bus.api import lookups
from holdfast.products.bus.reservations import Buyer
from holdfast.products.bus.tasks import counter_of

router = Router()

OneReservation: TypeAlias = Annotated[tuple[Hold, Booking | None], Found]


@router.post("/reservations/create", status_code=201, response_model=schemas.ReservationView)
@allow(customer)
@unkeyed("a hold keeps its key itself, one an inventory, so that a refused one may win later", own_key=True)
@lean
@sheds
async def create_reservation(*, body: schemas.CreateReservation, request: Request, key: KeyHeader) -> Response:
    """Hold seats for exactly 15 minutes: those named, or the best for so many and a preference, all or none."""
    caller, counter = actor_of(request), counter_of(request)
    buyer = Buyer(own_id(caller), key)
    request.app.state.hold_bucket.take(str(buyer.user_id))
    hold, offer, is_replayed = await tasks.reserve(counter, body.asked(), buyer=buyer, actor=caller)
    booking, now = None, hold.placed_at
    if is_replayed:
        async with counter.database.reader() as db:
            booking, now = await bookings.of_hold(db, hold.id), await clock.moment(db)
    view = schemas.ReservationView.json_of(hold, booking, serial=offer.inventory.serial, now=now)
    response = Response(view, status_code=201, media_type="application/json")
    if is_replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@router.get("/reservations/active")
@allow(customer)
async def list_active_reservations(*, caller: Caller, database: Db) -> schemas.ReservationsView:
    """One's own reservations that are not paid yet, oldest first: at most one a schedule."""
    async with database.reader() as db:
        now = await clock.moment(db)
        found = await holds.live_of_owner(db, own_id(caller), now=now, product="bus")
        booked = await bookings.of_holds(db, [hold.id for hold in found])
        sold = await inventory.find_many(db, [hold.inventory_id for hold in found])
    return schemas.ReservationsView(
        items=[
            schemas.ReservationView.of(hold, booked.get(hold.id), serial=sold[hold.inventory_id].serial, now=now)
            for hold in found
        ],
        next_cursor=None,
        server_time=now,
    )


@router.get("/reservations/{reservation_id}")
@allow(signed_in, find=lookups.reservation)
async def show_reservation(*, reservation: OneReservation, database: Db) -> schemas.ReservationView:
    """One reservation, with the seconds left."""
    hold, booking = reservation
    async with database.reader() as db:
        found = await inventory.find(db, hold.inventory_id)
        return schemas.ReservationView.of(hold, booking, serial=found.serial, now=await clock.moment(db))


@router.get("/reservations/{reservation_id}/details")
@allow(signed_in, find=lookups.reservation)
async def show_reservation_details(
    *, reservation: OneReservation, request: Request, database: Db
) -> schemas.ReservationDetails:
    """One reservation with its user, schedule, bus, route and seats."""
    hold, booking = reservation
    settings = request.app.state.authenticate.settings
    async with database.reader() as db:
        now = await clock.moment(db)
        found = (await queries.occurrences(db, [hold.inventory_id]))[hold.inventory_id]
        users = await identity.users_by_id(db, [hold.owner_id], settings=settings) if hold.owner_id else {}
    user = users.get(hold.owner_id) if hold.owner_id else None
    shown = schemas.ReservationUser.of(user) if user is not None else None
    return schemas.ReservationDetails.of_all(hold, booking, found, user=shown, now=now)


@router.delete("/reservations/{reservation_id}", status_code=204)
@allow(signed_in, find=lookups.reservation)
async def cancel_reservation(*, reservation: OneReservation, request: Request, caller: Caller, database: Db) -> None:
    """Give the seats back before paying; 409 where the reservation is paid, expired or released already."""
    hold, _ = reservation
    if not await counter_of(request).batcher.release(hold.inventory_id, hold.id, actor=caller):
        await database.run(lambda db: checkout.release(db, hold.id, actor=caller))
