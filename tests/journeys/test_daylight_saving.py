"""Local days where clocks change: a run is found on the day that calendars at its stop show."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.journeys.calls import refusal
from tests.journeys.world import World


def next_change(zone: str, after: datetime, *, forward: bool) -> tuple[date, time]:
    """The local day and the wall time at which clocks go forward (or back) next."""
    place = ZoneInfo(zone)
    hour = after.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    while True:
        before, hour = hour, hour + timedelta(hours=1)
        offset, next_offset = before.astimezone(place).utcoffset(), hour.astimezone(place).utcoffset()
        assert offset is not None
        assert next_offset is not None
        if offset != next_offset and (next_offset > offset) == forward:
            at = hour.astimezone(UTC) + min(offset, next_offset)  # the first wall time that is skipped, or comes twice
            return at.date(), at.time()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo"])
async def test_on_the_day_that_clocks_go_forward_runs_are_found_and_the_gap_is_refused(world: World, zone: str) -> None:
    """In Berlin the hour after 02:00 is missing, in Cairo the first of the day."""
    day, gap = next_change(zone, await world.now() + timedelta(days=2), forward=True)
    late = datetime.combine(day, time(23, 30))
    early = datetime.combine(day, time(1, 10))
    for departs_at in (late, early):
        line = await world.line(zone=zone, departs_at=departs_at.isoformat())
        assert line.departs_at == departs_at.replace(tzinfo=ZoneInfo(zone))
        for searched, is_found in ((day, True), (day - timedelta(days=1), False), (day + timedelta(days=1), False)):
            found = [run["id"] for run in await world.search(line, searched)]
            assert found == [line.id] * is_found, (departs_at, searched)

    in_gap = datetime.combine(day, gap) + timedelta(minutes=30)
    schedule = await line.operator.get(f"/schedules/{line.id}")
    planned = {name: schedule[name] for name in ("route_id", "bus_id", "base_price")}
    planned["departure_datetime"] = in_gap.isoformat()
    refusal(await line.operator.ask("POST", "/schedules", planned), 422, "nonexistent_time")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Africa/Cairo"])
async def test_on_the_day_that_clocks_go_back_an_hour_that_comes_twice_has_to_be_named(world: World, zone: str) -> None:
    day, twice = next_change(zone, await world.now() + timedelta(days=2), forward=False)
    ambiguous = datetime.combine(day, twice) + timedelta(minutes=30)
    line = await world.line(zone=zone, departs_at=f"{day + timedelta(days=3)}T09:00")
    schedule = await line.operator.get(f"/schedules/{line.id}")
    planned = {name: schedule[name] for name in ("route_id", "bus_id", "base_price")}
    planned["departure_datetime"] = ambiguous.isoformat()

    refusal(await line.operator.ask("POST", "/schedules", planned), 422, "ambiguous_time")
    entered = await line.operator.post("/schedules", {**planned, "departure_fold": 1}, status=201)
    await line.operator.post(f"/schedules/{entered['id']}/generate-seats", status=201)

    second = ambiguous.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)
    assert datetime.fromisoformat(entered["departure_datetime"]) == second
    for searched, is_found in ((day, True), (day - timedelta(days=1), False), (day + timedelta(days=1), False)):
        assert [run["id"] for run in await world.search(line, searched)] == [entered["id"]] * is_found
