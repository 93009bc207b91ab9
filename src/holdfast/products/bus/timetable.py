"""Keep at hand what the search shows of each run and no sale changes: its words, stops, fares, seats and prices.

Nothing here is trusted for its age: whoever asks brings the versions of the rows as they are now, and a card made of
other versions is made anew. Counts and states are never kept (docs/decisions, 10).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from uuid import UUID

from holdfast.kernel import inventory
from holdfast.kit.db import Reader
from holdfast.kit.text import match_key
from holdfast.products.bus import offers, queries
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.queries import Occurrence
from holdfast.products.bus.records import Bus

CARDS_MAX = 4_000

#: A run between two of its stops, by their positions.
Way: TypeAlias = tuple[UUID, int, int]


@dataclass(frozen=True, slots=True)
class Versions:
    """Of the rows that a card is made of: equal versions, equal words."""

    schedule: int
    bus: int
    route: int
    inventory: int


@dataclass(slots=True)
class Card:
    """A run over one part of its way.

    `cheapest_modifier`: what its cheapest seats cost beyond the fare, of which there are `cheapest_count`. `written`:
    what an edge made of it, for as long as the card is good.
    """

    occurrence: Occurrence
    offer: Offer
    part: Part
    versions: Versions
    amenities: frozenset[str] = field(init=False)
    minutes: int = field(init=False)
    cheapest_modifier: int = field(init=False)
    cheapest_count: int = field(init=False)
    written: tuple[bytes, ...] | None = None

    def __post_init__(self) -> None:
        self.amenities = _amenities(self.occurrence.bus)
        self.minutes = int((self.part.alight.at - self.part.board.at).total_seconds() // 60)
        modifiers = [offers.modifier_of(self.offer, place) for place in self.offer.places.places]
        self.cheapest_modifier = min(modifiers, default=0)
        self.cheapest_count = modifiers.count(self.cheapest_modifier)

    @property
    def seats(self) -> int:
        return len(self.offer.places.places)


class Timetable:
    """The cards of a process that were asked for last; and the zones that its cities were seen in."""

    def __init__(self, *, cards_max: int = CARDS_MAX) -> None:
        self._cards_max = cards_max
        self._cards: OrderedDict[Way, Card] = OrderedDict()
        #: Of a city's key: a search begins with these, and learns of another by what it finds.
        self.zones: OrderedDict[str, frozenset[str]] = OrderedDict()

    async def cards(self, db: Reader, wanted: Mapping[Way, Versions]) -> dict[Way, Card]:
        """A card for each of these ways, of those versions or newer; those that are not at hand are read at once.

        What is not there any more, or has no such stops, is left out.
        """
        found = {}
        for way, versions in wanted.items():
            card = self._cards.get(way)
            if card is not None and card.versions == versions:
                self._cards.move_to_end(way)
                found[way] = card
        missing = [way for way in wanted if way not in found]
        if missing:
            found |= await self._read(db, missing)
        return found

    def learn_zone(self, key: str, zone: str) -> None:
        self.zones[key] = self.zones.pop(key, frozenset()) | {zone}
        if len(self.zones) > self._cards_max:
            self.zones.popitem(last=False)

    async def _read(self, db: Reader, ways: Sequence[Way]) -> dict[Way, Card]:
        occurrences = await queries.occurrences(db, [schedule_id for schedule_id, _, _ in ways])
        layouts = await inventory.layouts_of(db, {each.inventory.layout_id for each in occurrences.values()})
        made = {}
        for way in ways:
            schedule_id, board, alight = way
            each = occurrences.get(schedule_id)
            if each is None or alight >= len(each.schedule.stops):
                continue
            offer = Offer(each.schedule, each.inventory, layouts[each.inventory.layout_id])
            part = offers.part_between(each.schedule, board, alight)
            versions = Versions(each.schedule.version, each.bus.version, each.route.version, each.inventory.version)
            made[way] = self._cards[way] = Card(each, offer, part, versions)
        while len(self._cards) > self._cards_max:
            self._cards.popitem(last=False)
        return made


def _amenities(bus: Bus) -> frozenset[str]:
    """What the bus offers; of an object, the names of what is not denied."""
    offered = bus.amenities
    if offered is None:
        return frozenset()
    names = [name for name, value in offered.items() if value] if hasattr(offered, "items") else list(offered)
    return frozenset(map(match_key, names))
