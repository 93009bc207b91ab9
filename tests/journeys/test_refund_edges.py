"""At 24 h and 2 h before boarding, a microsecond either side: whole and seat by seat, with prices that don't divide."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from tests.journeys.calls import Json, Person, refusal
from tests.journeys.world import World

DAY, TWO_HOURS = timedelta(hours=24), timedelta(hours=2)
#: (before boarding, microseconds later, percent; None: refused). Earlier is listed first: the clock only goes forward.
EDGES = (
    (DAY, -1, 100),
    (DAY, 0, 50),
    (DAY, +1, 50),
    (TWO_HOURS, -1, 50),
    (TWO_HOURS, 0, 50),
    (TWO_HOURS, +1, None),
)
#: 33.33 a seat and 12.51 more in rows 2 and 3; half of them end in half a piastre.
SEATS = ("1A", "2A", "3A", "4A")
WHOLE = {100: "158.34", 50: "79.18"}
EACH = {100: {"33.33", "45.84"}, 50: {"16.67", "22.92"}}


@dataclass
class Pair:
    """Two customers with the same seats: one gives all of it back at once, the other seat by seat."""

    whole: tuple[Person, Json]
    parts: tuple[Person, Json]


async def test_refunds_at_the_edges_are_exact_and_the_parts_are_the_whole(world: World) -> None:
    lines = [await world.line(rows=5, price="33.33", modifier="12.51", departs_in=timedelta(days=3))]
    departs_at = lines[0].departs_at
    while len(lines) < 2 * len(EDGES):
        lines.append(await world.line(rows=5, price="33.33", modifier="12.51", departs_at=departs_at.isoformat()))
    people = await world.crowd(len(lines))
    booked = [(who, await world.book(who, line, *SEATS)) for who, line in zip(people, lines, strict=True)]
    pairs = [Pair(booked[number], booked[number + 1]) for number in range(0, len(booked), 2)]

    for pair, (before, microseconds, percent) in zip(pairs, EDGES, strict=True):
        await world.stand_at(departs_at - before + timedelta(microseconds=microseconds))
        if percent is None:
            await _refuses(pair)
        else:
            await _gives_back(pair, percent)

    await world.go_on()
    await world.agrees()


async def _gives_back(pair: Pair, percent: int) -> None:
    person, booking = pair.whole
    quote = await person.get(f"/bookings/{booking['id']}/cancellation-quote")
    whole = await person.post(f"/bookings/{booking['id']}/cancel", {})
    assert (quote["percent"], quote["refund_amount"]) == (percent, whole["refund_amount"])
    assert whole["refund_amount"] == WHOLE[percent]

    person, booking = pair.parts
    parts = [await person.post(f"/bookings/{booking['id']}/cancel", {"items": [item]}) for item in (2, 0, 3, 1)]
    assert {part["refund_amount"] for part in parts} == EACH[percent]
    assert sum(Decimal(part["refund_amount"]) for part in parts) == Decimal(WHOLE[percent])
    assert (await person.get(f"/bookings/{booking['id']}"))["status"] == "cancelled"


async def _refuses(pair: Pair) -> None:
    for person, booking in (pair.whole, pair.parts):
        of_booking = f"/bookings/{booking['id']}"
        refusal(await person.ask("GET", f"{of_booking}/cancellation-quote"), 409, "cancellation_closed")
        for wanted in ({}, {"items": [0]}):
            refusal(await person.ask("POST", f"{of_booking}/cancel", wanted), 409, "cancellation_closed")
        assert (await person.get(of_booking))["status"] == "confirmed"
