"""Choose seats in plans of any size: rows as bits, so that a row is looked at in one step instead of seat by seat.

Gives what `best_places` gives. Where the seats wanted stand in one row at one price, which is nearly always, they are
found among the rows' bits; all else is left to `best_places`, on the whole of a plan as large as a bus, and on the
likeliest few dozen seats of a larger one. Pure.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from holdfast.kernel.inventory import Place
from holdfast.products.bus import offers
from holdfast.products.bus.best_places import Choice, best_places, choice_of
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.values import SEATS_MAX, NotEnoughSeats, Preference, Seat, SeatFlag

#: Of a plan larger than any bus, so many seats are weighed one against the other, and so many of one row.
_WEIGHED_MAX = 32
_WEIGHED_OF_ROW_MAX = 8


@dataclass(slots=True)
class _Row:
    """Seats by column; a set of them is a number with those bits. `by_price`, `fitting`: of those without flags."""

    deck: int
    row: int
    places: dict[int, Place] = field(default_factory=dict)
    by_price: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    fitting: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    flagged: int = 0


#: For each row of the plan, some of its seats.
Bits = list[int]


class Plan:
    """The seats of one version of a layout at one set of prices."""

    def __init__(self, offer: Offer) -> None:
        self.offer = offer
        self.size = len(offer.places.places)
        found: dict[tuple[int, int], _Row] = {}
        for place in offer.places.places:
            spot = place.detail["deck"], int(place.row or 0)
            row = found.setdefault(spot, _Row(*spot))
            column = place.column or 0
            row.places[column] = place
            if place.flags:
                row.flagged |= 1 << column
            else:
                row.by_price[offers.modifier_of(offer, place)] |= 1 << column
                row.fitting[place.detail["position"]] |= 1 << column
        self.rows: Sequence[_Row] = [found[spot] for spot in sorted(found)]
        self.prices: Sequence[int] = sorted({price for row in self.rows for price in row.by_price})
        #: Of a place: which row, which bit.
        self.spots: Mapping[int, tuple[int, int]] = {
            place.number: (index, 1 << column)
            for index, row in enumerate(self.rows)
            for column, place in row.places.items()
        }
        #: The rows from the front, whatever their deck.
        self._from_front = sorted(range(len(self.rows)), key=lambda index: self.rows[index].row)

    def bits(self, places: Iterable[int]) -> Bits:
        """These places."""
        found = [0] * len(self.rows)
        for number in places:
            index, bit = self.spots[number]
            found[index] |= bit
        return found

    def choose(
        self,
        free: Bits,
        *,
        count: int,
        preference: Preference = "together",
        asked: Sequence[SeatFlag] = (),
        start: int = 0,
    ) -> Choice:
        """The best `count` seats among those free; NotEnoughSeats.

        `start`: of seats that are equally good but for standing further in front, take those from this row on.
        """
        one_row = None if asked else self._of_one_row(free, count=count, preference=preference, start=start)
        if one_row is not None:
            index, bits = one_row
            return choice_of(tuple(self._seat(place) for place in self._places(index, bits)), preference)
        if self.size > SEATS_MAX:
            chosen = self._likeliest(free, count=count, preference=preference, asked=asked)
        else:
            chosen = [place for index, bits in enumerate(free) for place in self._places(index, bits)]
        try:
            return best_places(
                [self._seat(place) for place in chosen],
                free=[place.number for place in chosen],
                count=count,
                preference=preference,
                asked=asked,
            )
        except NotEnoughSeats:
            raise NotEnoughSeats(count=count, free=self._givable(free)) from None

    def _of_one_row(self, free: Bits, *, count: int, preference: Preference, start: int) -> tuple[int, int] | None:
        """Seats of one row, all as cheap and as fitting as any: (row, bits). None where it is not as simple."""
        pool = self._alike(free, count=count, preference=preference)
        if pool is None:
            return None
        for index in (*range(start, len(pool)), *range(min(start, len(pool)))):
            run = bits = pool[index]
            for further in range(1, count):
                run &= bits >> further
            if run:
                first = run & -run
                return index, ((1 << count) - 1) * first
        return min(_with_gaps(pool, count), default=(None, None))[1]

    def _alike(self, free: Bits, *, count: int, preference: Preference) -> Bits | None:
        """The cheapest seats, of them those that fit; None where there are fewer than wanted."""
        for price in self.prices:
            pool = [bits & row.by_price.get(price, 0) for bits, row in zip(free, self.rows, strict=True)]
            if any(pool):
                break
        else:
            return None
        if preference in {"window", "aisle"}:
            pool = [bits & row.fitting.get(preference, 0) for bits, row in zip(pool, self.rows, strict=True)]
        elif preference in {"front", "back"}:
            pool = self._up_to(pool, count=count, is_back=preference == "back")
        return pool if _has(pool, count) else None

    def _up_to(self, pool: Bits, *, count: int, is_back: bool) -> Bits:
        """What stands no further back (or front) than the last of the first `count`."""
        found, seen, last = [0] * len(pool), 0, None
        for index in reversed(self._from_front) if is_back else self._from_front:
            if seen >= count and self.rows[index].row != last:
                break
            found[index] = pool[index]
            if pool[index]:
                seen, last = seen + pool[index].bit_count(), self.rows[index].row
        return found

    def _likeliest(self, free: Bits, *, count: int, preference: Preference, asked: Sequence[SeatFlag]) -> list[Place]:
        """Enough seats to choose well from: all that are cheaper than others must be, or fit, and some near to them."""
        chosen = [
            place
            for index, row in enumerate(self.rows)
            for place in self._places(index, free[index] & row.flagged)
            if set(place.flags) & set(asked)
        ][:_WEIGHED_OF_ROW_MAX]
        for price in self.prices:
            pool = [bits & row.by_price.get(price, 0) for bits, row in zip(free, self.rows, strict=True)]
            if _has(pool, count):
                if preference in {"window", "aisle"}:
                    fitting = [bits & row.fitting.get(preference, 0) for bits, row in zip(pool, self.rows, strict=True)]
                    if _has(fitting, count):
                        return chosen + self._near(fitting, chosen)
                    chosen += self._all(fitting)
                    pool = [bits & ~fit for bits, fit in zip(pool, fitting, strict=True)]
                elif preference in {"front", "back"}:
                    pool = self._up_to(pool, count=count, is_back=preference == "back")
                return chosen + self._near(pool, chosen)
            chosen += self._all(pool)
        return chosen

    def _near(self, pool: Bits, chosen: Sequence[Place]) -> list[Place]:
        """Some of the pool: around what is chosen, else around its fullest row."""
        if chosen:
            around = self.spots[chosen[0].number][0]
        else:
            around = max(range(len(pool)), key=lambda index: pool[index].bit_count())
        found: list[Place] = []
        for index in sorted(range(len(pool)), key=lambda index: abs(index - around)):
            found += list(self._places(index, pool[index]))[:_WEIGHED_OF_ROW_MAX]
            if len(found) >= _WEIGHED_MAX:
                break
        return found

    def _all(self, pool: Bits) -> list[Place]:
        return [place for index, bits in enumerate(pool) for place in self._places(index, bits)]

    def _givable(self, free: Bits) -> int:
        return sum((bits & ~row.flagged).bit_count() for bits, row in zip(free, self.rows, strict=True))

    def _places(self, index: int, bits: int) -> Iterator[Place]:
        places = self.rows[index].places
        return (places[column] for column in _columns(bits))

    def _seat(self, place: Place) -> Seat:
        return offers.seat_of(self.offer, place)


def _has(pool: Bits, count: int) -> bool:
    seen = 0
    for bits in pool:
        seen += bits.bit_count()
        if seen >= count:
            return True
    return False


def _with_gaps(pool: Bits, count: int) -> Iterator[tuple[tuple[int, int, tuple[int, ...]], tuple[int, int]]]:
    """(what the smaller is better of, (row, bits)): so many of one row next to each other but for gaps."""
    for index, bits in enumerate(pool):
        if bits.bit_count() >= count:
            columns = tuple(_columns(bits))
            for first in range(len(columns) - count + 1):
                group = columns[first : first + count]
                yield (group[-1] - group[0], index, group), (index, sum(1 << column for column in group))


def _columns(bits: int) -> Iterator[int]:
    """The bits that are set, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
