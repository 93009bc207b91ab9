"""Tickets over HTTP: look at one, print it, show its code, let somebody in by it."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from holdfast.kernel import bookings
from holdfast.kernel.audit import Actor, anyone, policy, signed_in
from holdfast.kernel.bookings import Booking
from holdfast.kernel.identity import Caller
from holdfast.kernel.product import Products
from holdfast.kernel.tickets import actions, printing, queries, schemas, signing
from holdfast.kernel.tickets.qr import qr_svg
from holdfast.kernel.tickets.values import Locale, Ticket, TicketCancelled, TicketNotFound
from holdfast.kit import clock
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, conflicting, idempotent, path_id

router = Router(tags=["tickets"])

SCANNING = ("owner", "manager", "clerk", "scanner")
#: Who may let people in: scanners, clerks, managers and owners of a provider, and admins.
scanner = policy(
    "scanner",
    allowed="scanners, clerks, managers and owners of a provider, admins",
    test=lambda actor: actor.is_admin or any(role in SCANNING for role in actor.members.values()),
    fresh=True,
)


async def readable_ticket(request: Request, caller: Actor) -> tuple[Ticket, Booking]:
    """For the booking's owner, its provider's members, admins."""
    ticket_id = path_id(request, "ticket_id")
    async with request.app.state.database.reader() as db:
        ticket = await queries.find(db, ticket_id)
        booking = await bookings.find(db, ticket.booking_id)
    if not (caller.is_admin or caller.is_owner(booking.owner_id) or caller.is_member(ticket.provider_id)):
        raise TicketNotFound
    return ticket, booking


@router.get("/tickets/{ticket_id}")
@allow(signed_in, find=readable_ticket)
async def show_ticket(
    *, request: Request, found: Annotated[tuple[Ticket, Booking], Found], database: Db
) -> schemas.TicketView:
    """One ticket with its signed code."""
    ticket, booking = found
    async with database.reader() as db:
        return await _shown(db, request, ticket, booking)


@router.get("/tickets/{ticket_id}/download", response_class=Response)
@allow(signed_in, find=readable_ticket)
@conflicting
async def download_ticket(
    *,
    request: Request,
    found: Annotated[tuple[Ticket, Booking], Found],
    database: Db,
    lang: Annotated[Locale, Query()] = "en",
) -> Response:
    """A PDF with all valid tickets of the booking that this one belongs to; 409 where all of them were cancelled."""
    ticket, booking = found
    async with database.reader() as db:
        issued = (await queries.of_bookings(db, [booking.id]))[booking.id]
        provider = await printing.issuer(db, booking)
    if all(each.state == "cancelled" for each in issued):
        raise TicketCancelled
    document = printing.document(
        booking, issued, issuer=provider, key=_key(request), issued_at=ticket.issued_at, locale=lang
    )
    pdf = await asyncio.to_thread(printing.pdf, document)
    name = f"tickets-{booking.reference}.pdf"
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@router.get("/tickets/{ticket_id}/qr.svg", response_class=Response)
@allow(signed_in, find=readable_ticket)
async def show_ticket_code(*, request: Request, found: Annotated[tuple[Ticket, Booking], Found]) -> Response:
    """The code to be scanned, as a picture."""
    picture = qr_svg(printing.token(found[0], key=_key(request)))
    return Response(picture, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


async def _let_in_before(request: Request, ticket_id: UUID) -> schemas.Verified:
    async with request.app.state.database.reader() as db:
        return schemas.Verified.of(await queries.find(db, ticket_id))


@router.post("/tickets/verify")
@allow(scanner)
@idempotent(replay=_let_in_before)
async def verify_ticket(
    *, request: Request, body: schemas.Verify, caller: Caller, database: Db, key: Key
) -> schemas.Verified:
    """Scan: valid -> used, once; says why not. A ticket of another provider is not known here (404)."""
    claims = signing.read(body.qr_code, keys=request.app.state.ticket_keys)
    async with database.reader() as db:
        ticket = await queries.find(db, claims.ticket_id)
    if not (caller.is_admin or caller.is_member(ticket.provider_id, *SCANNING)):
        raise TicketNotFound

    async def use(db: Transaction) -> schemas.Verified:
        used = await actions.use(db, claims, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=used.id, status=200)
        return schemas.Verified.of(used)

    return await database.run(use)


@router.get("/.well-known/ticket-keys")
@allow(anyone)
async def show_ticket_keys(request: Request) -> schemas.TicketKeys:
    """The public keys by which a scanner without a network checks tickets."""
    keys = request.app.state.ticket_keys
    return schemas.TicketKeys(
        keys=[schemas.PublicKey(kid=key.kid, algorithm="Ed25519", public_key=key.public.hex()) for key in keys]
    )


async def _shown(db: Reader, request: Request, ticket: Ticket, booking: Booking) -> schemas.TicketView:
    products: Products = request.app.state.products
    rows = await products.rows(db, {ticket.inventory_id: booking.product})
    token = printing.token(ticket, key=_key(request))
    common = schemas.TicketView.common(ticket, booking=booking, qr_code=token)
    return schemas.TicketView.model_validate({**common, **products.say(booking.product, ticket, rows)})


def _key(request: Request) -> signing.TicketKey:
    key = request.app.state.ticket_keys[0]
    assert isinstance(key, signing.TicketKey)
    return key
