"""Payments over HTTP: open one, hear of it from its gateway, look at it, send money back."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Request, Response

from holdfast.kernel import bookings, holds, payments
from holdfast.kernel.audit import Actor, actor_of, anyone, signed_in
from holdfast.kernel.bookings import Booking, BookingNotFound
from holdfast.kernel.checkout import schemas, tasks
from holdfast.kernel.checkout.api import bookings as bookings_api
from holdfast.kernel.checkout.api.lookups import (
    Cashier,
    Sold,
    booking_with_payments,
    database_of,
    own_booking,
    products_of,
    readable_payment,
    till_of,
)
from holdfast.kernel.checkout.values import Till
from holdfast.kernel.checkout.views import PaidFor
from holdfast.kernel.holds import Hold, HoldNotFound
from holdfast.kernel.identity import Caller, customer, payer
from holdfast.kernel.payments import Payment, PaymentNotFound, SimulatedOutcome
from holdfast.kernel.product import Products
from holdfast.kit import clock
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.errors import Invalid
from holdfast.kit.fields import Answer, Body
from holdfast.kit.http import Db, Found, Key, RawBody, Router, allow, idempotent, lean, raw, unkeyed
from holdfast.kit.money import Money

WEBHOOK_BYTES_MAX = 256_000

router = Router(tags=["payments"])
#: Only where the sandbox is, never in production.
simulation = Router(tags=["sandbox"])


class NameOneToPay(Invalid):
    """Name exactly one of reservation_id, hold_id and booking_id."""


class ReturnAddressNotAllowed(Invalid):
    """This platform does not send customers to that address."""


class Simulate(Body):
    outcome: Literal["success", "failed", "expired", "late_success"]


async def _opened_before(request: Request, subject: UUID) -> Response:
    """The first payment as it is now, whatever was opened since; a booking that cost nothing had none."""
    async with database_of(request).reader() as db:
        try:
            payment = await payments.find(db, subject)
        except PaymentNotFound:
            return _said(await _opened(db, await bookings.find(db, subject), None), 201)
        return _said(await _opened(db, await bookings.find(db, payment.booking_id), payment), 201)


@router.post("/payments/initiate", status_code=201, response_model=schemas.OpenedPayment)
@allow(payer)
@idempotent(replay=_opened_before)
@lean
async def initiate_payment(*, body: schemas.InitiatePayment, request: Request, key: Key) -> Response:
    """Open a payment of one's hold (201), or get the one that is open (200); another method ends that one first."""
    caller, database, till = actor_of(request), database_of(request), till_of(request)
    hold = await _hold_to_pay(database, till, body, caller)
    _refuse_foreign_return(request, body.return_url)
    opened, payment = await tasks.pay(
        database,
        till,
        hold.id,
        method=body.payment_method,
        amount=None if body.amount is None else Money.parse(body.amount, hold.currency),
        return_url=body.return_url,
        actor=caller,
        hold=hold,
    )
    status = 201 if opened.is_new else 200
    if payment is not None and opened.is_new:
        now = await tasks.moment(database, till)
        await key.remember_alone(subject=payment.id, status=status)
        return _said(_just_opened(payment, now=now), status)

    async def remember(db: Transaction) -> schemas.OpenedPayment:
        subject = payment.id if payment is not None else opened.booking_id
        await key.remember(db, subject=subject, status=status)
        return await _opened(db, await bookings.find(db, opened.booking_id), payment)

    return _said(await database.run(remember), status)


@router.post("/payments/webhook", response_model=schemas.Received)
@allow(anyone)
@raw(limit=WEBHOOK_BYTES_MAX)
@unkeyed("the gateway's event id is the key")
@lean
async def receive_webhook(*, body: RawBody, request: Request) -> Response:
    """A notice of the first gateway, verified by its signature over the raw bytes."""
    till = till_of(request)
    await tasks.receive(database_of(request), till, gateway=till.first.name, headers=request.headers, body=body)
    return _said(schemas.Received(received=True), 200)


@router.post("/payments/webhook/{gateway}")
@allow(anyone)
@raw(limit=WEBHOOK_BYTES_MAX)
@unkeyed("the gateway's event id is the key")
async def receive_webhook_of(
    *, request: Request, gateway: str, body: RawBody, database: Db, till: Cashier
) -> schemas.Received:
    """A notice of that gateway, verified by its signature over the raw bytes."""
    await tasks.receive(database, till, gateway=gateway, headers=request.headers, body=body)
    return schemas.Received(received=True)


@router.get("/payments/status/{booking_id}")
@allow(signed_in, find=booking_with_payments)
async def show_payment_status(
    *, booking: Annotated[Booking, Found], database: Db, products: Sold
) -> schemas.PaymentStatusView:
    """How a booking's payments and refunds stand."""
    async with database.reader() as db:
        attempts = (await payments.of_bookings(db, [booking.id]))[booking.id]
        shown = [await _shown(db, products, payment, booking) for payment in attempts]
    paid = sum(payment.captured for payment in attempts if payment.captured_currency == booking.currency)
    back = sum(payment.refund_reserved for payment in attempts if payment.captured_currency == booking.currency)
    return schemas.PaymentStatusView(
        booking_id=booking.id,
        booking_status=booking.state,
        refund_state=booking.refund_state,
        amount_paid=Money(paid, booking.currency).amount,
        amount_refunded=Money(back, booking.currency).amount,
        currency=booking.currency,
        payments=shown,
    )


@router.get("/payments/{payment_id}")
@allow(signed_in, find=readable_payment)
async def show_payment(*, payment: Annotated[Payment, Found], database: Db, products: Sold) -> schemas.PaymentView:
    """One payment."""
    async with database.reader() as db:
        booking = await bookings.find(db, payment.booking_id)
        return await _shown(db, products, payment, booking)


async def _refunded_before(request: Request, cancellation_id: UUID) -> schemas.CancellationView:
    async with database_of(request).reader() as db:
        cancellation = await bookings.cancellation(db, cancellation_id)
        return await bookings_api.shown_cancellation(db, products_of(request), cancellation)


@router.post("/payments/refund/{booking_id}")
@allow(payer, find=own_booking)
@idempotent(replay=_refunded_before)
async def refund_booking(
    *,
    booking: Annotated[Booking, Found],
    body: schemas.RefundBooking | None = None,
    caller: Caller,
    database: Db,
    products: Sold,
    key: Key,
) -> schemas.CancellationView:
    """Cancel the whole booking by its terms and send back what they give."""
    return await bookings_api.cancel(
        database,
        products,
        booking,
        items=None,
        reason=body.reason if body else None,
        quote_id=None,
        caller=caller,
        key=key,
    )


async def _own_checkout(request: Request, caller: Actor) -> Payment:
    """One's own, or, for an admin, any. PaymentNotFound."""
    reference = str(request.path_params["session_id"])
    async with database_of(request).reader() as db:
        payment = await payments.by_reference(db, gateway="sandbox", reference=reference)
    if not (caller.is_owner(payment.user_id) or caller.is_admin):
        raise PaymentNotFound
    return payment


@simulation.post("/payments/simulate/{session_id}")
@allow(customer, find=_own_checkout)
@unkeyed("an outcome happens once")
async def simulate_payment(
    *, session_id: str, body: Simulate, _payment: Annotated[Payment, Found], till: Cashier
) -> dict[str, str]:
    """Sandbox only: bring about an outcome of one's own checkout; its webhook follows over HTTP."""
    outcome: SimulatedOutcome = body.outcome
    gateway: Any = till.gateway("sandbox")
    state = await gateway.simulate(session_id, outcome)
    return {"session_id": session_id, "status": state.status}


async def _hold_to_pay(database: Db, till: Till, body: schemas.InitiatePayment, caller: Actor) -> Hold:
    """The hold that the body names, if it is the caller's; 404 otherwise."""
    named = [each for each in (body.reservation_id, body.hold_id, body.booking_id) if each is not None]
    if len(named) != 1:
        raise NameOneToPay
    if body.booking_id is not None:
        async with database.reader() as db:
            booking = await bookings.find(db, body.booking_id)
        if not caller.is_owner(booking.owner_id):
            raise BookingNotFound
        return booking.hold
    if till.batch is not None:
        hold = await till.batch.hold(named[0])
    else:
        async with database.reader() as db:
            hold = await holds.find(db, named[0])
    if not caller.is_owner(hold.owner_id):
        raise HoldNotFound
    return hold


def _refuse_foreign_return(request: Request, return_url: str | None) -> None:
    if return_url is None:
        return
    wanted = urlsplit(return_url)
    allowed = request.app.state.return_addresses
    if wanted.scheme not in {"http", "https"} or f"{wanted.scheme}://{wanted.netloc}" not in allowed:
        raise ReturnAddressNotAllowed


def _just_opened(payment: Payment, *, now: datetime) -> schemas.OpenedPayment:
    """Its booking is of the same sum and ends with it: made together."""
    return schemas.OpenedPayment(
        booking_id=payment.booking_id,
        payment_id=payment.id,
        payment_url=payment.url if payment.is_open else None,
        session_id=payment.gateway_reference,
        status=payment.status,
        amount=Money(payment.amount, payment.currency).amount,
        currency=payment.currency,
        expires_at=payment.expires_at,
        server_time=now,
    )


def _said(answer: Answer, status: int) -> Response:
    return Response(answer.model_dump_json(), status_code=status, media_type="application/json")


async def _opened(db: Reader, booking: Booking, payment: Payment | None) -> schemas.OpenedPayment:
    is_open = payment is not None and payment.is_open
    return schemas.OpenedPayment(
        booking_id=booking.id,
        payment_id=payment.id if payment else None,
        payment_url=payment.url if payment and is_open else None,
        session_id=payment.gateway_reference if payment else None,
        status=payment.status if payment else booking.state,
        amount=Money(booking.total, booking.currency).amount,
        currency=booking.currency,
        expires_at=booking.expires_at,
        server_time=await clock.moment(db),
    )


async def _shown(db: Reader, products: Products, payment: Payment, booking: Booking) -> schemas.PaymentView:
    rows = await products.rows(db, {payment.inventory_id: booking.product})
    said = products.say(booking.product, PaidFor(payment, booking), rows)
    return schemas.PaymentView.over(schemas.PaymentView.common(payment), said)
