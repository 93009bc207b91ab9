"""The period a report is about, and what can be wrong with it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Self

from holdfast.kit.errors import Invalid, NotFound
from holdfast.kit.zones import day_bounds

DAYS_MAX = 366
GroupBy = Literal["day", "product", "occurrence"]


@dataclass(eq=False)
class PeriodReversed(Invalid):
    """The period ends before it begins."""


@dataclass(eq=False)
class PeriodTooLong(Invalid):
    """A report covers at most {days_max} days."""

    days_max: int = DAYS_MAX


@dataclass(eq=False)
class TableUnknown(NotFound):
    """There is no table of that name to export."""


@dataclass(frozen=True, slots=True)
class Period:
    """Local days of a zone, both ends included; as moments half open: since <= moment < before."""

    first: date
    last: date
    zone: str
    since: datetime
    before: datetime

    @classmethod
    def of(cls, first: date, last: date, *, zone: str) -> Self:
        """PeriodReversed, PeriodTooLong."""
        if last < first:
            raise PeriodReversed
        if last - first >= timedelta(days=DAYS_MAX):
            raise PeriodTooLong
        return cls(first, last, zone, day_bounds(first, zone)[0], day_bounds(last, zone)[1])
