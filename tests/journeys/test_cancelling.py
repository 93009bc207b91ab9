"""Give back what was bought: all of it by a quote, or one seat of two."""

from datetime import timedelta

from tests.journeys.calls import refusal
from tests.journeys.world import World


async def test_a_booking_is_cancelled_by_its_quote_and_all_of_it_comes_back(world: World) -> None:
    line = await world.line()
    amal = await world.customer()
    booking = await world.book(amal, line, "1A", "1B")
    of_booking = f"/bookings/{booking['id']}"

    quote = await amal.get(f"{of_booking}/cancellation-quote")
    cancelled = await amal.post(f"{of_booking}/cancel", {"quote_id": quote["id"], "reason": "ill"}, key="once")
    again = await amal.ask("POST", f"{of_booking}/cancel", {"quote_id": quote["id"], "reason": "ill"}, key="once")

    assert (quote["refund_amount"], quote["percent"], quote["amounts"]) == ("200.00", 100, ["100.00", "100.00"])
    assert (cancelled["refund_amount"], cancelled["items"], cancelled["reason"]) == ("200.00", [0, 1], "ill")
    assert (again.status_code, again.json()["id"]) == (200, cancelled["id"])
    assert again.headers["idempotent-replayed"] == "true"
    refusal(await amal.ask("POST", f"{of_booking}/cancel", {}), 409, "already_cancelled")
    assert await world.seat_map(line) == {}

    await world.agrees()
    shown = await amal.get(of_booking)
    assert (shown["status"], shown["payment_status"], shown["refund_state"]) == ("cancelled", "refunded", "full")
    assert {ticket["validity_status"] for ticket in shown["tickets"]} == {"cancelled"}
    assert (await amal.get(f"/cancellations/{cancelled['id']}"))["refund_status"] == "processed"


async def test_one_of_two_seats_is_given_back_and_the_other_kept(world: World) -> None:
    line = await world.line(departs_in=timedelta(hours=20))
    amal, badr = await world.crowd(2)
    booking = await world.book(amal, line, "1A", "1B")
    of_booking = f"/bookings/{booking['id']}"
    given_up = next(seat["item"] for seat in booking["seats"] if seat["seat_number"] == "1B")

    cancelled = await amal.post(f"{of_booking}/cancel", {"items": [given_up]})
    bought = await world.book(badr, line, "1B")

    assert cancelled["refund_amount"] == "50.00"
    assert bought["status"] == "confirmed"
    assert await world.seat_map(line) == {"1A": "booked", "1B": "booked"}
    await world.agrees()
    shown = await amal.get(of_booking)
    assert (shown["status"], shown["payment_status"], shown["refund_state"]) == ("confirmed", "completed", "part")
    assert {ticket["seat_number"]: ticket["validity_status"] for ticket in shown["tickets"]} == {
        "1A": "valid",
        "1B": "cancelled",
    }
    assert {seat["seat_number"]: seat["status"] for seat in shown["seats"]} == {"1A": "kept", "1B": "cancelled"}
