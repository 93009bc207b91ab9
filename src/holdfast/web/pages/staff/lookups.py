"""What several pages for staff look up: whom they may read of, the gateways, people by id."""

from collections.abc import Iterable
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Request
from pydantic import Field

from holdfast.kernel import bookings, identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking, BookingNotFound
from holdfast.kernel.checkout import Till
from holdfast.kernel.identity import IdentitySettings, User
from holdfast.kit.db import Reader
from holdfast.kit.http import Found, path_id
from holdfast.web.forms import Form
from holdfast.web.staff import REASON_MAX


class ReasonForm(Form):
    reason: Annotated[str, Field(min_length=3, max_length=REASON_MAX)]


async def readable_booking(request: Request, caller: Actor) -> Booking:
    """For admins and members of its provider, paid or not; BookingNotFound for all others, its owner too."""
    booking_id = path_id(request, "booking_id")
    async with request.app.state.database.reader() as db:
        booking = await bookings.find(db, booking_id)
    if not (caller.is_admin or caller.is_member(booking.provider_id)):
        raise BookingNotFound
    return booking


def providers_of(caller: Actor) -> list[UUID] | None:
    """Of whose bookings somebody may read; None for all of them."""
    return None if caller.is_admin else sorted(caller.members)


async def people(db: Reader, ids: Iterable[UUID | None], *, settings: IdentitySettings) -> dict[UUID, User]:
    """Those of them that exist."""
    wanted = sorted({each for each in ids if each is not None})
    return await identity.users_by_id(db, wanted, settings=settings) if wanted else {}


async def _till(request: Request) -> Till:
    till = request.app.state.till
    assert isinstance(till, Till)
    return till


OneBooking: TypeAlias = Annotated[Booking, Found]
Cashier: TypeAlias = Annotated[Till, Depends(_till)]
