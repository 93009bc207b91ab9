"""Turn what somebody asks for into the kernel's wish: which seats, over which legs, for how much. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel.holds import TooManyItems, Wish
from holdfast.kernel.inventory import OccurrenceCancelled, Place, SalesClosed
from holdfast.kit.zones import utc_to_local
from holdfast.products.bus import offers
from holdfast.products.bus.best_places import Why
from holdfast.products.bus.offers import Offer, Part
from holdfast.products.bus.records import ScheduleStop
from holdfast.products.bus.values import NotEnoughSeats, Preference, SeatFlag


@dataclass(frozen=True, slots=True)
class Asked:
    """Seats by id or number, or so many with a preference; between two stops or all the way.

    `document`: the request as it came, for its digest.
    """

    schedule_id: UUID
    seat_ids: tuple[UUID, ...] | None
    seat_numbers: tuple[str, ...] | None
    count: int | None
    preference: Preference
    flags: tuple[SeatFlag, ...]
    from_stop: str | None
    to_stop: str | None
    document: str

    @property
    def digest(self) -> str:
        """The same request has the same."""
        return hashlib.sha256(self.document.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who holds, and the key under which the hold is placed once."""

    user_id: UUID
    key: str | None


def canonical(document: object) -> str:
    """A request as one string, whatever the order of its fields."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)


def refuse_unless_selling(offer: Offer) -> None:
    """Said before seats are looked for: OccurrenceCancelled, SalesClosed. The kernel asks again under the turn."""
    if offer.inventory.state == "cancelled":
        raise OccurrenceCancelled
    if not offer.is_selling:
        raise SalesClosed(offer.inventory.state)


def refuse_bad_count(offer: Offer, asked: Asked) -> None:
    """Whoever says how many rather than which: TooManyItems, NotEnoughSeats (for all the flags that are asked for)."""
    assert asked.count is not None
    if asked.count > offer.inventory.limits.items_max:
        raise TooManyItems(offer.inventory.limits.items_max)
    if len(asked.flags) > asked.count:
        raise NotEnoughSeats(count=len(asked.flags), free=asked.count)


def wish(
    offer: Offer,
    part: Part,
    told: Mapping[str, Any],
    chosen: Sequence[Place],
    *,
    asked: Asked,
    buyer: Buyer,
    why: Why | None = None,
    version: int | None = None,
) -> Wish:
    """All that the kernel needs; `told`: what `describe` says of the part.

    `version` other than the inventory's: only the first answer of a key is wanted.
    """
    return Wish(
        inventory_id=offer.schedule.id,
        version=offer.inventory.version if version is None else version,
        owner_id=buyer.user_id,
        placed_by=buyer.user_id,
        channel="web",
        items=tuple(offers.item_of(offer, part, place) for place in chosen),
        lines=offers.lines_of(offer, part, chosen),
        starts_at=part.board.at,
        ends_at=part.alight.at,
        description={
            **told,
            "seats": {place.label: offers.seat_type_of(place) for place in chosen},
            "why": asdict(why) if why is not None else None,
        },
        digest=asked.digest,
        key=buyer.key,
    )


def describe(offer: Offer, bus_number: str, part: Part) -> dict[str, Any]:
    """Title, place and times as they are sold: words and ids, no personal data."""
    schedule = offer.schedule
    return {
        "title": way(part.board.city, part.alight.city),
        "from": part.board.city,
        "to": part.alight.city,
        "printed": printed(bus_number, part),
        "place": bus_number,
        "departure": local_text(part.board.at, part.board),
        "arrival": local_text(part.alight.at, part.alight),
        "zone": part.board.zone,
        "arrival_zone": part.alight.zone,
        "from_stop": part.board.position,
        "to_stop": part.alight.position,
        "schedule_id": str(schedule.id),
        "route_id": str(schedule.route_id),
        "bus_id": str(schedule.bus_id),
    }


def way(start: str, end: str) -> str:
    """From where to where; a dash reads well in both directions of writing."""
    return f"{start} \N{EN DASH} {end}"


def printed(bus_number: str, part: Part) -> dict[str, dict[str, Any]]:
    """What a ticket says of it, by language."""
    words = {"en": ("Seat", "Bus"), "ar": ("المقعد", "الحافلة")}
    return {
        language: {
            "from": (start := part.board.names.get(language, part.board.city)),
            "to": (end := part.alight.names.get(language, part.alight.city)),
            "title": way(start, end),
            "place_label": seat,
            "fields": [[vehicle, bus_number]],
        }
        for language, (seat, vehicle) in words.items()
    }


def local_text(at: datetime, stop: ScheduleStop) -> str:
    """What clocks there show, with their offset."""
    return utc_to_local(at, stop.zone).isoformat(timespec="minutes")
