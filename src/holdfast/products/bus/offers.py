"""What a schedule sells: which legs a wish covers, what a seat costs over them, what of it is free. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from uuid import UUID

from holdfast.kernel.holds import Line, WantedItem
from holdfast.kernel.inventory import SELLING, Inventory, Place, SlotState
from holdfast.kernel.inventory import Layout as Places
from holdfast.kit import ids
from holdfast.kit.money import Money
from holdfast.kit.text import match_key
from holdfast.products.bus import rules
from holdfast.products.bus.records import RouteStop, Schedule, ScheduleStop, names_of
from holdfast.products.bus.values import Layout, Seat, SeatStatus, SeatType, StopUnknown


@dataclass(frozen=True, slots=True)
class Offer:
    """A schedule with what the kernel sells of it."""

    schedule: Schedule
    inventory: Inventory
    places: Places

    @property
    def is_selling(self) -> bool:
        return self.inventory.state in SELLING and self.schedule.generated_at is not None

    def seat_id(self, place: int) -> UUID:
        """The public id of a seat."""
        return ids.pack(self.inventory.serial, place)


@dataclass(frozen=True, slots=True)
class Part:
    """From one stop to a later one, and what the fare between them is."""

    board: ScheduleStop
    alight: ScheduleStop
    fare: int

    @property
    def legs(self) -> range:
        return range(self.board.position, self.alight.position)


def part_of(schedule: Schedule, from_stop: str | None, to_stop: str | None) -> Part:
    """The part asked for, the whole way where nothing is. Raises StopUnknown, StopsReversed."""
    stops = schedule.stops
    start = 0 if from_stop is None else position_of(stops, from_stop)
    end = len(stops) - 1 if to_stop is None else position_of(stops, to_stop)
    return part_between(schedule, start, end)


def part_between(schedule: Schedule, start: int, end: int) -> Part:
    """The part between two stops by their positions. Raises StopsReversed."""
    stops = schedule.stops
    rules.legs_of(start, end, stops=[stop.city for stop in stops])
    return Part(stops[start], stops[end], fare_of(schedule, start, end))


def position_of(stops: Sequence[ScheduleStop] | Sequence[RouteStop], wanted: str) -> int:
    """The position of a stop by its name in any language, or by its order. StopUnknown."""
    key = match_key(wanted)
    for stop in stops:
        if key in names_of(stop.city, stop.names):
            return stop.position
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 4 and int(wanted) < len(stops):  # noqa: PLR2004 - digits
        return int(wanted)
    raise StopUnknown(wanted[:80], [stop.city for stop in stops])


def fare_of(schedule: Schedule, start: int, end: int) -> int:
    """The fare between two stops in minor units: its own, else by kilometres of the whole (spec, bus: fare)."""
    own = {fare.keys: fare.price for fare in schedule.fares}
    stops = schedule.stops
    price = own.get((match_key(stops[start].city), match_key(stops[end].city)))
    if price is not None:
        return price
    kilometres = [Fraction(stop.metres, 1000) for stop in stops]
    return rules.fare_between(kilometres, whole_fare_minor=schedule.base_price, from_stop=start, to_stop=end)


def modifier_of(offer: Offer, place: Place) -> int:
    """What a seat costs beyond the fare, whole on every part, in minor units."""
    return offer.inventory.prices[place.tier]


def lines_of(offer: Offer, part: Part, chosen: Sequence[Place]) -> tuple[Line, ...]:
    """The price of these seats over a part, line by line."""
    lines = []
    for number, place in enumerate(chosen):
        lines.append(Line("fare", "fare", part.fare, item=number))
        modifier = modifier_of(offer, place)
        if modifier:
            lines.append(Line("modifier", seat_type_of(place), modifier, item=number))
    return tuple(lines)


def item_of(offer: Offer, part: Part, place: Place) -> WantedItem:
    """One seat over a part, as the kernel holds it."""
    slots = rules.slots_of(place.number, legs=part.legs, legs_total=offer.places.slots_per_place)
    return WantedItem(place.number, place.label, slots=slots)


def seat_type_of(place: Place) -> SeatType:
    kind: SeatType = place.detail["type"]
    return kind


def seat_of(offer: Offer, place: Place) -> Seat:
    """A seat as `best_places` weighs it; its modifier in minor units, which compare as well."""
    return Seat(
        place=place.number,
        number=place.label,
        type=seat_type_of(place),
        modifier=Decimal(modifier_of(offer, place)),
        position=place.detail["position"],
        deck=place.detail["deck"],
        row=int(place.row or 0),
        column=place.column or 0,
        flags=frozenset(place.flags),  # type: ignore[arg-type] # written by places_of, out of SeatFlags
    )


def free_places(offer: Offer, part: Part, occupied: Collection[int]) -> list[Place]:
    """The seats of which every leg of the part is free."""
    legs_total = offer.places.slots_per_place
    spots = (rules.place_and_leg(slot, legs_total=legs_total) for slot in occupied)
    taken = {place for place, leg in spots if leg in part.legs}
    return [place for place in offer.places.places if place.number not in taken]


def free_numbers(offer: Offer, part: Part, states: Mapping[int, SlotState]) -> set[int]:
    """The places of which every leg of the part is free."""
    return {place.number for place in free_places(offer, part, states.keys())}


def count_free(offer: Offer, part: Part | None, occupied: Collection[int]) -> int:
    """`available_seats`: none before the seats are generated, nor where nothing is on sale any more."""
    return len(free_places(offer, part, occupied)) if part is not None and offer.is_selling else 0


def whole(offer: Offer) -> Part | None:
    """The whole way; None before the seats are generated."""
    return part_of(offer.schedule, None, None) if offer.schedule.stops else None


def statuses(offer: Offer, part: Part, states: Mapping[int, SlotState]) -> dict[int, SeatStatus]:
    """What each seat shows over a part, by its place."""
    per_place = offer.places.slots_per_place
    return {
        place.number: rules.seat_status(states.get(place.number * per_place + leg, "free") for leg in part.legs)
        for place in offer.places.places
    }


def has_together(offer: Offer, free: Iterable[Place], count: int) -> bool:
    """Whether `count` free seats, none of them kept for wheelchairs, stand side by side in one row."""
    seats = sorted(
        (seat_of(offer, place) for place in free if not place.flags), key=lambda s: (s.deck, s.row, s.column)
    )
    for _, row in groupby(seats, key=lambda seat: (seat.deck, seat.row)):
        run, last = 0, None
        for seat in row:
            run = run + 1 if last is not None and seat.column == last + 1 else 1
            last = seat.column
            if run >= count:
                return True
    return False


def stop_times(route_stops: Sequence[RouteStop], *, departs_at: datetime, arrives_at: datetime) -> list[datetime]:
    """When the bus leaves each stop: the route's minutes, stretched where this run takes longer or shorter."""
    total = route_stops[-1].minutes
    return [departs_at + (arrives_at - departs_at) * stop.minutes / total for stop in route_stops]


def places_of(layout: Layout) -> tuple[Place, ...]:
    """The kernel's places of a bus's layout. Prices are not in them: a tier names what its seats cost more."""
    return tuple(place_of(seat, deck_name=layout.decks[seat.deck].name) for seat in layout.seats)


def place_of(seat: Seat, *, deck_name: str) -> Place:
    return Place(
        number=seat.place,
        label=seat.number,
        tier=tier_of(seat.type, seat.modifier),
        row=str(seat.row),
        column=seat.column,
        section=deck_name,
        flags=tuple(sorted(seat.flags)),
        detail={"type": seat.type, "position": seat.position, "deck": seat.deck},
    )


def tier_of(seat_type: SeatType, modifier: Decimal) -> str:
    """One word for seats of a type that cost the same: "premium+40"."""
    return f"{seat_type}+{modifier.normalize():f}" if modifier else seat_type


def prices_of(places: Iterable[Place], *, currency: str) -> dict[str, int]:
    """What each tier costs beyond the fare, in minor units. MalformedAmount where the currency has fewer decimals."""
    tiers = {place.tier for place in places}
    return {tier: Money.parse(tier.partition("+")[2] or "0", currency).minor for tier in sorted(tiers)}
