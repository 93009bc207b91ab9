"""The seat map of a schedule, out of memory: which seats look how, over the whole way or between two stops."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query, Request, Response

from holdfast.kernel import realtime
from holdfast.kernel.audit import Actor, anyone
from holdfast.kernel.inventory import InventoryNotFound, SlotState
from holdfast.kernel.realtime import Kept
from holdfast.kit.errors import Contended
from holdfast.kit.fields import Answer
from holdfast.kit.http import Found, Router, allow, cacheable, conflicting, path_id
from holdfast.products.bus import offers, queries
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus.api import lookups
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.schemas_answers import ScheduleStopView, SeatView
from holdfast.products.bus.values import ScheduleNotFound, ScheduleStatus, SeatsNotGenerated

_TRIES_MAX = 5

router = Router()

#: A stop by its name in any language, or by its order.
Stop: TypeAlias = Annotated[str | None, Query(max_length=200)]


class SeatSummary(Answer):
    available: int
    reserved: int
    booked: int


class SeatMap(Answer):
    """Every seat as it is at this moment over the part asked for."""

    schedule_id: UUID
    status: ScheduleStatus
    from_stop: ScheduleStopView | None
    to_stop: ScheduleStopView | None
    fare: str | None
    currency: str
    available_seats: int
    summary: SeatSummary
    decks: list[dict[str, Any]]
    seats: list[SeatView]
    server_time: datetime


async def in_memory(request: Request, _caller: Actor) -> tuple[Kept, Offer]:
    """A schedule as it is now: its seats and all that is said of it. ScheduleNotFound."""
    schedule_id = path_id(request, "schedule_id")
    lookout = realtime.lookout_of(request)
    for _ in range(_TRIES_MAX):
        try:
            kept = await lookout.look(schedule_id)
        except InventoryNotFound:
            raise ScheduleNotFound from None
        if isinstance(kept.said, Offer):
            return kept, kept.said
        async with lookups.database_of(request).reader() as db:
            offer = await queries.offer(db, schedule_id)
        if await lookout.look(schedule_id) is kept:  # nothing was said anew meanwhile
            kept.said = offer
            return kept, offer
    raise Contended


@router.get("/schedules/{schedule_id}/seats", response_model=SeatMap)
@allow(anyone, find=in_memory)
@conflicting
@cacheable("no-cache")
async def show_seats(
    *, found: Annotated[tuple[Kept, Offer], Found], request: Request, from_stop: Stop = None, to_stop: Stop = None
) -> Response:
    """The seat map as it is now, over the whole way or between two stops; If-None-Match is answered 304."""
    kept, offer = found
    part = part_asked(offer, from_stop, to_stop)
    asked = "" if part is None else f"{part.board.position}-{part.alight.position}"
    now = realtime.lookout_of(request).clock.now()
    return realtime.answer_as_it_is(
        request,
        kept,
        what=f"seats {asked}",
        write=lambda: seat_map(_as_of_now(offer, kept), part, kept.view.states(), now=now),
        now=now,
    )


def part_asked(offer: Offer, from_stop: str | None, to_stop: str | None) -> Part | None:
    """The part between two stops; None before the seats are generated.

    SeatsNotGenerated where a stop is asked for then; StopUnknown, StopsReversed.
    """
    if offer.schedule.stops:
        return offers.part_of(offer.schedule, from_stop, to_stop)
    if (from_stop, to_stop) != (None, None):
        raise SeatsNotGenerated
    return None


def seat_map(offer: Offer, part: Part | None, states: Mapping[int, SlotState], *, now: datetime) -> SeatMap:
    """The seats of a schedule over a part at this moment; none before they are generated."""
    schedule = offer.schedule
    statuses = offers.statuses(offer, part, states) if part is not None else {}
    words = list(statuses.values())
    return SeatMap(
        schedule_id=schedule.id,
        status=schedule.status,
        from_stop=ScheduleStopView.of(part.board) if part is not None else None,
        to_stop=ScheduleStopView.of(part.alight) if part is not None else None,
        fare=answers.amount(part.fare, schedule.currency) if part is not None else None,
        currency=schedule.currency,
        available_seats=words.count("available") if offer.is_selling else 0,
        summary=SeatSummary(
            available=words.count("available"), reserved=words.count("reserved"), booked=words.count("booked")
        ),
        decks=[dict(deck) for deck in schedule.decks],
        seats=answers.seat_views(offer, part, statuses) if part is not None else [],
        server_time=now,
    )


def _as_of_now(offer: Offer, kept: Kept) -> Offer:
    return replace(offer, inventory=replace(offer.inventory, state=kept.view.state))  # type: ignore[arg-type] # its own
