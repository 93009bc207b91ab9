"""The whole story of a booking, told by the activity log and the outbox; cancelling it for somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import audit, bookings, checkout
from holdfast.kernel.audit import LogEntry, admin
from holdfast.kernel.bookings import Booking, Quote
from holdfast.kernel.checkout import BookingView
from holdfast.kernel.identity import Caller, Identity, IdentitySettings, User, staff
from holdfast.kit import clock, outbox
from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow, raw, unkeyed
from holdfast.kit.outbox import KeptFact
from holdfast.kit.words import say
from holdfast.web import forms, words
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, MISSING, Filled, Form
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import OneBooking, people, readable_booking
from holdfast.web.routing import Pages
from holdfast.web.staff import REASON_MAX, show_staff
from holdfast.web.staff import words as staff_words

router = Pages()

FACTS_MAX = 500
_ENTITIES = ("booking", "hold", "payment", "refund", "ticket")


class CancelForm(Form):
    items: Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=50)]
    quote_id: UUID
    #: asked for; looked at by itself, so that the form comes back with its places where it is missing
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: by whom, to what; a fact was told by the platform itself."""

    at: datetime
    name: str
    is_fact: bool
    is_bad: bool
    entity_type: str
    entity_id: UUID
    actor_kind: str = "system"
    user: User | None = None
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@router.get("/staff/bookings/{booking_id}")
@allow(staff, find=readable_booking)
async def story_page(request: Request, booking: OneBooking, database: Db, settings: Identity) -> Response:
    return await _shown(request, database, booking, settings)


@router.get("/staff/bookings/{booking_id}/cancel")
@allow(admin, find=readable_booking)
async def cancel_page(
    *,
    request: Request,
    booking: OneBooking,
    database: Db,
    settings: Identity,
    items: Annotated[list[Annotated[int, Query(ge=0, le=1000)]] | None, Query(max_length=50)] = None,
) -> Response:
    """What cancelling these places (all, where none is named) gives back, before anything is done."""
    return await _preview(request, database, booking, settings, items=items)


@router.post("/staff/bookings/{booking_id}/cancel")
@allow(admin, find=readable_booking)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a place is cancelled once, and a quote is good for one cancellation")
async def cancel(request: Request, booking: OneBooking, database: Db, caller: Caller, settings: Identity) -> Response:
    """By the quote that was shown, so that its amounts stand; logged with the admin's id, the reason kept with it."""
    filled = await forms.read(request, CancelForm)
    said = filled.said
    if said is None or not said.reason:
        items = None if said is None else said.items
        locale = (await viewer_of(request)).locale
        filled = Filled(filled.typed, said, {"reason": say(MISSING, locale), **filled.errors})
        return await _preview(request, database, booking, settings, items=items, filled=filled, status=422)

    async def write(db: Transaction) -> None:
        await checkout.cancel(
            db, booking.id, items=said.items, reason=said.reason, quote_id=said.quote_id, actor=caller
        )

    try:
        await database.run(write)
    except Error as error:
        return await _shown(request, database, booking, settings, error=error)
    return RedirectResponse(f"/staff/bookings/{booking.id}?done=cancelled", status_code=303)


async def _preview(
    request: Request,
    database: Database,
    booking: Booking,
    settings: IdentitySettings,
    *,
    items: Sequence[int] | None,
    filled: Filled[CancelForm] | None = None,
    status: int = 200,
) -> Response:
    async def ask(db: Transaction) -> Quote:
        return await checkout.quote(db, booking.id, items=items)

    try:
        quote = await database.run(ask)
    except Error as error:
        return await _shown(request, database, booking, settings, error=error)
    return await show_staff(
        request,
        "web/staff/cancel.html",
        booking=booking,
        quote=quote,
        chosen=[item for item in booking.hold.items if item.number in quote.items],
        is_whole=len(quote.items) == len(booking.hold.kept),
        described=words.described(booking.hold, (await viewer_of(request)).locale),
        filled=filled or Filled(),
        status=status,
    )


async def _shown(
    request: Request,
    database: Database,
    booking: Booking,
    settings: IdentitySettings,
    *,
    error: Error | None = None,
) -> Response:
    async with database.reader() as db:
        now = await clock.moment(db)
        booking = await bookings.find(db, booking.id)
        view = (await checkout.views_of(db, [booking]))[0]
        events, people_known = await story_of(db, view, settings=settings)
    locale = (await viewer_of(request)).locale
    return await show_staff(
        request,
        "web/staff/booking.html",
        home=f"/staff/bookings/{booking.id}",
        view=view,
        booking=booking,
        owner=people_known.get(booking.owner_id) if booking.owner_id is not None else None,
        people=people_known,
        events=events,
        described=words.described(booking.hold, locale),
        labels={item.number: item.label for item in booking.hold.items},
        line_kinds=words.LINE_KINDS,
        states=words.BOOKING_STATES,
        payment_states=words.PAYMENT_STATES,
        refund_states=words.REFUND_STATES,
        ticket_states=words.TICKET_STATES,
        methods=words.METHODS,
        is_late=words.is_late(booking),
        is_cancellable=booking.state == "confirmed" and booking.hold.starts_at > now,
        is_running=booking.state in {"pending", "requested"} and booking.expires_at > now,
        error=None if error is None else told(error, locale),
        server_time=now,
        status=200 if error is None else error.status,
    )


async def story_of(
    db: Reader, view: BookingView, *, settings: IdentitySettings
) -> tuple[list[Event], dict[UUID, User]]:
    """What happened to it, its hold, payments, refunds and tickets, oldest first; and the people in it, by id."""
    booking = view.booking
    ids = [booking.id, booking.hold_id]
    ids += [*(each.id for each in view.payments), *(each.id for each in view.refunds)]
    ids += [each.id for each in view.tickets]
    entries = await audit.of_entities(db, _ENTITIES, ids)
    facts = await outbox.about(
        db, since=booking.hold.placed_at, limit=FACTS_MAX, booking_id=booking.id, hold_id=booking.hold_id
    )
    named = [booking.owner_id, *(entry.user_id for entry in entries), *(each.by for each in view.cancellations)]
    users = await people(db, named, settings=settings)
    events = [*(_of_log(entry, users) for entry in entries), *(_of_fact(fact) for fact in facts)]
    return sorted(events, key=lambda event: (event.at, event.is_fact)), users


def _of_log(entry: LogEntry, users: Mapping[UUID, User]) -> Event:
    return Event(
        at=entry.timestamp,
        name=entry.action_type,
        is_fact=False,
        is_bad=entry.action_type in staff_words.BAD,
        entity_type=entry.entity_type,
        entity_id=entry.entity_id,
        actor_kind=entry.actor_kind,
        user=users.get(entry.user_id) if entry.user_id is not None else None,
        before=entry.before or {},
        after=entry.after or {},
        details=entry.details or {},
    )


def _of_fact(fact: KeptFact) -> Event:
    about = {name: value for name, value in fact.payload.items() if value is not None}
    position = {"position": fact.position} if fact.position is not None else {}
    return Event(
        at=fact.at,
        name=fact.kind,
        is_fact=True,
        is_bad=False,
        entity_type="fact",
        entity_id=fact.id,
        details={**about, **position},
    )
