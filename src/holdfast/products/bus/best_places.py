"""Choose seats for somebody who says how many and what they prefer, rather than which.

What counts, in this order (spec/bus.md): the price of all of them, then the preference, then one row, then fewest
gaps, then row and column. The result is the best there is, not a guess: what is certain is settled first, and the rest
is a shortest path over the rows.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise, product
from typing import Literal

from holdfast.products.bus.values import NotEnoughSeats, Preference, Seat, SeatFlag

COUNT_MAX = 10  # above the product's limit of 6; the bound under which the search is quick

WhyCode = Literal["single", "side_by_side", "one_row", "near_rows", "apart"]

_DECK_ROWS = 100  # how many rows the way to the next deck is worth: more than any deck has
_PLACED: dict[WhyCode, str] = {
    "single": "in row {row}",
    "side_by_side": "side by side in row {row}",
    "one_row": "in row {row}, with others or an aisle between",
    "near_rows": "in rows behind each other, since no row has enough",
    "apart": "as near to each other as is free",
}
_PREFERRED: dict[Preference, str] = {
    "together": "",
    "window": "; {met} of {count} at a window",
    "aisle": "; {met} of {count} at an aisle",
    "front": "; as far to the front as these go",
    "back": "; as far to the back as these go",
}


@dataclass(frozen=True, slots=True)
class Why:
    """The reason of a choice: a stable code with its numbers, and the sentence in English.

    `met` counts the seats at a window or aisle where that was preferred, else all.
    """

    code: WhyCode
    preference: Preference
    count: int
    met: int
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Seats in the order of deck, row, column, and why these."""

    seats: tuple[Seat, ...]
    why: Why


def best_places(
    seats: Iterable[Seat],
    *,
    free: Collection[int],
    count: int,
    preference: Preference = "together",
    asked: Sequence[SeatFlag] = (),
) -> Choice:
    """The best `count` seats among those whose places are `free`.

    Wheelchair and companion places are given only if `asked` names them, and then one for each, as near to each other
    as they are. Raises NotEnoughSeats.
    """
    assert 1 <= count <= COUNT_MAX
    assert len(asked) == len(set(asked)) <= count
    places = frozenset(free)
    available = sorted((seat for seat in seats if seat.place in places), key=_spot)
    pool = [seat for seat in available if not seat.flags]
    settled = _flagged(available, asked)
    if settled is None or len(settled) + len(pool) < count:
        raise NotEnoughSeats(count=count, free=len(settled or ()) + len(pool))
    settled, pool = _cheapest(settled, pool, count=count)
    settled, pool = _preferred(settled, pool, count=count, preference=preference)
    return choice_of(_nearest(settled, pool, count=count), preference)


def choice_of(chosen: tuple[Seat, ...], preference: Preference) -> Choice:
    """These seats, and why."""
    return Choice(seats=chosen, why=_why(chosen, preference))


def _spot(seat: Seat) -> tuple[int, int, int]:
    return seat.deck, seat.row, seat.column


def _flagged(available: list[Seat], asked: Sequence[SeatFlag]) -> list[Seat] | None:
    """A seat for each flag asked for: the cheapest, then the nearest to each other. None where there are none."""
    kinds = [[seat for seat in available if flag in seat.flags] for flag in asked]
    groups = [group for group in product(*kinds) if len({seat.place for seat in group}) == len(asked)]
    if not groups:
        return None
    best = min(
        groups,
        key=lambda group: (
            sum(seat.modifier for seat in group),
            sum(_distance(*pair) for pair in combinations(sorted(group, key=_spot), 2)),
            [_spot(seat) for seat in group],
        ),
    )
    return list(best)


def _distance(a: Seat, b: Seat) -> int:
    return abs(a.deck - b.deck) * _DECK_ROWS + abs(a.row - b.row) * 10 + abs(a.column - b.column)


# Each step below settles the seats that every best choice has, and narrows the rest to those that any could have.


def _cheapest(settled: list[Seat], pool: list[Seat], *, count: int) -> tuple[list[Seat], list[Seat]]:
    missing = count - len(settled)
    if missing == 0:
        return settled, []
    limit = sorted(seat.modifier for seat in pool)[missing - 1]
    return settled + [seat for seat in pool if seat.modifier < limit], [seat for seat in pool if seat.modifier == limit]


def _preferred(
    settled: list[Seat], pool: list[Seat], *, count: int, preference: Preference
) -> tuple[list[Seat], list[Seat]]:
    missing = count - len(settled)
    if missing == 0:
        return settled, []
    if preference in {"window", "aisle"}:
        fitting = [seat for seat in pool if seat.position == preference]
        if len(fitting) >= missing:
            return settled, fitting
        return settled + fitting, [seat for seat in pool if seat.position != preference]
    if preference in {"front", "back"}:
        sign = 1 if preference == "front" else -1
        nearest = sorted(sign * seat.row for seat in pool)[missing - 1]
        limit = max([nearest, *(sign * seat.row for seat in settled)])
        return settled, [seat for seat in pool if sign * seat.row <= limit]
    return settled, pool


@dataclass(frozen=True, slots=True)
class _Pick:
    """What could be taken of a row: its settled seats and `added` of the pool, with as few gaps as that allows."""

    line: int
    deck: int
    row: int
    added: int
    gaps: int
    columns: tuple[int, ...]
    seats: tuple[Seat, ...]


# (rows, gaps, shift of columns between rows, spots): of two ways the smaller is better.
_Cost = tuple[int, int, int, tuple[tuple[int, int, int], ...]]


def _nearest(settled: list[Seat], pool: list[Seat], *, count: int) -> tuple[Seat, ...]:
    """All settled seats and as many of the pool as are missing: fewest rows, then gaps, then columns in line."""
    missing = count - len(settled)
    if missing == 0:
        return tuple(sorted(settled, key=_spot))
    lines = [
        list(line) for _, line in groupby(sorted(settled + pool, key=_spot), key=lambda seat: (seat.deck, seat.row))
    ]
    fixed = {seat.place for seat in settled}
    must = [index for index, line in enumerate(lines) if any(seat.place in fixed for seat in line)]
    rows_max = _fewest_rows(lines, fixed, missing=missing)
    best: tuple[_Cost, tuple[Seat, ...]] | None = None
    ways: list[tuple[_Pick, int, _Cost, tuple[Seat, ...]]] = []  # last pick, added so far, cost, seats
    for index, line in enumerate(lines):
        last_must = max((m for m in must if m < index), default=-1)  # a way must not leap over settled seats
        here: dict[tuple[_Pick, int], tuple[_Cost, tuple[Seat, ...]]] = {}
        for pick in _picks(index, line, fixed, missing=missing):
            if last_must < 0:
                _keep(here, pick, pick.added, (1, pick.gaps, 0, _spots(pick.seats)), pick.seats)
            for before, added, cost, seats in ways:
                if added + pick.added <= missing and cost[0] < rows_max and before.line >= last_must:
                    total = added + pick.added
                    _keep(here, pick, total, _extended(cost, before, pick), seats + pick.seats)
        for (pick, added), (cost, seats) in here.items():
            ways.append((pick, added, cost, seats))
            if added == missing and index >= max(must, default=-1) and (best is None or cost < best[0]):
                best = (cost, seats)
    assert best is not None
    return best[1]


def _fewest_rows(lines: list[list[Seat]], fixed: set[int], *, missing: int) -> int:
    """How many rows the best choice needs: those with settled seats, then the fullest others."""
    rows, others = 0, []
    for line in lines:
        of_pool = sum(seat.place not in fixed for seat in line)
        if of_pool < len(line):
            rows, missing = rows + 1, missing - of_pool
        else:
            others.append(of_pool)
    for of_pool in sorted(others, reverse=True):
        if missing <= 0:
            break
        rows, missing = rows + 1, missing - of_pool
    return rows


def _picks(index: int, line: list[Seat], fixed: set[int], *, missing: int) -> Iterator[_Pick]:
    kept = [seat for seat in line if seat.place in fixed]
    of_pool = [seat for seat in line if seat.place not in fixed]
    for added in range(0 if kept else 1, min(missing, len(of_pool)) + 1):
        groups = [tuple(sorted([*kept, *group], key=_spot)) for group in combinations(of_pool, added)]
        fewest = min(map(_gaps, groups))
        for group in groups:
            if _gaps(group) == fewest:
                columns = tuple(seat.column for seat in group)
                yield _Pick(index, line[0].deck, line[0].row, added, fewest, columns, group)


def _gaps(group: Sequence[Seat]) -> int:
    """Columns within the group's span that are not the group's."""
    return group[-1].column - group[0].column + 1 - len(group)


def _spots(seats: Sequence[Seat]) -> tuple[tuple[int, int, int], ...]:
    return tuple(map(_spot, seats))


def _extended(cost: _Cost, before: _Pick, pick: _Pick) -> _Cost:
    rows, gaps, shift, spots = cost
    between = pick.row - before.row - 1 if pick.deck == before.deck else (pick.deck - before.deck) * _DECK_ROWS
    return (
        rows + 1,
        gaps + pick.gaps + between,
        shift + abs(pick.columns[0] - before.columns[0]),
        spots + _spots(pick.seats),
    )


def _keep(
    here: dict[tuple[_Pick, int], tuple[_Cost, tuple[Seat, ...]]],
    pick: _Pick,
    added: int,
    cost: _Cost,
    seats: tuple[Seat, ...],
) -> None:
    known = here.get((pick, added))
    if known is None or cost < known[0]:
        here[pick, added] = (cost, seats)


def _why(chosen: tuple[Seat, ...], preference: Preference) -> Why:
    count = len(chosen)
    met = sum(seat.position == preference for seat in chosen) if preference in {"window", "aisle"} else count
    code = _code(chosen)
    what = "The cheapest seat" if count == 1 else f"The {count} cheapest seats"
    if any(seat.flags for seat in chosen):
        what = "The seat asked for" if count == 1 else f"{count} seats, those asked for among them"
    placed = _PLACED[code].format(row=chosen[0].row)
    text = f"{what}, {placed}{_PREFERRED[preference].format(met=met, count=count)}."
    return Why(code=code, preference=preference, count=count, met=met, text=text)


def _code(chosen: tuple[Seat, ...]) -> WhyCode:
    if len(chosen) == 1:
        return "single"
    rows = sorted({(seat.deck, seat.row) for seat in chosen})
    if len(rows) == 1:
        return "side_by_side" if _gaps(chosen) == 0 else "one_row"
    is_near = all(a[0] == b[0] and b[1] - a[1] == 1 for a, b in pairwise(rows))
    return "near_rows" if is_near else "apart"
