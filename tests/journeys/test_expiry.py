"""A hold whose time is over is sold to the next customer at once: no worker runs here."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.journeys.calls import Line, refusal
from tests.journeys.world import World

LEAST = timedelta(microseconds=1)


async def seats_left(world: World, line: Line) -> tuple[int, int, int, int]:
    """What the schedule, its details, its seat map and the search say at this moment."""
    anybody = world.stranger()
    schedule = await anybody.get(f"/schedules/{line.id}")
    details = await anybody.get(f"/schedules/{line.id}/details")
    shown = await anybody.get(f"/schedules/{line.id}/seats")
    free = sum(seat["status"] == "available" for seat in shown["seats"])
    day = line.departs_at.astimezone(ZoneInfo("Africa/Cairo")).date()
    (run,) = await world.search(line, day)
    assert shown["available_seats"] == free
    return schedule["available_seats"], details["available_seats"], free, run["available_seats"]


async def test_what_lapsed_is_sold_at_once_and_everything_says_so_at_that_moment(world: World) -> None:
    line = await world.line(rows=2)
    amal, badr = await world.crowd(2)
    lapsing = await world.reserve(amal, line, "1A", "1B")
    await world.initiate(amal, lapsing)
    end = datetime.fromisoformat(lapsing["expiry_datetime"])
    assert end - datetime.fromisoformat(lapsing["reservation_datetime"]) == timedelta(minutes=15)

    await world.stand_at(end - LEAST)
    assert await seats_left(world, line) == (7, 7, 7, 7)
    taken = {"schedule_id": line.id, "seat_numbers": ["1B", "2A"]}
    refused = refusal(await badr.ask("POST", "/reservations/create", taken), 409, "slots_taken")
    assert refused["labels"] == ["1B"]

    await world.stand_at(end)
    assert await seats_left(world, line) == (9, 9, 9, 9)
    bought = await world.reserve(badr, line, "1B", "2A")
    assert await seats_left(world, line) == (7, 7, 7, 7)

    await world.go_on()
    payment = await world.initiate(badr, bought)
    await world.bank.pay(payment)
    booking = await world.confirmed(badr, bought)
    assert booking["status"] == "confirmed"
    assert (await amal.get(f"/reservations/{lapsing['id']}"))["status"] == "expired"
    refusal(await amal.ask("POST", "/bookings/create", {"reservation_id": lapsing["id"]}), 409, "hold_expired")
    assert await world.seat_map(line) == {"1B": "booked", "2A": "booked"}
    await world.agrees()
