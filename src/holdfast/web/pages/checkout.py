"""From a hold to a ticket: what it costs and under which terms, pay, wait for the bank's word, or give it back."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings, checkout, holds
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import BookingView, Till
from holdfast.kernel.holds import Hold, HoldNotFound
from holdfast.kernel.identity import Caller, customer, payer
from holdfast.kernel.payments import Method
from holdfast.kernel.product import Products
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.web import forms, words
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, Form
from holdfast.web.frame import show, viewer_of
from holdfast.web.routing import Pages

router = Pages()

WAIT_SECONDS = 2


class PayForm(Form):
    method: Annotated[Method, Field()]


async def own_hold(request: Request, caller: Actor) -> Hold:
    """One's own; HoldNotFound for all others."""
    hold_id = path_id(request, "hold_id")
    async with request.app.state.database.reader() as db:
        hold = await holds.find(db, hold_id)
    if not caller.is_owner(hold.owner_id):
        raise HoldNotFound
    return hold


OwnHold = Annotated[Hold, Found]


@router.get("/holds/{hold_id}")
@allow(customer, find=own_hold)
async def checkout_page(request: Request, hold: OwnHold, database: Db) -> Response:
    """What is held, what it costs, and how to pay; once it is paid, the booking."""
    view = await _view(database, hold)
    if view is not None and view.booking.was_confirmed:
        return RedirectResponse(f"/bookings/{view.booking.id}", status_code=303)
    return await _shown(request, database, hold, view)


@router.post("/holds/{hold_id}/pay")
@allow(payer, find=own_hold)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a booking has one open payment: the same again leads to it")
async def pay(request: Request, hold: OwnHold, database: Db, caller: Caller) -> Response:
    """Open the payment and go to its page; nothing to pay confirms at once."""
    filled = await forms.read(request, PayForm)
    if filled.said is None:
        return await _shown(request, database, hold, await _view(database, hold), status=422)
    try:
        opened, payment = await checkout.pay(
            database,
            _till(request),
            hold.id,
            method=filled.said.method,
            amount=None,
            return_url=f"{request.app.state.own_origin}/holds/{hold.id}/paid",
            actor=caller,
        )
    except Error as error:
        return await _shown(request, database, hold, await _view(database, hold), error=error, status=error.status)
    if payment is None or payment.url is None:
        return RedirectResponse(f"/bookings/{opened.booking_id}", status_code=303)
    return RedirectResponse(payment.url, status_code=303)


@router.get("/holds/{hold_id}/paid")
@allow(customer, find=own_hold)
async def paid_page(request: Request, hold: OwnHold, database: Db) -> Response:
    """Where the payment's page leads back to: how it stands, truthfully, and asked anew until it is settled."""
    await _ask_gateway(database, _till(request), hold)
    async with database.reader() as db:
        hold = await holds.find(db, hold.id)
        now = await clock.moment(db)
    view = await _view(database, hold)
    outcome = words.outcome(view, hold, now=now)
    if outcome == "confirmed" and view is not None:
        return RedirectResponse(f"/bookings/{view.booking.id}?paid=1", status_code=303)
    return await show(
        request,
        "web/paid.html",
        hold=hold,
        view=view,
        outcome=outcome,
        is_over=outcome not in {"waiting", "returning"},
        again=await _again(request, hold),
        described=words.described(hold, (await viewer_of(request)).locale),
        server_time=now,
        wait_seconds=WAIT_SECONDS,
    )


@router.post("/holds/{hold_id}/release")
@allow(customer, find=own_hold)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a hold is given back once")
async def release(request: Request, hold: OwnHold, database: Db, caller: Caller) -> Response:
    """Give the places back before paying."""
    try:
        await database.run(lambda db: checkout.release(db, hold.id, actor=caller))
    except Error as error:
        return await _shown(request, database, hold, await _view(database, hold), error=error, status=error.status)
    return RedirectResponse(await _again(request, hold), status_code=303)


async def _shown(
    request: Request,
    database: Database,
    hold: Hold,
    view: BookingView | None,
    *,
    error: Error | None = None,
    status: int = 200,
) -> Response:
    async with database.reader() as db:
        hold = await holds.find(db, hold.id)
        now = await clock.moment(db)
    locale = (await viewer_of(request)).locale
    outcome = words.outcome(view, hold, now=now)
    expires_at = view.booking.expires_at if view is not None else hold.expires_at
    return await show(
        request,
        "web/checkout.html",
        home=f"/holds/{hold.id}",
        hold=hold,
        expires_at=expires_at,
        is_live=outcome in {"held", "waiting", "failed"},
        outcome=outcome,
        described=words.described(hold, locale),
        lines=words.price_lines(hold),
        line_kinds=words.LINE_KINDS,
        steps=words.terms_steps(hold),
        methods=[(method, words.METHODS[method]) for method in _till(request).methods],
        again=await _again(request, hold),
        error=None if error is None else told(error, locale),
        server_time=now,
        status=status,
    )


async def _view(database: Database, hold: Hold) -> BookingView | None:
    async with database.reader() as db:
        booking = await bookings.of_hold(db, hold.id)
        return None if booking is None else (await checkout.views_of(db, [booking]))[0]


async def _ask_gateway(database: Database, till: Till, hold: Hold) -> None:
    """The webhook may be late or lost, so the gateway is asked. Where it does not answer, the wait goes on."""
    view = await _view(database, hold)
    waiting = [payment for payment in view.payments if payment.is_open] if view is not None else []
    for payment in waiting[-1:]:
        try:
            await checkout.ask_gateway(database, till, payment.id)
        except Error:
            return


async def _again(request: Request, hold: Hold) -> str:
    """Where the same places can be tried for once more: the product's own page, with the choice kept."""
    products: Products = request.app.state.products
    product = products.named(hold.product)
    return product.try_again(hold) if product is not None and product.try_again is not None else "/"


def _till(request: Request) -> Till:
    till: Any = request.app.state.till
    assert isinstance(till, Till)
    return till


def hold_path(hold_id: UUID) -> str:
    """Where a hold is paid for."""
    return f"/holds/{hold_id}"
