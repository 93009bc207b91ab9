"""Watch the seats of a schedule, over the whole way or between two stops, as the seat map shows them."""

from fastapi import WebSocket

from holdfast.kernel import realtime
from holdfast.kernel.realtime import Channel
from holdfast.kit.http import Router, path_id
from holdfast.products.bus import offers, queries, rules
from holdfast.products.bus.values import SeatsNotGenerated

router = Router(tags=["Bus"])


@router.websocket("/ws/schedules/{schedule_id}/seats")
@realtime.watching
async def watch_seats(websocket: WebSocket) -> None:
    """`from_stop` and `to_stop` as in the seat map; a seat is available, reserved or booked."""

    async def find() -> Channel:
        schedule_id = path_id(websocket, "schedule_id")
        async with websocket.app.state.database.reader() as db:
            offer = await queries.offer(db, schedule_id)
        if not offer.schedule.stops:
            raise SeatsNotGenerated
        asked = websocket.query_params
        part = offers.part_of(offer.schedule, asked.get("from_stop"), asked.get("to_stop"))
        return Channel(
            schedule_id,
            parts=part.legs,
            say=rules.seat_status,
            free_word="available",
            subject="schedule_id",
        )

    await realtime.attend(websocket, find)
