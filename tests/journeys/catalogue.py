"""What an operator enters, so that there is something to sell."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kit.ids import new_id
from holdfast.products.bus import layouts
from tests.journeys.calls import Line, Person


async def schedule(
    operator: Person,
    *,
    provider_id: UUID,
    cities: Sequence[tuple[str, int]],
    zone: str,
    rows: int,
    price: str,
    departure: str,
    modifier: str,
) -> Line:
    """Route, bus, schedule and seats, over the API. `departure`: a moment, or a wall time of the zone."""
    suffix = new_id().hex[-8:]
    named = tuple(f"{city} {suffix}" for city, _ in cities)
    stops = [
        {"city": name, "zone": zone, "minutes_from_start": km, "km": km}  # at a kilometre a minute
        for name, (_, km) in zip(named, cities, strict=True)
    ]
    layout: dict[str, Any] = layouts.standard(rows, modifier_front=modifier)
    numbers = [seat["number"] for deck in layout["decks"] for row in deck["rows"] for seat in row["seats"]]
    bus = {"bus_number": suffix, "bus_type": "standard", "total_seats": len(numbers), "seat_layout_config": layout}
    route_id = (await operator.post("/routes", {"stops": stops}, status=201))["id"]
    bus_id = (await operator.post("/buses", bus, status=201))["id"]
    planned = {"route_id": route_id, "bus_id": bus_id, "departure_datetime": departure, "base_price": price}
    entered = await operator.post("/schedules", planned, status=201)
    made = await operator.post(f"/schedules/{entered['id']}/generate-seats", status=201)
    assert made["created_seats"] == len(numbers)
    return Line(
        id=entered["id"],
        operator=operator,
        provider_id=provider_id,
        cities=named,
        departs_at=datetime.fromisoformat(entered["departure_datetime"]),
        seats=tuple(numbers),
    )
