"""One inventory in memory: which slot looks how and until when, brought on by changes and by time. Pure.

A change assigns states, so applying one twice is harmless. A claim whose moment has passed is free at once, whether
or not anybody swept it: the view knows each end and lapses it itself.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

from holdfast.kernel.inventory import SELLING, STATE_LETTERS, Layout, Place, SlotState
from holdfast.kernel.realtime.values import Channel, PlaceLook
from holdfast.kit import ids
from holdfast.kit.outbox import Change

#: So many changes back a view can tell what was touched since.
RECENT_MAX = 1_000
_FREE: tuple[SlotState, None] = ("free", None)


class GapInStreamError(Exception):
    """A change is missing between what was seen and what came: read the inventory anew."""


class View:
    """See the top of this file. `claims`: (slot, state, until); `counted`: (slot, quantity, until)."""

    def __init__(
        self,
        *,
        inventory_id: UUID,
        serial: int,
        seq: int,
        state: str,
        layout: Layout,
        claims: Iterable[tuple[int, SlotState, datetime | None]],
        counted: Iterable[tuple[int, int, datetime | None]],
        capacities: Mapping[int, int],
        now: datetime,
    ) -> None:
        self.inventory_id, self.serial, self.seq, self.state, self.layout = inventory_id, serial, seq, state, layout
        self.has_counted = any(place.counted is not None for place in layout.places)
        #: Slots whose claim is over by time alone: no change tells of them until somebody sweeps or claims.
        self.lapsed_unswept: set[int] = set()
        self._lapsed_counted = 0
        self._slots: dict[int, tuple[SlotState, datetime | None]] = {}
        self._counted = list(counted)
        self._capacities = dict(capacities)
        self._ends: list[tuple[datetime, int]] = []
        #: The places that each of the last changes touched; the last one's led to `seq`.
        self._recent: deque[set[int]] = deque(maxlen=RECENT_MAX)
        self._places = layout.numbered
        for slot, looks, until in claims:
            self._assign(slot, looks, until)
        for slot, _, until in self._counted:
            if until is not None:
                self._ends.append((until, slot))
        heapq.heapify(self._ends)
        self.lapse(now)

    @property
    def is_selling(self) -> bool:
        return self.state in SELLING

    @property
    def lapsed(self) -> int:
        """How many claims ended by time alone at this `seq`; both together tell how a view looks, in any process."""
        return len(self.lapsed_unswept) + self._lapsed_counted

    @property
    def next_end(self) -> datetime | None:
        """When the next claim may run out."""
        return self._ends[0][0] if self._ends else None

    def apply(self, change: Change) -> set[int]:
        """Bring the view to the change's `seq`; the places it touched. GapInStreamError: this view can't go on.

        A change seen before touches nothing. Of counted places changes say nothing, and of a new layout too little:
        these are read anew.
        """
        if change.seq <= self.seq:
            return set()
        if change.seq != self.seq + 1 or change.layout_id != self.layout.id or self.has_counted:
            raise GapInStreamError
        self.seq, self.state = change.seq, change.state
        for slot, looks, until in change.states:
            self.lapsed_unswept.discard(slot)
            self._assign(slot, looks, until)  # type: ignore[arg-type] # what publish_change wrote
        touched = {self._place_of(slot) for slot, _, _ in change.states}
        self._recent.append(touched)
        return touched

    def touched_since(self, seq: int) -> set[int] | None:
        """The places that look otherwise, or may, than after that change; None where it is too long ago to tell.

        Lapses have no place in the stream: who may have lost the news of one is told of all that nobody swept.
        """
        changed = self.changed_since(seq)
        return None if changed is None else changed.union(self._place_of(slot) for slot in self.lapsed_unswept)

    def changed_since(self, seq: int) -> set[int] | None:
        """The same without the lapses."""
        missed = self.seq - seq
        if not 0 <= missed <= len(self._recent):
            return None
        return set().union(*islice(self._recent, len(self._recent) - missed, None))

    def is_free(self, slots: Iterable[int]) -> bool:
        """Whether nobody has any of these exclusive slots."""
        return not any(slot in self._slots for slot in slots)

    def lapse(self, now: datetime) -> set[int]:
        """Free what is over at that moment; the places touched."""
        touched = set()
        while self._ends and self._ends[0][0] <= now:
            until, slot = heapq.heappop(self._ends)
            looks = self._slots.get(slot)
            if looks is not None and looks[1] == until:
                del self._slots[slot]
                self.lapsed_unswept.add(slot)
                touched.add(self._place_of(slot))
            ended = [claim for claim in self._counted if claim[0] == slot and claim[2] == until]
            if ended:
                self._counted = [claim for claim in self._counted if claim not in ended]
                self._lapsed_counted += len(ended)
                touched.add(self._place_of(slot))
        return touched

    def letters(self) -> str:
        """One character an exclusive slot, in the layout's order."""
        per_place = self.layout.slots_per_place
        return "".join(
            STATE_LETTERS[self._state_of(place.number * per_place + part)]
            for place in self.layout.places
            if place.counted is None
            for part in range(per_place)
        )

    def counted(self) -> list[tuple[int, int, int]]:
        """(slot, capacity, taken) of each counted slot, in the layout's order."""
        per_place = self.layout.slots_per_place
        return [
            (slot, self._capacities.get(slot, place.counted), self._taken(slot))
            for place in self.layout.places
            if place.counted is not None
            for slot in range(place.number * per_place, (place.number + 1) * per_place)
        ]

    def states(self) -> dict[int, SlotState]:
        """The exclusive slots that are not free."""
        return {slot: looks for slot, (looks, _) in self._slots.items()}

    def look(self, channel: Channel, places: Iterable[int] | None = None) -> dict[int, PlaceLook]:
        """How these places (all, in the layout's order, where None) look on that channel."""
        numbers: Iterable[int] = self._places if places is None else (each for each in places if each in self._places)
        return {number: self._look(channel, self._places[number]) for number in numbers}

    def available(self, looks: Mapping[int, PlaceLook], channel: Channel) -> int:
        """How many are left, of all that `look` showed; none where nothing is on sale."""
        if not self.is_selling:
            return 0
        return sum(
            each.available if each.available is not None else int(each.status == channel.free_word)
            for each in looks.values()
        )

    def told(self, number: int, look: PlaceLook) -> dict[str, object]:
        """The place as messages have it."""
        said: dict[str, object] = {
            "seat_id": str(ids.pack(self.serial, number)),
            "seat_number": self._places[number].label,
            "status": look.status,
        }
        if look.available is not None:
            said["available"] = look.available
        return said

    def is_mine(self, channel: Channel, number: int, slots: frozenset[int]) -> bool:
        """Whether one of these slots is a part of the place that the channel looks at."""
        return any(slot in slots for slot in self._slots_of(channel, number))

    def places_of(self, slots: Iterable[int]) -> set[int]:
        return {self._place_of(slot) for slot in slots}

    def _look(self, channel: Channel, place: Place) -> PlaceLook:
        slots = self._slots_of(channel, place.number)
        if place.counted is None:
            return PlaceLook(channel.say(self._state_of(slot) for slot in slots))
        left = min(self._left(slot, place.counted) for slot in slots)
        return PlaceLook(channel.say(["free" if left else "sold"]), left)

    def _left(self, slot: int, default: int) -> int:
        return max(0, self._capacities.get(slot, default) - self._taken(slot))

    def _taken(self, slot: int) -> int:
        return sum(quantity for claimed, quantity, _ in self._counted if claimed == slot)

    def _state_of(self, slot: int) -> SlotState:
        return self._slots.get(slot, _FREE)[0]

    def _slots_of(self, channel: Channel, number: int) -> Sequence[int]:
        per_place = self.layout.slots_per_place
        parts = range(per_place) if channel.parts is None else channel.parts
        return range(number * per_place + parts.start, number * per_place + parts.stop)

    def _assign(self, slot: int, looks: SlotState, until: datetime | None) -> None:
        if looks == "free":
            self._slots.pop(slot, None)
            return
        self._slots[slot] = (looks, until)
        if until is not None:
            heapq.heappush(self._ends, (until, slot))

    def _place_of(self, slot: int) -> int:
        return slot // self.layout.slots_per_place
