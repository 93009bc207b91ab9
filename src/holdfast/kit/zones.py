"""Tell local time: wall clocks of a place, its days, and what daylight saving does to both."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

from holdfast.kit.errors import Invalid

YEAR_MIN = 1970
YEAR_MAX = 2199


@dataclass(eq=False)
class UnknownZone(Invalid):
    """{zone!r} is not a time zone of the IANA database."""

    zone: str


@dataclass(eq=False)
class NonexistentTime(Invalid):
    """{wall} does not exist in {zone}: the clocks go forward over it."""

    wall: str
    zone: str


@dataclass(eq=False)
class AmbiguousTime(Invalid):
    """{wall} occurs twice in {zone}: say with fold whether the first (0) or the second (1) is meant."""

    wall: str
    zone: str


@dataclass(eq=False)
class YearOutOfRange(Invalid):
    """The year {year} is out of range: years from 1970 to 2199 are known here."""

    year: int


@cache
def zone_of(name: str) -> ZoneInfo:
    """The zone of an exact IANA name. UnknownZone for all else, names of files and of other cases included."""
    if name not in _names():
        raise UnknownZone(name[:40])
    return ZoneInfo(name)


def local_to_utc(wall: datetime, zone: str, *, fold: Literal[0, 1] | None = None) -> datetime:
    """The moment at which the clocks of a zone show `wall` (naive).

    Raises NonexistentTime in a gap, AmbiguousTime in a fold unless `fold` says which of the two is meant; where the
    time occurs once, `fold` changes nothing. Also UnknownZone, YearOutOfRange.
    """
    assert wall.tzinfo is None
    tz = zone_of(zone)
    _check_year(wall.year)
    first, second = (wall.replace(tzinfo=tz, fold=f).astimezone(UTC) for f in (0, 1))
    if first.astimezone(tz).replace(tzinfo=None) != wall.replace(fold=0):
        raise NonexistentTime(wall.isoformat(), zone)
    if first != second and fold is None:
        raise AmbiguousTime(wall.isoformat(), zone)
    return second if fold == 1 else first


def utc_to_local(moment: datetime, zone: str) -> datetime:
    """The same moment with the offset of the zone."""
    assert moment.tzinfo is not None
    return moment.astimezone(zone_of(zone))


def local_day(moment: datetime, zone: str) -> date:
    """The date on the calendars of a zone at a moment."""
    return utc_to_local(moment, zone).date()


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """[start, end) of a local day in UTC: 23 or 25 hours long where clocks change, empty where a zone skipped it."""
    _check_year(day.year)
    return _start_of(day, zone_of(zone)), _start_of(day + timedelta(days=1), zone_of(zone))


def _start_of(day: date, tz: ZoneInfo) -> datetime:
    midnight = datetime.combine(day, time.min, tzinfo=tz)
    start = midnight.astimezone(UTC)
    if start.astimezone(tz).date() == day and start.astimezone(tz).time() == time.min:
        return start
    # Midnight itself falls into a gap (Cairo, each April): the day begins where the clocks jump.
    before, after = midnight.replace(fold=1).astimezone(UTC), start
    offset = after.astimezone(tz).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        before, after = (before, middle) if middle.astimezone(tz).utcoffset() == offset else (middle, after)
    return after.replace(microsecond=0)


def _check_year(year: int) -> None:
    if not YEAR_MIN <= year <= YEAR_MAX:  # the ends of Python's calendar overflow when an offset is added
        raise YearOutOfRange(year)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
