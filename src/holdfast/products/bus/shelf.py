"""Keep at hand what schedules sell, as they were priced; the turn refuses whoever carries an older version.

So a stale offer never sells: the kernel answers OfferChanged, and the offer is read anew. A refusal made out of an
offer at hand is made again out of a fresh one before anybody hears it (`tasks.reserve`). What no version guards, the
number painted on a bus, is at most `KEPT_SECONDS` old. What is asked for while others are read is read together.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from holdfast.kernel.inventory import Place
from holdfast.kit.db import Database
from holdfast.kit.together import Together
from holdfast.products.bus import offers, queries, reservations
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.values import ScheduleNotFound, SeatNotFound

#: 6 KB each; their layouts are shared. Beyond it they are read together (docs/performance.md, how cost grows).
OFFERS_MAX = 3_000
PARTS_MAX = 64
KEPT_SECONDS = 60.0


@dataclass(slots=True)
class Shelved:
    """An offer with what is said of its parts again and again."""

    offer: Offer
    bus_number: str
    read_at: float
    _parts: dict[tuple[str | None, str | None], tuple[Part, Mapping[str, Any]]] = field(default_factory=dict)

    def labelled(self, seat_number: str) -> Place:
        """The seat with that number on it, whatever its case. SeatNotFound."""
        return _there(self.offer.places.labelled(seat_number))

    def numbered(self, number: int) -> Place:
        """The seat of that place. SeatNotFound."""
        return _there(self.offer.places.place(number))

    def part(self, from_stop: str | None, to_stop: str | None) -> tuple[Part, Mapping[str, Any]]:
        """The part between two stops, and what is said of it wherever it is sold. StopUnknown, StopsReversed."""
        named = (from_stop, to_stop)
        found = self._parts.get(named)
        if found is None:
            part = offers.part_of(self.offer.schedule, from_stop, to_stop)
            found = part, reservations.describe(self.offer, self.bus_number, part)
            if len(self._parts) < PARTS_MAX:
                self._parts[named] = found
        return found


class Shelf:
    """The offers of a process that are asked for most; the least recently used leaves first."""

    def __init__(
        self, database: Database, *, offers_max: int = OFFERS_MAX, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.database, self.offers_max, self.clock = database, offers_max, clock
        self._offers: OrderedDict[UUID, Shelved] = OrderedDict()
        self._together = Together(self._read)

    async def offer(self, schedule_id: UUID, *, is_fresh: bool = False) -> tuple[Shelved, bool]:
        """The offer, and whether it was at hand. `is_fresh`: read it now in any case. ScheduleNotFound."""
        found = self._offers.get(schedule_id)
        if found is not None and not is_fresh and self.clock() - found.read_at < KEPT_SECONDS:
            self._offers.move_to_end(schedule_id)
            return found, True
        self._offers.pop(schedule_id, None)
        read = await self._together.find(schedule_id)
        if read is None:
            raise ScheduleNotFound
        self._offers[schedule_id] = read
        while len(self._offers) > self.offers_max:
            self._offers.popitem(last=False)
        return read, False

    async def _read(self, schedule_ids: Sequence[UUID]) -> dict[UUID, Shelved]:
        read_at = self.clock()
        async with self.database.reader() as db:
            found = await queries.find_offers(db, schedule_ids)
            numbers = await queries.bus_numbers(db, [each.schedule.bus_id for each in found])
        return {each.schedule.id: Shelved(each, numbers[each.schedule.bus_id], read_at) for each in found}


def _there(place: Place | None) -> Place:
    if place is None:
        raise SeatNotFound
    return place
