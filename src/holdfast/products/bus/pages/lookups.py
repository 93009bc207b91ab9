"""Find the schedule a page is about."""

from starlette.requests import Request

from holdfast.kernel.audit import Actor
from holdfast.kit.http import path_id
from holdfast.products.bus import queries
from holdfast.products.bus.offers import Offer


async def schedule(request: Request, _caller: Actor) -> Offer:
    """ScheduleNotFound."""
    schedule_id = path_id(request, "schedule_id")
    async with request.app.state.database.reader() as db:
        return await queries.offer(db, schedule_id)
