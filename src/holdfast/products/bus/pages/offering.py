"""What a seat map is drawn of, and which seats are offered first. Pure, but for the words."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.kit.money import exponent
from holdfast.kit.words import listed, mark, plural, say
from holdfast.products.bus import offers
from holdfast.products.bus.best_places import Choice, best_places
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.values import NotEnoughSeats, Preference, SeatStatus

OTHERS_MAX = 10

PREFERENCES: Mapping[str, str] = {
    "together": mark("Side by side"),
    "window": mark("At a window"),
    "aisle": mark("At an aisle"),
    "front": mark("In front"),
    "back": mark("At the back"),
}
_PLACED: Mapping[str, str] = {
    "single": mark("In row {row}."),
    "side_by_side": mark("Side by side in row {row}."),
    "one_row": mark("In row {row}, with others or an aisle between."),
    "near_rows": mark("In rows behind each other, since no row has enough."),
    "apart": mark("As near to each other as is free."),
}
_PREFERRED: Mapping[str, str] = {
    "window": mark("{met} of {count} at a window."),
    "aisle": mark("{met} of {count} at an aisle."),
    "front": mark("As far to the front as these go."),
    "back": mark("As far to the back as these go."),
}
SEAT_TYPES: Mapping[str, str] = {
    "standard": mark("Standard"),
    "premium": mark("Premium"),
    "sleeper": mark("Sleeper"),
}
STATUSES: Mapping[str, str] = {
    "available": mark("free"),
    "reserved": mark("held by somebody"),
    "booked": mark("sold"),
}
FLAGS: Mapping[str, str] = {
    "wheelchair": mark("for a wheelchair"),
    "companion": mark("for who travels with a wheelchair"),
}
#: What the map says, by the keys by which its script asks.
MAP_WORDS: Mapping[str, str] = {
    "free": mark("free"),
    "chosen": mark("your choice"),
    "mine": mark("yours"),
    "held": mark("held by somebody"),
    "sold": mark("sold"),
    "blocked": mark("not for sale"),
    "label": mark("Row {row} seat {number}, {price}, {state}"),
    "wheelchair": mark("for a wheelchair"),
    "companion": mark("for who travels with a wheelchair"),
    "gone": mark("Seat {number} was just taken by somebody else. Your other seats stay chosen."),
    "back": mark("Seat {number} is free again."),
    "limit": mark("At most {limit} seats at once. Give one back to choose another."),
    "offline": mark("No connection. What you see may have changed; it is checked again when you hold seats."),
    "online": mark("Connected again."),
    "none": mark("No seat chosen yet"),
    "full": mark("more than {limit} at once are not possible"),
    "map": mark("Seat map, {deck}"),
    "zoom": mark("Size of the map"),
    "zoom_in": mark("Larger"),
    "zoom_out": mark("Smaller"),
    "front": mark("Driver"),
    "over": mark("Nothing is on sale here any more."),
}
#: A number of each plural form that a language may have, by the name under which browsers know the form.
_FORMS: Mapping[str, int] = {"zero": 0, "one": 1, "two": 2, "few": 3, "many": 11, "other": 100}


@dataclass(frozen=True, slots=True)
class ShownSeat:
    """One seat as the page lists it; price in minor units."""

    id: str
    number: str
    type: str
    deck: int
    row: int
    column: int
    flags: tuple[str, ...]
    status: SeatStatus
    price: int

    @property
    def is_free(self) -> bool:
        return self.status == "available"


def shown_seats(offer: Offer, part: Part, statuses: Mapping[int, SeatStatus]) -> list[ShownSeat]:
    """All seats in the order of the layout."""
    return [
        ShownSeat(
            id=str(offer.seat_id(place.number)),
            number=place.label,
            type=offers.seat_type_of(place),
            deck=place.detail["deck"],
            row=int(place.row or 0),
            column=place.column or 0,
            flags=place.flags,
            status=statuses[place.number],
            price=part.fare + offers.modifier_of(offer, place),
        )
        for place in offer.places.places
    ]


def best_of(
    offer: Offer, part: Part, *, free: Collection[int], count: int, preference: Preference, up_to: int | None, skip: int
) -> Choice | None:
    """The best so many seats up to a price each (minor units), other than the first `skip` offers; None: not enough."""
    left = {
        place.number
        for place in offer.places.places
        if place.number in free and (up_to is None or part.fare + offers.modifier_of(offer, place) <= up_to)
    }
    seats = [offers.seat_of(offer, place) for place in offer.places.places]
    choice = None
    try:
        for _ in range(skip + 1):
            choice = best_places(seats, free=left, count=count, preference=preference)
            left -= {seat.place for seat in choice.seats}
    except NotEnoughSeats:
        return None
    return choice


def why(choice: Choice, locale: str, *, is_best: bool) -> str:
    """Why these seats, in the viewer's language. `is_best`: others were not passed over for them."""
    reason = choice.why
    fields = {"row": choice.seats[0].row, "met": reason.met, "count": reason.count}
    cheapest = plural("The cheapest free seat.", "The {count} cheapest free seats.", reason.count, locale)
    sentences = [cheapest] if is_best else []
    sentences.append(say(_PLACED[reason.code], locale))
    if reason.preference in _PREFERRED:
        sentences.append(say(_PREFERRED[reason.preference], locale))
    return " ".join(sentence.format(**fields) for sentence in sentences)


def map_data(
    offer: Offer, seats: list[ShownSeat], *, mine: Collection[str], locale: str, limit: int, socket: str
) -> dict[str, Any]:
    """What the script draws the map of: decks, seats, words, and where the news comes from.

    `mine`: numbers of the seats that the viewer holds.
    """
    return {
        "decks": [dict(deck) for deck in offer.schedule.decks],
        "seats": [
            {
                "id": seat.id,
                "number": seat.number,
                "deck": seat.deck,
                "row": seat.row,
                "column": seat.column,
                "flags": list(seat.flags),
                "status": seat.status,
                "price": seat.price,
                "type": seat.type,
                "mine": seat.number in mine,
            }
            for seat in seats
        ],
        "limit": limit,
        "currency": offer.schedule.currency,
        "digits": exponent(offer.schedule.currency),
        "locale": locale,
        "socket": socket,
        "words": _words(locale),
    }


def _words(locale: str) -> dict[str, Any]:
    return {
        **{key: say(text, locale) for key, text in MAP_WORDS.items()},
        "comma": listed(("", ""), locale),
        "left": {form: plural("{count} seat left", "{count} seats left", n, locale) for form, n in _FORMS.items()},
        "total": {
            form: plural("{count} seat, {total}", "{count} seats, {total}", n, locale) for form, n in _FORMS.items()
        },
    }
