"""All live holds, the soonest to end first, and taking one away for a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import bookings, checkout, holds, payments
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.bookings import Booking
from holdfast.kernel.holds import Hold
from holdfast.kernel.identity import Caller, Identity, IdentitySettings, User
from holdfast.kernel.inventory import Clocks
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Reader
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.web import forms, words
from holdfast.web.forms import FORM_BYTES_MAX, Filled
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import Cashier, ReasonForm, people
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()

#: Holds that stand though their moment has passed, because the gateway has not said how their payment ended.
STUCK_MAX = 200


@dataclass(frozen=True, slots=True)
class LiveHold:
    """A hold as whoever watches over it sees it."""

    hold: Hold
    booking: Booking | None
    owner: User | None
    seconds_left: int
    is_stuck: bool
    is_ending: bool

    @property
    def is_unpaid(self) -> bool:
        """It can still be released."""
        is_open = self.booking is None or self.booking.state in {"requested", "pending"}
        return self.hold.ended_at is None and is_open


async def any_hold(request: Request, _caller: Actor) -> Hold:
    async with request.app.state.database.reader() as db:
        return await holds.find(db, path_id(request, "hold_id"))


@router.get("/staff/holds")
@allow(admin)
async def holds_page(request: Request, database: Db, till: Cashier, settings: Identity, page: Paged) -> Response:
    return await _shown(request, database, till.clocks, settings, page=page)


@router.get("/staff/holds.csv")
@allow(admin)
async def holds_csv(database: Db, till: Cashier, settings: Identity) -> Response:
    async with database.reader() as db:
        found = await _live(db, after=None, limit=ROWS_MAX, clocks=till.clocks, settings=settings)
    head = ("hold", "product", "title", "starts_at", "places", "user", "placed_at", "expires_at", "stuck")
    return csv_answer(
        "live-holds",
        head,
        (
            (
                each.hold.id,
                each.hold.product,
                each.hold.description.get("title"),
                each.hold.starts_at,
                " ".join(item.label for item in each.hold.items),
                each.hold.owner_id,
                each.hold.placed_at,
                each.hold.expires_at,
                each.is_stuck,
            )
            for each in found
        ),
    )


@router.post("/staff/holds/{hold_id}/release")
@allow(admin, find=any_hold)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a hold is released once")
async def release(
    *,
    request: Request,
    hold: Annotated[Hold, Found],
    database: Db,
    till: Cashier,
    settings: Identity,
    caller: Caller,
    page: Paged,
) -> Response:
    """Take an unpaid hold away; money that still comes for it is refunded."""
    filled = await forms.read(request, ReasonForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, till.clocks, settings, page=page, filled=filled, at=hold.id, status=422)
    try:
        await database.run(lambda db: checkout.release(db, hold.id, actor=caller, reason=said.reason))
    except Error as error:
        filled = await forms.refused(request, filled, error)
        return await _shown(
            request, database, till.clocks, settings, page=page, filled=filled, at=hold.id, status=error.status
        )
    return RedirectResponse("/staff/holds?done=released", status_code=303)


async def _shown(
    request: Request,
    database: Database,
    clocks: Clocks,
    settings: IdentitySettings,
    *,
    page: Paged,
    filled: Filled[ReasonForm] | None = None,
    at: UUID | None = None,
    status: int = 200,
) -> Response:
    filled = filled or Filled()
    async with database.reader() as db:
        now = await clock.moment(db)
        found = await _live(db, after=page.after, limit=page.limit + 1, clocks=clocks, settings=settings)  # type: ignore[arg-type]
        shown = found[: page.limit]
        last = shown[-1].hold if len(found) > page.limit else None
        if at is not None and at not in {each.hold.id for each in shown}:
            # Whose form did not fit must see why, and try again, however many others end before.
            failed = await _described(db, [await holds.find(db, at)], now=now, clocks=clocks, settings=settings)
            if failed[0].is_unpaid:
                shown = [*failed, *shown]
            else:
                filled = Filled(filled.typed, filled.said, {"": next(iter(filled.errors.values()), "")})
    locale = (await viewer_of(request)).locale
    return await show_staff(
        request,
        "web/staff/holds.html",
        home="/staff/holds",
        live=[(each, words.described(each.hold, locale)) for each in shown],
        next_cursor=page.cursor((last.expires_at, last.id)) if last is not None else None,
        filled=filled,
        filled_at=at,
        server_time=now,
        status=status,
    )


async def _live(
    db: Reader, *, after: tuple[object, UUID] | None, limit: int, clocks: Clocks, settings: IdentitySettings
) -> list[LiveHold]:
    now = await clock.moment(db)
    found = await holds.live(
        db,
        now=now,
        after=after,  # type: ignore[arg-type]
        limit=limit,
        besides=await payments.overdue_holds(db, now=now, limit=STUCK_MAX),
    )
    return await _described(db, found, now=now, clocks=clocks, settings=settings)


async def _described(
    db: Reader, found: Sequence[Hold], *, now: datetime, clocks: Clocks, settings: IdentitySettings
) -> list[LiveHold]:
    """Each with its owner, its booking and how long it still stands."""
    owners = await people(db, (hold.owner_id for hold in found), settings=settings)
    booked = await bookings.of_holds(db, [hold.id for hold in found])
    paying = await payments.of_bookings(db, [booking.id for booking in booked.values()])
    shown = []
    for hold in found:
        booking = booked.get(hold.id)
        attempts = paying[booking.id] if booking is not None else []
        left = max(0, int((hold.expires_at - now).total_seconds()))
        shown.append(
            LiveHold(
                hold=hold,
                booking=booking,
                owner=owners.get(hold.owner_id) if hold.owner_id is not None else None,
                seconds_left=left,
                is_stuck=any(payment.is_open and payment.expires_at <= now for payment in attempts),
                is_ending=left < clocks.too_late_to_pay.total_seconds(),
            )
        )
    return shown
