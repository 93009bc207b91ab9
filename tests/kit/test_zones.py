from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kit.zones import (
    AmbiguousTime,
    NonexistentTime,
    UnknownZone,
    YearOutOfRange,
    day_bounds,
    local_day,
    local_to_utc,
    zone_of,
)

ZONES = st.sampled_from(["Africa/Cairo", "Europe/Lisbon", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])


def test_a_wall_time_becomes_the_moment_the_clocks_of_the_place_show_it() -> None:
    wall = datetime(2026, 7, 1, 8, 30)  # noqa: DTZ001 - a wall time

    moment = local_to_utc(wall, "Africa/Cairo")

    assert moment == datetime(2026, 7, 1, 5, 30, tzinfo=UTC)


def test_a_time_the_clocks_leap_over_does_not_exist_whatever_the_fold() -> None:
    wall = datetime(2026, 4, 24, 0, 30)  # noqa: DTZ001 - a wall time

    for fold in (None, 0, 1):
        with pytest.raises(NonexistentTime) as error:
            local_to_utc(wall, "Africa/Cairo", fold=fold)

        assert (error.value.code, error.value.status) == ("nonexistent_time", 422)


def test_a_time_that_occurs_twice_needs_a_fold() -> None:
    wall = datetime(2026, 10, 29, 23, 30)  # noqa: DTZ001 - a wall time

    with pytest.raises(AmbiguousTime) as error:
        local_to_utc(wall, "Africa/Cairo")

    assert error.value.code == "ambiguous_time"
    assert local_to_utc(wall, "Africa/Cairo", fold=0) == datetime(2026, 10, 29, 20, 30, tzinfo=UTC)
    assert local_to_utc(wall, "Africa/Cairo", fold=1) == datetime(2026, 10, 29, 21, 30, tzinfo=UTC)


def test_the_edges_of_a_gap_are_exact_to_the_microsecond() -> None:
    last, first = datetime(2026, 4, 23, 23, 59, 59, 999_999), datetime(2026, 4, 24, 1)  # noqa: DTZ001 - wall times

    distance = local_to_utc(first, "Africa/Cairo") - local_to_utc(last, "Africa/Cairo")

    assert distance == timedelta(microseconds=1)


@pytest.mark.parametrize("name", ["Mars/Base", "africa/cairo", "../etc/passwd", "/etc/localtime", "", "UTC\0"])
def test_a_zone_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UnknownZone):
        zone_of(name)


@pytest.mark.parametrize("day", [date.min, date.max])
def test_days_at_the_ends_of_the_calendar_are_refused_rather_than_overflowing(day: date) -> None:
    with pytest.raises(YearOutOfRange):
        day_bounds(day, "Asia/Riyadh")


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 4, 24), "Africa/Cairo", 23),  # begins at one o'clock
        (date(2026, 10, 29), "Africa/Cairo", 25),
        (date(2026, 3, 29), "Europe/Lisbon", 23),
        (date(2026, 10, 25), "Europe/Madrid", 25),
        (date(2026, 3, 27), "Asia/Amman", 24),
        (date(2026, 4, 5), "Australia/Lord_Howe", 24.5),
        (date(2011, 12, 30), "Pacific/Apia", 0),  # the day that Samoa skipped
    ],
)
def test_a_local_day_is_as_long_as_its_clocks_make_it(day: date, zone: str, hours: float) -> None:
    start, end = day_bounds(day, zone)

    assert end - start == timedelta(hours=hours)


@given(day=st.dates(date(1975, 1, 1), date(2100, 1, 1)), zone=ZONES)
def test_days_follow_each_other_without_gap_or_overlap(day: date, zone: str) -> None:
    _, end = day_bounds(day, zone)
    start_of_next, _ = day_bounds(day + timedelta(days=1), zone)

    assert end == start_of_next


@given(moment=st.datetimes(datetime(2012, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)), zone=ZONES)  # noqa: DTZ001
def test_every_moment_lies_within_the_bounds_of_its_local_day(moment: datetime, zone: str) -> None:
    start, end = day_bounds(local_day(moment, zone), zone)

    assert start <= moment < end


@given(moment=st.datetimes(datetime(1980, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)), zone=ZONES)  # noqa: DTZ001
def test_what_the_clocks_show_leads_back_to_the_moment(moment: datetime, zone: str) -> None:
    local = moment.astimezone(zone_of(zone))
    fold: int = local.fold

    back = local_to_utc(local.replace(tzinfo=None, fold=0), zone, fold=1 if fold else 0)

    assert back == moment


def test_every_zone_of_the_database_is_known() -> None:
    assert all(zone_of(name).key == name for name in available_timezones())
