"""Find bookings by reference, phone number or e-mail address; the newest ones where nothing is asked for."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import sqlalchemy as sa
from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings, identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking
from holdfast.kernel.identity import Caller, Identity, IdentitySettings, staff
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Reader
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow, raw, unkeyed
from holdfast.kit.money import Money
from holdfast.kit.words import mark, say
from holdfast.web import forms, words
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import people, providers_of
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

_REFERENCE = re.compile(r"[A-Z0-9]{8,12}")
NOT_FOUND = mark("There is no booking under that reference, phone number or e-mail address.")


class SearchForm(Form):
    asked: Annotated[str, Field(max_length=254)]


class BookingFilter(Form):
    reference: Annotated[str, Field(max_length=12)] | None = None
    owner: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()
    inventory: UUID | None = None
    state: Literal["requested", "pending", "confirmed", "completed", "cancelled", "expired"] | None = None


@router.get("/staff/bookings")
@allow(staff)
async def bookings_page(request: Request, database: Db, caller: Caller, settings: Identity, page: Paged) -> Response:
    """Newest first. Members see those of their providers."""
    return await _shown(request, database, caller, settings, page)


@router.post("/staff/bookings/search")
@allow(staff)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("it only looks")
async def search(request: Request, database: Db, caller: Caller, settings: Identity, page: Paged) -> Response:
    """To the one that is found, else to a list of them. Sent as a form, so that no address is in any address bar."""
    filled = await forms.read(request, SearchForm)
    if filled.said is None:
        return await _shown(request, database, caller, settings, page, filled=filled, status=422)
    async with database.reader() as db:
        wanted = await _wanted(db, filled.said.asked, settings)
        found = []
        if wanted is not None:
            statement = _listing(wanted, caller).order_by(bookings.ORDER[0].desc()).limit(2)
            found = await bookings.listed(db, statement)
    if wanted is None or not found:
        locale = (await viewer_of(request)).locale
        filled = Filled(filled.typed, None, {"asked": say(NOT_FOUND, locale)})
        return await _shown(request, database, caller, settings, page, filled=filled, status=404)
    if len(found) == 1:
        return RedirectResponse(f"/staff/bookings/{found[0].id}", status_code=303)
    query = urlencode([("owner", str(owner)) for owner in wanted.owner])
    return RedirectResponse(f"/staff/bookings?{query}", status_code=303)


@router.get("/staff/bookings.csv")
@allow(staff)
async def bookings_csv(request: Request, database: Db, caller: Caller) -> Response:
    """Without names and contacts: ids only."""
    only = (await forms.asked(request, BookingFilter)).said or BookingFilter()
    async with database.reader() as db:
        newest = bookings.ORDER[0].desc()
        found = await bookings.listed(db, _listing(only, caller).order_by(newest).limit(ROWS_MAX))
    head = (
        "booking",
        "reference",
        "product",
        "provider",
        "user",
        "state",
        "refund_state",
        "total",
        "currency",
        "title",
        "starts_at",
        "places",
        "created_at",
        "confirmed_at",
        "ended_at",
    )
    return csv_answer("bookings", head, map(_row, found))


async def _wanted(db: Reader, asked: str, settings: IdentitySettings) -> BookingFilter | None:
    """What somebody means who types this; None where there can be no such booking."""
    reference = re.sub(r"[\s-]", "", asked).upper()
    if "@" in asked:
        owners = await identity.ids_of_contact(db, email=asked)
        return BookingFilter(owner=tuple(owners)) if owners else None
    if _REFERENCE.fullmatch(reference):
        found = await db.first(bookings.listing(reference=reference).limit(1))
        if found is not None:
            return BookingFilter(reference=reference)
    try:
        phone = identity.normalized_phone(asked, region=settings.region)
    except Error:
        return None
    owners = await identity.ids_of_contact(db, phone=phone)
    return BookingFilter(owner=tuple(owners)) if owners else None


async def _shown(
    request: Request,
    database: Db,
    caller: Actor,
    settings: IdentitySettings,
    page: Paged,
    *,
    filled: Filled[SearchForm] | None = None,
    status: int = 200,
) -> Response:
    asked = await forms.asked(request, BookingFilter)
    only = asked.said or BookingFilter()
    async with database.reader() as db:
        found = await bookings.listed(db, page.select(_listing(only, caller), *bookings.ORDER))
        shown = found[: page.limit]
        owners = await people(db, (booking.owner_id for booking in shown), settings=settings)
    locale = (await viewer_of(request)).locale
    return await show_staff(
        request,
        "web/staff/bookings.html",
        home="/staff/bookings",
        bookings=[(booking, words.described(booking.hold, locale)) for booking in shown],
        owners=owners,
        next_cursor=page.cursor((shown[-1].id,)) if len(found) > page.limit else None,
        states=words.BOOKING_STATES,
        search=filled or Filled(),
        filled=asked,
        is_narrowed=bool(only.owner or only.reference or only.inventory),
        status=status,
    )


def _listing(only: BookingFilter, caller: Actor) -> sa.Select[Any]:
    return bookings.listing(
        reference=only.reference,
        owner_ids=list(only.owner) or None,
        provider_ids=providers_of(caller),
        inventory_id=only.inventory,
        state=only.state,
    )


def _row(booking: Booking) -> tuple[object, ...]:
    return (
        booking.id,
        booking.reference,
        booking.product,
        booking.provider_id,
        booking.owner_id,
        booking.state,
        booking.refund_state,
        Money(booking.total, booking.currency).amount,
        booking.currency,
        booking.hold.description.get("title"),
        booking.hold.starts_at,
        " ".join(item.label for item in booking.hold.items),
        booking.created_at,
        booking.confirmed_at,
        booking.ended_at,
    )
