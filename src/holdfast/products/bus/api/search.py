"""Search over HTTP; it stands before `/schedules/{schedule_id}`, which would take its path."""

from datetime import date, datetime
from typing import Annotated

from fastapi import Query

from holdfast.kernel.audit import anyone
from holdfast.kit import clock
from holdfast.kit.cursors import BadCursor, Paged
from holdfast.kit.fields import Answer, DateField, ShortText, TimeField
from holdfast.kit.http import Db, Router, allow
from holdfast.products.bus import schemas_answers as answers
from holdfast.products.bus import search
from holdfast.products.bus.schemas_answers import BusSummary, RouteView, ScheduleStopView, ScheduleView
from holdfast.products.bus.search import Run, Sort, Wanted
from holdfast.products.bus.values import BusType

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


@router.get("/schedules/search")
@allow(anyone)
async def search_schedules(
    *,
    origin_city: City,
    destination_city: City,
    departure_date: Annotated[DateField, Query()],
    database: Db,
    page: Paged,
    sort: Sort = "departure",
    bus_type: BusType | None = None,
    amenity: Annotated[list[ShortText] | None, Query(max_length=10)] = None,
    time_from: Annotated[TimeField | None, Query()] = None,
    time_to: Annotated[TimeField | None, Query()] = None,
    seats_together: Annotated[int | None, Query(ge=1, le=6)] = None,
) -> RunsView:
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
    async with database.snapshot() as db:
        now = await clock.moment(db)
        found = sorted(await search.runs(db, wanted, now=now), key=lambda run: run.sort_key(sort))
    if page.after is not None:
        after = _key(page.after)
        found = [run for run in found if run.sort_key(sort) > after]
    shown, more = found[: page.limit], len(found) > page.limit
    return RunsView(
        items=[RunView.of_run(run) for run in shown],
        next_cursor=page.cursor(shown[-1].sort_key(sort)) if more else None,
        departure_date=departure_date,
        server_time=now,
    )


def _key(after: tuple[object, ...]) -> tuple[int, int, str]:
    match after:
        case (int(first), int(at), str(schedule_id)):
            return first, at, schedule_id
        case _:
            raise BadCursor
