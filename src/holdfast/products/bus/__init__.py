"""Intercity buses: routes, buses, schedules, and seats sold leg by leg."""

from pathlib import Path

from holdfast.kernel.product import Export, Product, Seed
from holdfast.kit.words import mark
from holdfast.products.bus import api, kept, pages, present, queries, seeds, tasks
from holdfast.products.bus.api import sockets

STATUSES_EVERY_SECONDS = 30

product = Product(
    name="bus",
    api=api.router,
    pages=pages.router,
    templates=Path(__file__).with_name("templates"),
    title=mark("Buses"),
    staff_links=pages.STAFF_LINKS,
    try_again=pages.try_again,
    sockets=sockets.router,
    present=present.PRESENTERS,
    rows=queries.occurrences,
    every={"bus.statuses": (STATUSES_EVERY_SECONDS, tasks.move_statuses)},
    seed=Seed(seeds.load, steps=len(seeds.FLEETS)),
    roles=frozenset({"operator"}),
    exports={
        "bus_booking_receipts": Export(None),
        "bus_buses": Export("updated_at"),
        "bus_fares": Export(None),
        "bus_layouts": Export(None),
        "bus_route_stops": Export(None),
        "bus_routes": Export("updated_at"),
        "bus_schedule_stops": Export(None),
        "bus_schedules": Export("updated_at"),
    },
    kept=kept.KEPT,
)

__all__ = ["product"]
