"""Choose seats of one schedule on a live map, or take the best there are, and hold them."""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast import web
from holdfast.kernel import holds
from holdfast.kernel.audit import anyone
from holdfast.kernel.checkout import Till
from holdfast.kernel.holds import AlreadyHolding, Hold
from holdfast.kernel.identity import Caller, own_id
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, raw, unkeyed
from holdfast.kit.money import MalformedAmount, Money
from holdfast.kit.ratelimit import LocalBucket
from holdfast.kit.words import say
from holdfast.products.bus import offers, queries, tasks
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.pages import offering
from holdfast.products.bus.pages.lookups import schedule
from holdfast.products.bus.pages.search import BUS_TYPES
from holdfast.products.bus.reservations import Asked, Buyer, canonical
from holdfast.products.bus.values import Preference

router = web.Pages()

OneSchedule: TypeAlias = Annotated[Offer, Found]
Stop = Annotated[str | None, Query(max_length=80)]


class HoldForm(web.Form):
    seat_ids: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    from_stop: Annotated[str, Field(max_length=80)] | None = None
    to_stop: Annotated[str, Field(max_length=80)] | None = None


@router.get("/bus/schedules/{schedule_id}")
@allow(anyone, find=schedule)
async def seats_page(
    *,
    request: Request,
    offer: OneSchedule,
    database: Db,
    from_stop: Stop = None,
    to_stop: Stop = None,
    count: Annotated[int | None, Query(ge=1, le=6)] = None,
    prefer: Preference = "together",
    up_to: Annotated[str, Query(max_length=20)] = "",
    skip: Annotated[int, Query(ge=0, le=offering.OTHERS_MAX)] = 0,
    seats: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """The map. `seats`: numbers that are chosen already, such as before signing in; `count`: offer the best so many."""
    asked = _Asked(from_stop, to_stop, count, prefer, up_to, skip, frozenset(filter(None, seats.split(","))))
    return await _shown(request, database, offer, asked)


@router.post("/bus/schedules/{schedule_id}/hold")
@allow(anyone, find=schedule)
@raw(limit=web.FORM_BYTES_MAX)
@unkeyed("the form's key is the hold's own")
async def hold_seats(request: Request, offer: OneSchedule, database: Db, caller: Caller) -> Response:
    """Hold the chosen seats, all or none, and go on to pay; a stranger signs in first and keeps the choice."""
    filled = await web.read_form(request, HoldForm)
    said = filled.said or HoldForm()
    numbers = _numbers(offer, said.seat_ids)
    asked = _Asked(said.from_stop, said.to_stop, None, "together", "", 0, frozenset(numbers))
    if caller.user_id is None:
        return RedirectResponse(f"/sign-in?{urlencode({'next': _path(offer, asked)})}", status_code=303)
    wish = Asked(
        schedule_id=offer.schedule.id,
        seat_ids=said.seat_ids,
        seat_numbers=None,
        count=None,
        preference="together",
        flags=(),
        from_stop=said.from_stop,
        to_stop=said.to_stop,
        document=canonical(said.model_dump(mode="json", exclude={"key"})),
    )
    try:
        _bucket(request).take(str(own_id(caller)))
        buyer = Buyer(own_id(caller), said.key or None)
        hold, _, _ = await tasks.reserve(tasks.counter_of(request), wish, buyer=buyer, actor=caller)
    except Error as error:
        return await _shown(request, database, offer, asked, error=error, status=error.status)
    return RedirectResponse(f"/holds/{hold.id}", status_code=303)


def try_again(hold: Hold) -> str:
    """The map with the seats of a hold that ended still chosen."""
    sold = hold.description
    query = {
        "from_stop": sold.get("from_stop", 0),
        "to_stop": sold.get("to_stop", 1),
        "seats": ",".join(item.label for item in hold.items),
    }
    return f"/bus/schedules/{hold.inventory_id}?{urlencode(query)}"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address of the page asks for."""

    from_stop: str | None
    to_stop: str | None
    count: int | None
    prefer: Preference
    up_to: str
    skip: int
    numbers: frozenset[str]


async def _shown(
    request: Request,
    database: Database,
    offer: Offer,
    asked: _Asked,
    *,
    error: Error | None = None,
    status: int = 200,
) -> Response:
    if not offer.schedule.stops:
        return await web.show(request, "bus/not_yet.html", offer=offer)
    viewer = await web.viewer_of(request)
    part = offers.part_of(offer.schedule, asked.from_stop, asked.to_stop)
    async with database.snapshot() as db:
        now = await clock.moment(db)
        states = await queries.slot_states(db, offer, now=now)
        occurrence = (await queries.occurrences(db, [offer.schedule.id]))[offer.schedule.id]
        mine = []
        if viewer.actor.user_id is not None:
            live = await holds.live_of_owner(db, viewer.actor.user_id, now=now, product="bus")
            mine = [hold for hold in live if hold.inventory_id == offer.schedule.id]
    seats = offering.shown_seats(offer, part, offers.statuses(offer, part, states))
    held = {item.label for hold in mine for item in hold.items}
    up_to, price_typed = _price(asked.up_to, offer.schedule.currency, viewer.locale)
    choice = None
    if asked.count is not None and not price_typed.errors:
        choice = offering.best_of(
            offer,
            part,
            free=offers.free_numbers(offer, part, states),
            count=asked.count,
            preference=asked.prefer,
            up_to=up_to,
            skip=asked.skip,
        )
    offered = frozenset() if choice is None else frozenset(seat.number for seat in choice.seats)
    limit = offer.inventory.limits.items_max
    query = urlencode({"from_stop": part.board.position, "to_stop": part.alight.position})
    socket = f"/api/v1/bus/ws/schedules/{offer.schedule.id}/seats?{query}"
    data = offering.map_data(offer, seats, mine=held, locale=viewer.locale, limit=limit, socket=socket)
    return await web.show(
        request,
        "bus/seats.html",
        home=f"/bus/schedules/{offer.schedule.id}",
        offer=offer,
        part=part,
        occurrence=occurrence,
        seats=seats,
        chosen=offered or asked.numbers,
        choice=choice,
        why=None if choice is None else offering.why(choice, viewer.locale, is_best=asked.skip == 0),
        asked=asked,
        price_typed=price_typed,
        others=asked.skip + 1 if choice is not None and asked.skip < offering.OTHERS_MAX else None,
        limit=limit,
        free=sum(seat.is_free for seat in seats) if offer.is_selling else 0,
        is_selling=offer.is_selling and part.board.at > now,
        mine=mine,
        map_data=json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
        preference_choices=[(key, say(text, viewer.locale)) for key, text in offering.PREFERENCES.items()],
        seat_types=offering.SEAT_TYPES,
        statuses=offering.STATUSES,
        flags=offering.FLAGS,
        bus_types=BUS_TYPES,
        error=None if error is None else web.told(error, viewer.locale),
        # said, since a choice never changes silently
        lost=[]
        if error
        else [seat.number for seat in seats if seat.number in asked.numbers - held and not seat.is_free],
        held_elsewhere=error.hold_id if isinstance(error, AlreadyHolding) else None,
        server_time=now,
        status=status,
    )


def _path(offer: Offer, asked: _Asked) -> str:
    query = {"from_stop": asked.from_stop, "to_stop": asked.to_stop, "seats": ",".join(sorted(asked.numbers))}
    return f"/bus/schedules/{offer.schedule.id}?{urlencode({k: v for k, v in query.items() if v})}"


def _numbers(offer: Offer, seat_ids: Sequence[UUID]) -> list[str]:
    wanted = set(seat_ids)
    return [place.label for place in offer.places.places if offer.seat_id(place.number) in wanted]


def _price(text: str, currency: str, locale: str) -> tuple[int | None, web.Filled[web.Form]]:
    """A price somebody typed, in minor units, with digits of any script; and what is to be said beside its field."""
    plain = "".join(str(unicodedata.decimal(sign, sign)) for sign in text.strip())
    try:
        return (Money.parse(plain, currency).minor if plain else None), web.Filled()
    except MalformedAmount as error:
        return None, web.Filled(errors={"up_to": web.told(error, locale)})


def _bucket(request: Request) -> LocalBucket:
    bucket: Any = request.app.state.hold_bucket
    assert isinstance(bucket, LocalBucket)
    return bucket


def _till(request: Request) -> Till:
    till: Any = request.app.state.till
    assert isinstance(till, Till)
    return till
