"""One's own bookings: the list, one with its tickets, and cancelling it or some of its places."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings, checkout, notifications, tickets
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking, BookingNotFound, Quote
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.holds import NoItems
from holdfast.kernel.identity import Caller, Identity, customer, own_id, payer
from holdfast.kernel.tickets import TicketCancelled, TicketKey, TicketNotFound
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.web import forms, words
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, Form
from holdfast.web.frame import show, viewer_of
from holdfast.web.routing import Pages

router = Pages()


class CancelForm(Form):
    items: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(max_length=50)]
    quote_id: UUID | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None


async def own_booking(request: Request, caller: Actor) -> Booking:
    """One's own that was confirmed; BookingNotFound for all others."""
    booking_id = path_id(request, "booking_id")
    async with request.app.state.database.reader() as db:
        booking = await bookings.find(db, booking_id)
    if not caller.is_owner(booking.owner_id) or not booking.was_confirmed:
        raise BookingNotFound
    return booking


OwnBooking = Annotated[Booking, Found]


@router.get("/bookings")
@allow(customer)
async def bookings_page(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """Newest first."""
    async with database.reader() as db:
        before = page.after[0] if page.after else None
        found = await bookings.history(db, own_id(caller), limit=page.limit + 1, before=before)  # type: ignore[arg-type]
    locale = (await viewer_of(request)).locale
    shown, more = found[: page.limit], len(found) > page.limit
    return await show(
        request,
        "web/bookings.html",
        bookings=[(booking, words.described(booking.hold, locale)) for booking in shown],
        next_cursor=page.cursor((shown[-1].id,)) if more else None,
        states=words.BOOKING_STATES,
    )


@router.get("/bookings/{booking_id}")
@allow(customer, find=own_booking)
async def booking_page(request: Request, booking: OwnBooking, database: Db) -> Response:
    """With its tickets, what was paid and what came back."""
    return await _shown(request, database, booking)


@router.get("/bookings/{booking_id}/tickets.pdf")
@allow(customer, find=own_booking)
async def tickets_pdf(request: Request, booking: OwnBooking, database: Db) -> Response:
    """All tickets of it, in the viewer's language, to print or keep."""
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booking.id]))[booking.id]
        issuer = await tickets.printing.issuer(db, booking)
    if all(each.state == "cancelled" for each in issued):
        raise TicketCancelled
    document = tickets.printing.document(
        booking,
        issued,
        issuer=issuer,
        key=_ticket_key(request),
        issued_at=max(each.issued_at for each in issued),
        locale=(await viewer_of(request)).locale,
    )
    pdf = await asyncio.to_thread(tickets.printing.pdf, document)
    disposition = f'attachment; filename="tickets-{booking.reference}.pdf"'
    return Response(pdf, media_type="application/pdf", headers={"Content-Disposition": disposition})


@router.get("/bookings/{booking_id}/calendar.ics")
@allow(customer, find=own_booking)
async def calendar_file(request: Request, booking: OwnBooking, database: Db, settings: Identity) -> Response:
    """The booking as an event for one's calendar: the same event as in letters, so that a later one replaces it."""
    async with database.reader() as db:
        now = await clock.moment(db)
        view: BookingView = (await checkout.views_of(db, [booking]))[0]
    file = await asyncio.to_thread(
        notifications.calendar_file,
        view,
        locale=(await viewer_of(request)).locale,
        public_url=settings.public_url,
        now=now,
        is_cancelled=booking.state == "cancelled",
    )
    disposition = f'attachment; filename="{file.name}"'
    return Response(file.content, media_type=file.media_type, headers={"Content-Disposition": disposition})


@router.get("/bookings/{booking_id}/tickets/{ticket_id}.svg")
@allow(customer, find=own_booking)
async def ticket_code(request: Request, booking: OwnBooking, database: Db) -> Response:
    """The code to be scanned, as a picture. TicketNotFound."""
    ticket_id = path_id(request, "ticket_id")
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booking.id]))[booking.id]
    ticket = next((each for each in issued if each.id == ticket_id), None)
    if ticket is None:
        raise TicketNotFound
    picture = tickets.qr_svg(tickets.printing.token(ticket, key=_ticket_key(request)))
    return Response(picture, media_type="image/svg+xml")


@router.get("/bookings/{booking_id}/cancel")
@allow(customer, find=own_booking)
async def cancel_page(
    request: Request,
    booking: OwnBooking,
    database: Db,
    items: Annotated[list[Annotated[int, Query(ge=0, le=1000)]] | None, Query(max_length=50)] = None,
    chosen: Literal["yes"] | None = None,
) -> Response:
    """What cancelling these places gives back now, before anything is done.

    All of them where none is named, unless somebody had the choice (`chosen`) and took none.
    """
    if chosen and not items:
        return await _shown(request, database, booking, error=NoItems(), status=422)

    async def ask(db: Transaction) -> Quote:
        return await checkout.quote(db, booking.id, items=items)

    try:
        quote = await database.run(ask)
    except Error as error:
        return await _shown(request, database, booking, error=error, status=error.status)
    return await show(
        request,
        "web/cancel.html",
        booking=booking,
        quote=quote,
        chosen=[item for item in booking.hold.items if item.number in quote.items],
        is_whole=len(quote.items) == len(booking.hold.kept),
        described=words.described(booking.hold, (await viewer_of(request)).locale),
    )


@router.post("/bookings/{booking_id}/cancel")
@allow(payer, find=own_booking)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a place is cancelled once, and a quote is good for one cancellation")
async def cancel(request: Request, booking: OwnBooking, database: Db, caller: Caller) -> Response:
    """Cancel by the quote that was shown, so that its amounts stand."""
    filled = await forms.read(request, CancelForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, booking, status=422)

    async def write(db: Transaction) -> None:
        await checkout.cancel(
            db, booking.id, items=said.items, reason=said.reason, quote_id=said.quote_id, actor=caller
        )

    try:
        await database.run(write)
    except Error as error:
        return await _shown(request, database, booking, error=error, status=error.status)
    return RedirectResponse(f"/bookings/{booking.id}?cancelled=1", status_code=303)


async def _shown(
    request: Request, database: Database, booking: Booking, *, error: Error | None = None, status: int = 200
) -> Response:
    async with database.reader() as db:
        now = await clock.moment(db)
        booking = await bookings.find(db, booking.id)
        view: BookingView = (await checkout.views_of(db, [booking]))[0]
    locale = (await viewer_of(request)).locale
    return await show(
        request,
        "web/booking.html",
        view=view,
        booking=booking,
        described=words.described(booking.hold, locale),
        lines=words.price_lines(booking.hold),
        line_kinds=words.LINE_KINDS,
        steps=[step for step in words.terms_steps(booking.hold) if step.until > now],
        labels={item.number: item.label for item in booking.hold.items},
        is_cancellable=booking.state == "confirmed" and booking.hold.starts_at > now,
        is_late=words.is_late(booking),
        states=words.BOOKING_STATES,
        payment_states=words.PAYMENT_STATES,
        refund_states=words.REFUND_STATES,
        ticket_states=words.TICKET_STATES,
        methods=words.METHODS,
        error=None if error is None else told(error, locale),
        is_new="paid" in request.query_params,
        was_cancelled="cancelled" in request.query_params and bool(view.cancellations),
        refunded=view.cancellations[-1].refund_amount if view.cancellations else 0,
        status=status,
    )


def _ticket_key(request: Request) -> TicketKey:
    key = request.app.state.ticket_keys[0]
    assert isinstance(key, TicketKey)
    return key
