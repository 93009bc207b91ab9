"""The bus product over HTTP; `router` stands under /bus, and at the root where bus is the root product."""

from holdfast.kit.http import Router
from holdfast.products.bus.api import bookings, buses, reservations, routes, schedules, search, seat_maps, seats

router = Router(tags=["Bus"])
router.include_router(routes.router)
router.include_router(buses.router)
router.include_router(search.router)
router.include_router(schedules.router)
router.include_router(seat_maps.router)
router.include_router(seats.router)
router.include_router(reservations.router)
router.include_router(bookings.router)

__all__ = ["router"]
