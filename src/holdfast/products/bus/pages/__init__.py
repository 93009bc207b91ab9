"""What people look at of the bus product; `router` has whole paths, all below /bus and /staff/bus."""

from holdfast.products.bus.pages import search, seats, staff
from holdfast.products.bus.pages.seats import try_again
from holdfast.products.bus.pages.staff import LINKS as STAFF_LINKS
from holdfast.web import Pages

router = Pages()
for _part in (search, seats, staff):
    router.include_router(_part.router)

__all__ = ["STAFF_LINKS", "router", "try_again"]
