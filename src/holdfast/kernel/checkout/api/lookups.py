"""Find what a request is about, for those who may know of it; the same 404 for everybody else."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Request

from holdfast.kernel import bookings, payments
from holdfast.kernel.audit import Actor, RoleNeeded
from holdfast.kernel.bookings import Booking, BookingNotFound, Cancellation, CancellationNotFound
from holdfast.kernel.checkout.values import Till
from holdfast.kernel.payments import Payment, PaymentNotFound
from holdfast.kernel.product import Products
from holdfast.kit.db import Database
from holdfast.kit.http import path_id
from holdfast.kit.words import mark


async def _till(request: Request) -> Till:
    return till_of(request)


async def _products(request: Request) -> Products:
    return products_of(request)


_OWNERS = mark("the owner of the booking, admins")

#: The gateways of this application.
Cashier: TypeAlias = Annotated[Till, Depends(_till)]
#: The products of this application.
Sold: TypeAlias = Annotated[Products, Depends(_products)]


def till_of(request: Request) -> Till:
    till = request.app.state.till
    assert isinstance(till, Till)
    return till


def products_of(request: Request) -> Products:
    products = request.app.state.products
    assert isinstance(products, Products)
    return products


def database_of(request: Request) -> Database:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


async def readable_booking(request: Request, caller: Actor) -> Booking:
    """For its owner, its provider's members, admins; an unpaid one only where its product shows it."""
    return await booking_by_id(request, caller, path_id(request, "booking_id"))


async def own_booking(request: Request, caller: Actor) -> Booking:
    """For its owner and admins; its provider's members know of it and may not (403)."""
    booking = await readable_booking(request, caller)
    if not (caller.is_admin or caller.is_owner(booking.owner_id)):
        raise RoleNeeded(_OWNERS)
    return booking


async def booking_with_payments(request: Request, caller: Actor) -> Booking:
    """As `readable_booking`, and also while it is pending: its payment names it already."""
    booking_id = path_id(request, "booking_id")
    async with database_of(request).reader() as db:
        booking = await bookings.find(db, booking_id)
    if not may_read(caller, booking):
        raise BookingNotFound
    return booking


async def readable_payment(request: Request, caller: Actor) -> Payment:
    payment_id = path_id(request, "payment_id")
    async with database_of(request).reader() as db:
        payment = await payments.find(db, payment_id)
    if not (caller.is_admin or caller.is_owner(payment.user_id) or caller.is_member(payment.provider_id)):
        raise PaymentNotFound
    return payment


async def readable_cancellation(request: Request, caller: Actor) -> Cancellation:
    cancellation_id = path_id(request, "cancellation_id")
    async with database_of(request).reader() as db:
        cancellation = await bookings.cancellation(db, cancellation_id)
        booking = await bookings.find(db, cancellation.booking_id)
    if not may_read(caller, booking):
        raise CancellationNotFound
    return cancellation


async def booking_by_id(request: Request, caller: Actor, booking_id: UUID) -> Booking:
    async with database_of(request).reader() as db:
        booking = await bookings.find(db, booking_id)
    product = products_of(request).named(booking.product)
    is_shown = booking.was_confirmed or (product is not None and product.shows_unpaid)
    if not is_shown or not may_read(caller, booking):
        raise BookingNotFound
    return booking


def may_read(caller: Actor, booking: Booking) -> bool:
    return caller.is_admin or caller.is_owner(booking.owner_id) or caller.is_member(booking.provider_id)
