"""Search over HTTP; it stands before `/schedules/{schedule_id}`, which would take its path."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query, Request, Response
from pydantic import TypeAdapter

from holdfast.kernel.audit import anyone
from holdfast.kit.cursors import BadCursor, Key, Page, Paged
from holdfast.kit.db import EPOCH, Database, Reader
from holdfast.kit.fields import Answer, DateField, ShortText, TimeField
from holdfast.kit.http import Router, allow
from holdfast.kit.quick_reads import Said, quick
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus import search
from holdfast.products.bus.schemas_answers import BusSummary, RouteView, ScheduleStopView, ScheduleView
from holdfast.products.bus.search import After, Run, Sort, Wanted
from holdfast.products.bus.timetable import Timetable
from holdfast.products.bus.values import BusType

#: So many queries are remembered as they were understood, none longer than this.
QUERIES_MAX, QUERY_LENGTH_MAX = 1_000, 1_000
_JSON = "application/json"

router = Router()

City = Annotated[ShortText, Query()]


class RunView(ScheduleView):
    """A schedule over the part asked for: `available_seats`, `price_from` and the times are those of this part."""

    bus: BusSummary
    route: RouteView
    from_stop: ScheduleStopView
    to_stop: ScheduleStopView
    boarding_datetime: datetime
    alighting_datetime: datetime
    duration_minutes: int
    fare: str
    price_from: str

    @classmethod
    def of_run(cls, run: Run) -> "RunView":
        schedule, part = run.offer.schedule, run.part
        return cls(
            **ScheduleView.fields_of(schedule, offer=run.offer, available_seats=run.available),
            bus=BusSummary.of(run.occurrence.bus),
            route=RouteView.of(run.occurrence.route),
            from_stop=ScheduleStopView.of(part.board),
            to_stop=ScheduleStopView.of(part.alight),
            boarding_datetime=part.board.at,
            alighting_datetime=part.alight.at,
            duration_minutes=run.minutes,
            fare=answers.amount(part.fare, schedule.currency),
            price_from=answers.amount(run.price_from, schedule.currency),
        )


class RunsView(Answer):
    items: list[RunView]
    next_cursor: str | None
    departure_date: date
    server_time: datetime


async def search_outright(platform: FastAPI, query: str, _known: str | None) -> Said | None:
    """`search_schedules` of a query that was understood before."""
    understood = _understood(platform)
    asked = understood.get(query)
    if asked is None:
        return None
    understood.move_to_end(query)
    body = await _answer(platform, asked)
    return 200, [(b"content-length", str(len(body)).encode()), (b"content-type", _JSON.encode())], body


@router.get("/schedules/search", response_model=RunsView)
@quick(search_outright)
@allow(anyone)
async def search_schedules(
    *,
    origin_city: City,
    destination_city: City,
    departure_date: Annotated[DateField, Query()],
    request: Request,
    page: Paged,
    sort: Sort = "departure",
    bus_type: BusType | None = None,
    amenity: Annotated[list[ShortText] | None, Query(max_length=10)] = None,
    time_from: Annotated[TimeField | None, Query()] = None,
    time_to: Annotated[TimeField | None, Query()] = None,
    seats_together: Annotated[int | None, Query(ge=1, le=6)] = None,
) -> Response:
    """What leaves the origin on that day (as calendars there have it) and reaches the destination, stops included.

    Cities in any language, whatever their case and accents; `time_from`, `time_to`: when it leaves, both included.
    """
    wanted = Wanted(
        origin=origin_city,
        destination=destination_city,
        day=departure_date,
        bus_type=bus_type,
        amenities=amenity or (),
        time_from=time_from,
        time_to=time_to,
        seats_together=seats_together,
    )
    asked = _Asked(wanted, sort, page)
    body = await _answer(request.app, asked)
    _remember(request, asked)
    return Response(body, media_type=_JSON)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query as it was understood: the same query means the same tomorrow."""

    wanted: Wanted
    sort: Sort
    page: Page


def _understood(platform: FastAPI) -> OrderedDict[str, _Asked]:
    """What was understood in this process, by the query as it was sent; what was sent last."""
    state = platform.state
    if not hasattr(state, "bus_searches"):
        state.bus_searches = OrderedDict()
    found: OrderedDict[str, _Asked] = state.bus_searches
    return found


def _remember(request: Request, asked: _Asked) -> None:
    understood, query = _understood(request.app), request.scope["query_string"].decode("latin-1")
    if len(query) <= QUERY_LENGTH_MAX:
        understood[query] = asked
        if len(understood) > QUERIES_MAX:
            understood.popitem(last=False)


async def _answer(platform: FastAPI, asked: _Asked) -> bytes:
    database: Database = platform.state.database
    async with database.reader() as db:
        now = await platform.state.lookout.clock.recent(db)
        shown, behind = await _page(db, asked, now=now, timetable=timetable_of(platform))
    cursor = None if behind is None else asked.page.cursor(behind)
    return written(shown, cursor, day=asked.wanted.day, now=now)


async def _page(db: Reader, asked: _Asked, *, now: datetime, timetable: Timetable) -> tuple[list[Run], Key | None]:
    """The runs of a page, and behind which key the next one begins; None: this is the last."""
    wanted, sort, page = asked.wanted, asked.sort, asked.page
    after = None if page.after is None else _key(page.after)
    if sort == "departure" and wanted.is_plain:
        found = await search.first_runs(
            db, wanted, now=now, timetable=timetable, after=_behind(after), limit=page.limit + 1
        )
    else:
        found = await search.runs(db, wanted, now=now, timetable=timetable)
        found = [run for run in found if after is None or run.sort_key(sort) > after]
        found.sort(key=lambda run: run.sort_key(sort))
    shown, more = found[: page.limit], len(found) > page.limit
    return shown, shown[-1].sort_key(sort) if more else None


def written(runs: Sequence[Run], next_cursor: str | None, *, day: date, now: datetime) -> bytes:
    """The answer as `RunsView` says it, of pieces that were written once for each run (a test compares both)."""
    items = b",".join([_run(run) for run in runs])
    end = _END.dump_json(_End(next_cursor, day, now))
    return b'{"items":[%s],%s' % (items, end[1:])


@dataclass(frozen=True, slots=True)
class _End:
    next_cursor: str | None
    departure_date: date
    server_time: datetime


_END = TypeAdapter(_End)


def _run(run: Run) -> bytes:
    """What no sale changes of it, with what is free and the cheapest price of now between."""
    card = run.card
    if card.written is None:
        whole = RunView.of_run(Run(card, 0, 0)).model_dump_json().encode()
        head, _, rest = whole.partition(b'"available_seats":0,')  # before it stand names and plain values alone
        tail, _, _ = rest.rpartition(b',"price_from":')  # the last of all
        card.written = head, tail
    head, tail = card.written
    price = answers.amount(run.price_from, run.offer.schedule.currency).encode()
    return b'%s"available_seats":%d,%s,"price_from":"%s"}' % (head, run.available, tail, price)


def timetable_of(platform: FastAPI) -> Timetable:
    """The timetable of this process, opened when it is first asked for."""
    state = platform.state
    if not hasattr(state, "bus_timetable"):
        state.bus_timetable = Timetable()
    found = state.bus_timetable
    assert isinstance(found, Timetable)
    return found


def _behind(after: tuple[int, int, str] | None) -> After | None:
    if after is None:
        return None
    try:
        return EPOCH + timedelta(microseconds=after[1]), UUID(after[2])
    except (ValueError, OverflowError):
        raise BadCursor from None


def _key(after: tuple[object, ...]) -> tuple[int, int, str]:
    match after:
        case (int(first), int(at), str(schedule_id)):
            return first, at, schedule_id
        case _:
            raise BadCursor
