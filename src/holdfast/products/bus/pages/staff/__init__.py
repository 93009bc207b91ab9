"""The pages of those who run buses, all below /staff/bus."""

from holdfast.kernel.product import StaffLink
from holdfast.kit.words import mark
from holdfast.products.bus.pages.staff import buses, planning, routes, schedules
from holdfast.web import Pages

LINKS = (
    StaffLink("/staff/bus/schedules", mark("Schedules")),
    StaffLink("/staff/bus/buses", mark("Buses")),
    StaffLink("/staff/bus/routes", mark("Routes")),
)

router = Pages()
for _part in (planning, schedules, buses, routes):
    router.include_router(_part.router)

__all__ = ["LINKS", "router"]
