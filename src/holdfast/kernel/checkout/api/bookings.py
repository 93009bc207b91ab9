"""Bookings over HTTP: one's history, one booking, what cancelling gives back, cancelling."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request

from holdfast.kernel import bookings, identity
from holdfast.kernel.audit import signed_in
from holdfast.kernel.bookings import Booking, Cancellation
from holdfast.kernel.checkout import cancelling, schemas
from holdfast.kernel.checkout.api.lookups import (
    Sold,
    database_of,
    own_booking,
    products_of,
    readable_booking,
    readable_cancellation,
)
from holdfast.kernel.checkout.views import BookingView, PaidFor, views_of
from holdfast.kernel.identity import Caller, Identity, IdentitySettings, customer, payer
from holdfast.kernel.product import Products
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, conflicting, idempotent

router = Router(tags=["bookings"])


@router.get("/bookings/history")
@allow(customer)
async def booking_history(
    *,
    caller: Caller,
    database: Db,
    products: Sold,
    page: Paged,
    product: Annotated[str | None, Query(max_length=20)] = None,
) -> Listed[schemas.BookingAnswer]:
    """One's own bookings that were confirmed, newest first; of the root product unless another is named."""
    assert caller.user_id is not None
    async with database.reader() as db:
        found = await bookings.history(
            db,
            caller.user_id,
            limit=page.limit + 1,
            before=page.after[0] if page.after else None,  # type: ignore[arg-type]
            product=product or products.root,
        )
        shown = await present(db, products, found)
    by_id = {answer.id: answer for answer in shown}
    return page.listed(found, lambda booking: by_id[booking.id], lambda booking: (booking.id,))


@router.get("/bookings/{booking_id}")
@allow(signed_in, find=readable_booking)
async def show_booking(*, booking: Annotated[Booking, Found], database: Db, products: Sold) -> schemas.BookingAnswer:
    """One booking, once it is confirmed."""
    async with database.reader() as db:
        return (await present(db, products, [booking]))[0]


@router.get("/bookings/{booking_id}/details")
@allow(signed_in, find=readable_booking)
async def show_booking_details(
    *, booking: Annotated[Booking, Found], database: Db, products: Sold, settings: Identity
) -> schemas.BookingDetails:
    """With items, price lines, tickets, payments, cancellations, refunds and terms."""
    async with database.reader() as db:
        return await details(db, products, booking, settings=settings)


@router.get("/bookings/{booking_id}/cancellation-quote")
@allow(signed_in, find=own_booking)
@conflicting
async def quote_cancellation(
    *,
    booking: Annotated[Booking, Found],
    database: Db,
    items: Annotated[list[Annotated[int, Query(ge=0, le=1000)]] | None, Query(max_length=50)] = None,
) -> schemas.QuoteView:
    """What cancelling gives back now, and why; cancelling by its id within five minutes keeps the amounts."""

    async def ask(db: Transaction) -> schemas.QuoteView:
        quote = await cancelling.quote(db, booking.id, items=items)
        return schemas.QuoteView.of(quote, now=await clock.moment(db))

    return await database.run(ask)


async def _cancelled_before(request: Request, cancellation_id: UUID) -> schemas.CancellationView:
    async with database_of(request).reader() as db:
        return await shown_cancellation(db, products_of(request), await bookings.cancellation(db, cancellation_id))


@router.post("/bookings/{booking_id}/cancel")
@allow(payer, find=own_booking)
@idempotent(replay=_cancelled_before)
async def cancel_booking(
    *,
    booking: Annotated[Booking, Found],
    body: schemas.CancelBooking | None = None,
    caller: Caller,
    database: Db,
    products: Sold,
    key: Key,
) -> schemas.CancellationView:
    """Give up a booking or some of its items; the refund by its terms follows through the gateway."""
    wanted = body or schemas.CancelBooking()
    return await cancel(
        database,
        products,
        booking,
        items=wanted.items,
        reason=wanted.reason,
        quote_id=wanted.quote_id,
        caller=caller,
        key=key,
    )


@router.get("/cancellations/{cancellation_id}")
@allow(signed_in, find=readable_cancellation)
async def show_cancellation(
    *, cancellation: Annotated[Cancellation, Found], database: Db, products: Sold
) -> schemas.CancellationView:
    """One cancellation and how its refund stands."""
    async with database.reader() as db:
        return await shown_cancellation(db, products, cancellation)


@router.get("/cancellations/{cancellation_id}/details")
@allow(signed_in, find=readable_cancellation)
async def show_cancellation_details(
    *, cancellation: Annotated[Cancellation, Found], database: Db, products: Sold, settings: Identity
) -> schemas.CancellationView:
    """With its booking and who it is for."""
    async with database.reader() as db:
        shown = await shown_cancellation(db, products, cancellation)
        found = await bookings.find(db, cancellation.booking_id)
        booking = await details(db, products, found, settings=settings)
    return schemas.CancellationView.over(shown.model_dump(), {"booking": booking, "user": booking.user})


async def cancel(
    database: Db,
    products: Products,
    booking: Booking,
    *,
    items: Sequence[int] | None,
    reason: str | None,
    quote_id: UUID | None,
    caller: Caller,
    key: Key,
) -> schemas.CancellationView:
    """Cancel and remember the key in one transaction."""

    async def write(db: Transaction) -> schemas.CancellationView:
        cancellation = await cancelling.cancel(
            db, booking.id, items=items, reason=reason, quote_id=quote_id, actor=caller
        )
        await key.remember(db, subject=cancellation.id, status=200)
        return await shown_cancellation(db, products, cancellation)

    return await database.run(write)


async def present(db: Reader, products: Products, found: Sequence[Booking]) -> list[schemas.BookingAnswer]:
    """Bookings as their products say them."""
    views = await views_of(db, found)
    rows = await products.rows(db, {view.booking.inventory_id: view.booking.product for view in views})
    return [
        schemas.BookingAnswer.over(schemas.BookingAnswer.common(view), products.say(view.booking.product, view, rows))
        for view in views
    ]


async def details(
    db: Reader, products: Products, booking: Booking, *, settings: IdentitySettings
) -> schemas.BookingDetails:
    """One booking with all that belongs to it."""
    view: BookingView = (await views_of(db, [booking]))[0]
    rows = await products.rows(db, {booking.inventory_id: booking.product})

    def said(value: object, common: dict[str, Any]) -> dict[str, Any]:
        return {**common, **products.say(booking.product, value, rows)}

    owner = booking.owner_id
    people = await identity.users_by_id(db, [] if owner is None else [owner], settings=settings)
    common = {
        **schemas.BookingAnswer.common(view),
        "user": schemas.person(None if owner is None else people.get(owner)),
        "price_lines": [schemas.LineView.of(line, currency=booking.currency) for line in booking.hold.lines],
        "payments": [said(PaidFor(payment, booking), schemas.PaymentView.common(payment)) for payment in view.payments],
        "cancellations": [said(each, schemas.CancellationView.common(each)) for each in view.cancellations],
        "refunds": [schemas.RefundView.of(refund) for refund in view.refunds],
        "terms": booking.hold.terms.to_json(),
    }
    return schemas.BookingDetails.over(common, products.say(booking.product, view, rows))


async def shown_cancellation(db: Reader, products: Products, cancellation: Cancellation) -> schemas.CancellationView:
    """A cancellation as its product says it."""
    booking = await bookings.find(db, cancellation.booking_id)
    rows = await products.rows(db, {booking.inventory_id: booking.product})
    return schemas.CancellationView.over(
        schemas.CancellationView.common(cancellation), products.say(booking.product, cancellation, rows)
    )
