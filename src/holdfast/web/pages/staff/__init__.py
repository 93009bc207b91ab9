"""The pages of those who run the platform, all below /staff."""

from holdfast.web.pages.staff import (
    audit,
    bookings,
    complaints,
    dashboard,
    gateway_events,
    holds,
    refunds,
    reports,
    stories,
    webhooks,
    work,
)
from holdfast.web.routing import Pages

router = Pages()
for _part in (
    dashboard,
    holds,
    bookings,
    stories,
    complaints,
    reports,
    refunds,
    webhooks,
    gateway_events,
    work,
    audit,
):
    router.include_router(_part.router)

__all__ = ["router"]
