import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from holdfast.products.bus import layouts
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.values import LayoutInvalid, SeatsMiscounted

Config = dict[str, Any]


@pytest.mark.parametrize(
    ("config", "seats", "decks"),
    [
        (layouts.standard(12), 49, 1),
        (layouts.standard(11), 45, 1),
        (layouts.deluxe(10), 30, 1),
        (layouts.sleeper(6), 36, 2),
        (layouts.semi_sleeper(9, berths=5), 46, 2),
    ],
)
def test_the_usual_layouts_have_the_seats_they_say(config: Config, seats: int, decks: int) -> None:
    layout = parse_layout(config, total_seats=seats)

    assert (len(layout.seats), len(layout.decks)) == (seats, decks)
    assert [seat.place for seat in layout.seats] == list(range(seats))


def test_positions_follow_from_columns_and_aisles() -> None:
    seats = {seat.number: seat.position for seat in parse_layout(layouts.standard(12)).seats}

    assert [seats[number] for number in ("5A", "5B", "5C", "5D")] == ["window", "aisle", "aisle", "window"]
    assert [seats[f"12{letter}"] for letter in "ABCDE"] == ["window", "middle", "aisle", "middle", "window"]


def test_a_position_that_is_given_is_kept() -> None:
    config = layouts.deluxe(1)
    config["decks"][0]["rows"][0]["seats"][0]["position"] = "middle"  # a pillar instead of a window

    assert parse_layout(config).seats[0].position == "middle"


def test_modifiers_are_exact_decimals() -> None:
    seats = parse_layout(layouts.standard(12, modifier_front="0.750")).seats

    assert {seat.modifier for seat in seats if seat.row == 2} == {Decimal("0.750")}


def test_seats_are_ordered_as_they_stand_however_they_were_written() -> None:
    config = layouts.deluxe(2)
    config["decks"][0]["rows"][1]["seats"].reverse()

    assert [seat.number for seat in parse_layout(config).seats] == ["1A", "1B", "1C", "2A", "2B", "2C"]


def test_places_may_be_numbered_above_older_ones() -> None:
    assert [seat.place for seat in parse_layout(layouts.deluxe(1), first_place=30).seats] == [30, 31, 32]


def test_total_seats_must_match() -> None:
    with pytest.raises(SeatsMiscounted) as error:
        parse_layout(layouts.standard(12), total_seats=48)

    assert error.value.fields == {"seats": 49, "total_seats": 48}


def _set(*path: str | int, to: Any) -> Callable[[Config], None]:
    def change(config: Any) -> None:
        for step in path[:-1]:
            config = config[step]
        config[path[-1]] = to

    return change


SEAT = ("decks", 0, "rows", 1, "seats", 2)


MISTAKES: list[tuple[Callable[[Config], None], str]] = [
    (_set("decks", to=[]), "/decks"),
    (_set("decks", to="two"), "/decks"),
    (_set("colour", to="red"), "/colour"),
    (_set("a/b~c", to=1), "/a~1b~0c"),
    (_set("decks", 0, "columns", to=8), "/decks/0/columns"),
    (_set("decks", 0, "columns", to="5"), "/decks/0/columns"),
    (_set("decks", 0, "columns", to=True), "/decks/0/columns"),
    (_set("decks", 0, "aisles", to=[9]), "/decks/0/aisles/0"),
    (_set("decks", 0, "aisles", to=[3, 3]), "/decks/0/aisles/1"),
    (_set("decks", 0, "rows", to=[{"seats": []}]), "/decks"),
    (_set(*SEAT, "number", to="1a"), "/decks/0/rows/1/seats/2/number"),
    (_set(*SEAT, "number", to="123456789"), "/decks/0/rows/1/seats/2/number"),
    (_set(*SEAT, "number", to="1\n"), "/decks/0/rows/1/seats/2/number"),
    (_set(*SEAT, "number", to="<b>"), "/decks/0/rows/1/seats/2/number"),
    (_set(*SEAT, "column", to=2), "/decks/0/rows/1/seats/2/column"),
    (_set(*SEAT, "column", to=6), "/decks/0/rows/1/seats/2/column"),
    (_set(*SEAT, "column", to=0), "/decks/0/rows/1/seats/2/column"),
    (_set(*SEAT, "type", to="first"), "/decks/0/rows/1/seats/2/type"),
    (_set(*SEAT, "price_modifier", to="-1"), "/decks/0/rows/1/seats/2/price_modifier"),
    (_set(*SEAT, "price_modifier", to="1e3"), "/decks/0/rows/1/seats/2/price_modifier"),
    (_set(*SEAT, "price_modifier", to="NaN"), "/decks/0/rows/1/seats/2/price_modifier"),
    (_set(*SEAT, "price_modifier", to=1.5), "/decks/0/rows/1/seats/2/price_modifier"),
    (_set(*SEAT, "price_modifier", to="0.0001"), "/decks/0/rows/1/seats/2/price_modifier"),
    (_set(*SEAT, "flags", to=["wheelchair", "wheelchair"]), "/decks/0/rows/1/seats/2/flags"),
    (_set(*SEAT, "flags", to=["throne"]), "/decks/0/rows/1/seats/2/flags/0"),
]


@pytest.mark.parametrize(
    ("change", "pointer"),
    MISTAKES,
    ids=[f"{index}-{pointer}" for index, (_, pointer) in enumerate(MISTAKES)],
)
def test_an_error_points_at_its_place_in_the_document(change: Callable[[Config], None], pointer: str) -> None:
    config = copy.deepcopy(layouts.standard(12))
    change(config)

    with pytest.raises(LayoutInvalid) as error:
        parse_layout(config)

    assert error.value.pointer == pointer


@pytest.mark.parametrize("config", [None, [], "{}", 7])
def test_what_is_no_document_at_all_is_refused(config: object) -> None:
    with pytest.raises(LayoutInvalid):
        parse_layout(config)


def test_more_seats_than_any_bus_has_are_refused() -> None:
    with pytest.raises(LayoutInvalid):
        parse_layout(layouts.standard(50))
