"""What people look at of the bus product; `router` has whole paths, all below /bus."""

from holdfast.products.bus.pages import search, seats
from holdfast.products.bus.pages.seats import try_again
from holdfast.web import Pages

router = Pages()
for _part in (search, seats):
    router.include_router(_part.router)

__all__ = ["router", "try_again"]
