"""The pages that belong to no product."""

from holdfast.web.pages import account, bookings, checkout, general, signing_in, staff
from holdfast.web.routing import Pages

router = Pages()
for _part in (general, signing_in, account, checkout, bookings, staff):
    router.include_router(_part.router)

__all__ = ["router"]
