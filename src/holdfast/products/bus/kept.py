"""How long the rows of this product's tables are kept: nothing of it is personal, and what was sold refers to it."""

from holdfast.kit.keeping import Kept

_FOR_EVER = "for ever"

KEPT: tuple[Kept, ...] = (
    Kept("bus_routes", _FOR_EVER, "old bookings still find them; hidden where deleted"),
    Kept("bus_route_stops", _FOR_EVER, "where a route leads"),
    Kept("bus_buses", _FOR_EVER, "old bookings still find them; hidden where deleted"),
    Kept("bus_layouts", _FOR_EVER, "which layout of places each version of a bus has"),
    Kept("bus_schedules", _FOR_EVER, "what was sold was sold of it; hidden where deleted"),
    Kept("bus_schedule_stops", _FOR_EVER, "the stops as they were sold"),
    Kept("bus_stop_keys", _FOR_EVER, "the stops as search compares them"),
    Kept("bus_fares", _FOR_EVER, "the fares as they were sold"),
    Kept("bus_booking_receipts", _FOR_EVER, "which bookings were collected: again is answered 200, not 201"),
)
