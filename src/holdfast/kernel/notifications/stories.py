"""Load what notifications tell of: a page of them by a handful of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from holdfast.kernel import bookings, checkout, identity
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.identity import IdentitySettings
from holdfast.kernel.notifications.values import Notification
from holdfast.kit import clock
from holdfast.kit.db import Reader

#: Of one person in one occurrence: more stand in one letter to nobody.
BOOKINGS_MAX = 6


@dataclass(frozen=True, slots=True)
class Story:
    """A notification with what it tells of, as that is now. `others`: their other bookings of a moved occurrence."""

    told: Notification
    now: datetime
    view: BookingView | None
    provider: str | None
    public_url: str
    others: tuple[BookingView, ...] = ()


async def of(db: Reader, told: Sequence[Notification], *, settings: IdentitySettings) -> list[Story]:
    """The stories of these notifications, in their order."""
    now = await clock.moment(db)
    booking_ids = {each.booking_id for each in told if each.booking_id is not None}
    found = await bookings.find_many(db, list(booking_ids)) if booking_ids else []
    views = {view.booking.id: view for view in await checkout.views_of(db, found)}
    provider_ids = {view.booking.provider_id for view in views.values()}
    providers = {each: (await identity.provider(db, each)).name for each in provider_ids}
    return [_story(each, views, providers, now=now, settings=settings) for each in told]


async def whole(db: Reader, told: Notification, *, settings: IdentitySettings) -> Story:
    """One, with the other bookings of the same person where it tells of their occurrence."""
    [story] = await of(db, [told], settings=settings)
    if told.template != "rescheduled" or story.view is None:
        return story
    theirs = await bookings.of_owner(db, story.view.inventory.id, owner_id=told.user_id, limit=BOOKINGS_MAX)
    others = [booking for booking in theirs if booking.id != told.booking_id]
    views = await checkout.views_of(db, others)
    return Story(told, story.now, story.view, story.provider, story.public_url, tuple(views))


def _story(
    told: Notification,
    views: dict[UUID, BookingView],
    providers: dict[UUID, str],
    *,
    now: datetime,
    settings: IdentitySettings,
) -> Story:
    view = None if told.booking_id is None else views[told.booking_id]
    provider = None if view is None else providers[view.booking.provider_id]
    return Story(told, now, view, provider, settings.public_url)
