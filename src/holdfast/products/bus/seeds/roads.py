"""Roads that buses really take, with the kilometres and minutes they take there."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from holdfast.kit.zones import NonexistentTime, local_to_utc
from holdfast.products.bus.seeds.cities import city


@dataclass(frozen=True, slots=True)
class RoadStop:
    """A stop, by minutes and kilometres from the start."""

    city: str
    minutes: int
    km: int


@dataclass(frozen=True, slots=True)
class Road:
    """A route. `fare` is the whole fare in the major unit; `fares` are the pairs that don't follow the kilometres.

    `leaves` are wall times where it begins.
    """

    key: str
    stops: tuple[RoadStop, ...]
    fare: str
    leaves: tuple[time, ...]
    fares: tuple[tuple[str, str, str], ...] = ()

    @property
    def distance_km(self) -> int:
        return self.stops[-1].km

    @property
    def duration_minutes(self) -> int:
        return self.stops[-1].minutes


def departures(road: Road, *, first_day: date, days: int) -> list[tuple[datetime, datetime]]:
    """(departure, arrival) in UTC for each day and hour at which the road is served, ascending.

    A departure at a wall time that the day skips is left out; of a repeated one the first is taken.
    """
    zone = city(road.stops[0].city).zone
    found: list[tuple[datetime, datetime]] = []
    for offset in range(days):
        for wall in road.leaves:
            try:
                leaves = local_to_utc(datetime.combine(first_day + timedelta(days=offset), wall), zone, fold=0)
            except NonexistentTime:
                continue
            found.append((leaves, leaves + timedelta(minutes=road.duration_minutes)))
    assert all(departure.tzinfo is UTC for departure, _ in found)
    return sorted(found)


def _there_and_back(
    *stops: tuple[str, int, int], fare: str, leaves: tuple[int, ...], fares: tuple[tuple[str, str, str], ...] = ()
) -> tuple[Road, Road]:
    """The road and the same backwards; `leaves` are hours, the way back leaves half an hour later."""
    minutes, km = stops[-1][1:]
    there = tuple(RoadStop(*stop) for stop in stops)
    back = tuple(RoadStop(stop.city, minutes - stop.minutes, km - stop.km) for stop in reversed(there))
    return (
        Road(_key(there), there, fare, tuple(time(hour) for hour in leaves), fares),
        Road(
            _key(back),
            back,
            fare,
            tuple(time(hour, 30) for hour in leaves),
            tuple((b, a, price) for a, b, price in fares),
        ),
    )


def _key(stops: tuple[RoadStop, ...]) -> str:
    return f"{stops[0].city}-{stops[-1].city}"


ROADS: tuple[Road, ...] = (
    *_there_and_back(("cairo", 0, 0), ("alexandria", 170, 220), fare="180.00", leaves=(6, 8, 12, 16, 20)),
    *_there_and_back(
        ("cairo", 0, 0), ("suez", 110, 134), ("hurghada", 390, 530), fare="320.00", leaves=(7, 13, 23),
        fares=(("cairo", "suez", "95.00"),),
    ),
    *_there_and_back(("cairo", 0, 0), ("luxor", 540, 655), ("aswan", 750, 870), fare="480.00", leaves=(18, 21)),
    *_there_and_back(("cairo", 0, 0), ("suez", 110, 134), ("sharm", 420, 505), fare="350.00", leaves=(0, 9)),
    *_there_and_back(
        ("irbid", 0, 0), ("amman", 85, 88), ("maan", 245, 306), ("aqaba", 330, 420), fare="12.500", leaves=(6, 14),
        fares=(("irbid", "amman", "2.500"), ("amman", "aqaba", "10.000")),
    ),
    *_there_and_back(
        ("dammam", 0, 0), ("riyadh", 270, 410), ("makkah", 840, 1280), ("jeddah", 915, 1365), fare="260.00",
        leaves=(16,),
    ),
    *_there_and_back(("jeddah", 0, 0), ("madinah", 285, 415), fare="95.00", leaves=(7, 15, 22)),
    *_there_and_back(("amman", 0, 0), ("maan", 160, 218), ("madinah", 900, 1060), fare="210.00", leaves=(17,)),
    *_there_and_back(("lisbon", 0, 0), ("badajoz", 165, 228), ("madrid", 450, 628), fare="45.00", leaves=(7, 22)),
)  # fmt: skip
