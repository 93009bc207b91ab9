"""Read the seat layout of a bus, and make the usual ones."""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from holdfast.kit import validation
from holdfast.kit.words import Phrase, mark
from holdfast.products.bus.schemas_layout import LayoutDeck, LayoutRow, LayoutSeat, SeatLayoutConfig
from holdfast.products.bus.values import (
    SEATS_MAX,
    Deck,
    Layout,
    LayoutInvalid,
    Seat,
    SeatPosition,
    SeatsMiscounted,
)


def parse_layout(config: object, *, total_seats: int | None = None, first_place: int = 0) -> Layout:
    """The layout that a JSON document (or a SeatLayoutConfig) describes; places are numbered from `first_place`.

    Raises LayoutInvalid with the JSON pointer of what is wrong: a malformed or unknown field, a number used twice
    (whatever its case), two seats on one spot, a column beyond the deck, too many seats. SeatsMiscounted unless
    there are `total_seats` (seed 004, 11: total_seats must match the layout).
    """
    document = config if isinstance(config, SeatLayoutConfig) else _validated(config)
    _check_decks(document)
    spots = list(_spots(document))
    _check_seats(document, spots)
    if total_seats is not None and len(spots) != total_seats:
        raise SeatsMiscounted(len(spots), total_seats)
    seats = tuple(
        Seat(
            place=first_place + index,
            number=seat.number,
            type=seat.type,
            modifier=seat.price_modifier,
            position=seat.position or _position(document.decks[deck], document.decks[deck].rows[row], seat.column),
            deck=deck,
            row=row + 1,
            column=seat.column,
            flags=frozenset(seat.flags),
        )
        for index, (deck, row, _, seat) in enumerate(spots)
    )
    decks = tuple(
        Deck(name=deck.name, columns=deck.columns, aisles=tuple(sorted(deck.aisles)), rows=len(deck.rows))
        for deck in document.decks
    )
    return Layout(decks=decks, seats=seats)


def _validated(config: object) -> SeatLayoutConfig:
    try:
        return SeatLayoutConfig.model_validate(config)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False)[0]
        raise LayoutInvalid(_pointer(*first["loc"]), validation.told(first)) from None


def _pointer(*path: int | str) -> str:
    """RFC 6901; the whole document is ""."""
    return "".join("/" + str(part)[:40].replace("~", "~0").replace("/", "~1") for part in path)


def _spots(document: SeatLayoutConfig) -> Iterator[tuple[int, int, int, LayoutSeat]]:
    """(deck, row, index in the row, seat), by deck, row and column."""
    for deck, floor in enumerate(document.decks):
        for row, line in enumerate(floor.rows):
            for index, seat in sorted(enumerate(line.seats), key=lambda pair: pair[1].column):
                yield deck, row, index, seat


def _check_decks(document: SeatLayoutConfig) -> None:
    names: set[str] = set()
    for index, deck in enumerate(document.decks):
        if deck.name.casefold() in names:
            raise LayoutInvalid(_pointer("decks", index, "name"), mark("another deck has this name"))
        names.add(deck.name.casefold())
        for position, aisle in enumerate(deck.aisles):
            pointer = _pointer("decks", index, "aisles", position)
            if aisle > deck.columns:
                raise LayoutInvalid(pointer, Phrase("the deck has {columns} columns", columns=deck.columns))
            if aisle in deck.aisles[:position]:
                raise LayoutInvalid(pointer, mark("this aisle is named twice"))


def _check_seats(document: SeatLayoutConfig, spots: list[tuple[int, int, int, LayoutSeat]]) -> None:
    if not 0 < len(spots) <= SEATS_MAX:
        reason = Phrase("there are {seats} seats; 1 to {seats_max} are possible", seats=len(spots), seats_max=SEATS_MAX)
        raise LayoutInvalid(_pointer("decks"), reason)
    numbers: set[str] = set()
    taken: set[tuple[int, int, int]] = set()
    for deck, row, index, seat in spots:
        path = ("decks", deck, "rows", row, "seats", index)
        if seat.number.casefold() in numbers:
            reason = Phrase("another seat has the number {number}", number=seat.number)
            raise LayoutInvalid(_pointer(*path, "number"), reason)
        if seat.column > document.decks[deck].columns:
            reason = Phrase("the deck has {columns} columns", columns=document.decks[deck].columns)
            raise LayoutInvalid(_pointer(*path, "column"), reason)
        if (deck, row, seat.column) in taken:
            raise LayoutInvalid(_pointer(*path, "column"), mark("another seat stands there"))
        if len(set(seat.flags)) != len(seat.flags):
            raise LayoutInvalid(_pointer(*path, "flags"), mark("a flag is named twice"))
        numbers.add(seat.number.casefold())
        taken.add((deck, row, seat.column))


def _position(deck: LayoutDeck, row: LayoutRow, column: int) -> SeatPosition:
    if column in {1, deck.columns}:
        return "window"
    occupied = {seat.column for seat in row.seats}
    beside_aisle = any(neighbour in deck.aisles and neighbour not in occupied for neighbour in (column - 1, column + 1))
    return "aisle" if beside_aisle or column in deck.aisles else "middle"


# The usual layouts, as JSON documents: what an operator would send.


def standard(rows: int = 12, *, modifier_front: str = "0.00") -> dict[str, Any]:
    """2+2 with a row of five at the back: 12 rows have 49 seats, 11 have 45.

    The first row is for wheelchairs (right of the aisle) and those who travel with them; `modifier_front` is what rows
    2 and 3 cost more.
    """
    lines = [
        _row(row, "ABCD", (1, 2, 4, 5), price_modifier=modifier_front if row in {2, 3} else "0.00")
        for row in range(1, rows)
    ]
    for seat, flag in zip(lines[0]["seats"][2:], ("companion", "wheelchair"), strict=True):
        seat["flags"] = [flag]
    lines.append(_row(rows, "ABCDE", (1, 2, 3, 4, 5)))
    return {"decks": [{"name": "main", "columns": 5, "aisles": [3], "rows": lines}]}


def deluxe(rows: int = 10, *, modifier_single: str = "0.00") -> dict[str, Any]:
    """VIP 2+1, all premium: 10 rows have 30 seats; a seat of one's own may cost more."""
    lines = [_row(row, "ABC", (1, 2, 4), type="premium") for row in range(1, rows + 1)]
    for line in lines:
        line["seats"][2]["price_modifier"] = modifier_single
    return {"decks": [{"name": "main", "columns": 4, "aisles": [3], "rows": lines}]}


def sleeper(rows: int = 6, *, modifier_lower: str = "0.00") -> dict[str, Any]:
    """Berths 2+1 on two decks: 6 rows have 36, numbered L1A below and U1A above; the lower may cost more."""
    return {
        "decks": [
            {
                "name": name,
                "columns": 4,
                "aisles": [3],
                "rows": [
                    _row(row, "ABC", (1, 2, 4), prefix=prefix, type="sleeper", price_modifier=modifier)
                    for row in range(1, rows + 1)
                ],
            }
            for name, prefix, modifier in (("lower", "L", modifier_lower), ("upper", "U", "0.00"))
        ]
    }


def semi_sleeper(rows: int = 9, *, berths: int = 5, modifier_berth: str = "0.00") -> dict[str, Any]:
    """Reclining seats 2+2 below, single berths along both windows above: 9 rows and 5 of berths have 46."""
    below = [_row(row, "ABCD", (1, 2, 4, 5), type="premium") for row in range(1, rows + 1)]
    above = [
        _row(row, "AB", (1, 3), prefix="U", type="sleeper", price_modifier=modifier_berth)
        for row in range(1, berths + 1)
    ]
    return {
        "decks": [
            {"name": "lower", "columns": 5, "aisles": [3], "rows": below},
            {"name": "upper", "columns": 3, "aisles": [2], "rows": above},
        ]
    }


def _row(
    row: int,
    letters: str,
    columns: tuple[int, ...],
    *,
    prefix: str = "",
    type: str = "standard",  # noqa: A002 - the field's name
    price_modifier: str = "0.00",
) -> dict[str, list[dict[str, Any]]]:
    return {
        "seats": [
            {"number": f"{prefix}{row}{letter}", "column": column, "type": type, "price_modifier": price_modifier}
            for letter, column in zip(letters, columns, strict=True)
        ]
    }
