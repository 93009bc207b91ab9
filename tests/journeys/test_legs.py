"""One seat, sold leg by leg."""

from tests.journeys.calls import refusal
from tests.journeys.world import World


async def test_two_legs_of_a_seat_are_two_sales_and_each_is_given_back_alone(world: World) -> None:
    line = await world.line(cities=(("Cairo", 0), ("Asyut", 300), ("Aswan", 900)))
    a, b, c = line.cities
    amal, badr, carim = await world.crowd(3)
    to_b = await world.book(amal, line, "1A", from_stop=a, to_stop=b)
    to_c = await world.book(badr, line, "1A", from_stop=b, to_stop=c)
    assert (to_b["total_amount"], to_c["total_amount"]) == ("33.33", "66.67")
    whole = {"schedule_id": line.id, "seat_numbers": ["1A"], "from_stop": a, "to_stop": c}

    refused = refusal(await carim.ask("POST", "/reservations/create", whole), 409, "slots_taken")
    assert refused["labels"] == ["1A"]

    await amal.post(f"/bookings/{to_b['id']}/cancel", {})
    assert await world.seat_map(line, part=(a, b)) == {}
    assert await world.seat_map(line, part=(b, c)) == {"1A": "booked"}
    assert await world.seat_map(line) == {"1A": "booked"}
    assert (await badr.get(f"/bookings/{to_c['id']}"))["status"] == "confirmed"
    refusal(await carim.ask("POST", "/reservations/create", whole), 409, "slots_taken")
    again = await world.book(carim, line, "1A", from_stop=a, to_stop=b)
    assert again["status"] == "confirmed"
    assert (again["from_stop"], again["to_stop"]) == (a, b)
    await world.agrees()
