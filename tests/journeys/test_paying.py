"""At the till: wait for the payment, come too late, change the method, be declined."""

import asyncio
from datetime import datetime, timedelta

from holdfast.kit.ids import new_id
from tests.journeys.bank import BAD_CARD
from tests.journeys.calls import refusal, told
from tests.journeys.world import World

LEAST = timedelta(microseconds=1)


async def test_who_waits_for_the_booking_is_told_to_pay_until_it_is_there(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)
    reservation = await world.reserve(amal, line, "1A")
    asked = {"reservation_id": reservation["id"]}

    refusal(await amal.ask("POST", "/bookings/create", asked), 409, "payment_required")
    payment = await world.initiate(amal, reservation)
    refusal(await amal.ask("POST", "/bookings/create", asked), 409, "payment_required")
    refusal(await amal.ask("GET", f"/bookings/{payment['booking_id']}"), 404, "booking_not_found")
    assert (await amal.get("/bookings/history"))["items"] == []
    await world.bank.pay(payment)
    await world.bank.delivered(payment)
    answers = await asyncio.gather(*(amal.ask("POST", "/bookings/create", asked) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200] * 9 + [201]
    assert {answer.json()["id"] for answer in answers} == {payment["booking_id"]}
    assert (await amal.ask("POST", "/bookings/create", asked)).status_code == 200
    refusal(await badr.ask("POST", "/bookings/create", asked), 404, "reservation_not_found")
    refusal(await badr.ask("POST", "/bookings/create", {"reservation_id": str(new_id())}), 404, "reservation_not_found")


async def test_a_payment_is_opened_while_two_minutes_are_left_and_not_a_microsecond_later(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)
    early, late = await world.reserve(amal, line, "1A"), await world.reserve(badr, line, "1B")
    last = [datetime.fromisoformat(each["expiry_datetime"]) - timedelta(minutes=2) for each in (early, late)]

    await world.stand_at(last[0])
    opened = await world.initiate(amal, early)
    await world.stand_at(last[1] + LEAST)
    body = {"reservation_id": late["id"], "payment_method": "credit_card"}
    refusal(await badr.ask("POST", "/payments/initiate", body), 409, "too_late_to_pay")
    await world.go_on()

    await world.bank.pay(opened)
    assert (await world.confirmed(amal, early))["status"] == "confirmed"


async def test_another_method_ends_the_first_checkout(world: World) -> None:
    line = await world.line()
    amal = await world.customer()
    reservation = await world.reserve(amal, line, "1A")
    first = await world.initiate(amal, reservation, method="credit_card")
    body = {"reservation_id": reservation["id"], "payment_method": "credit_card"}
    same = await amal.post("/payments/initiate", body, status=200)

    second = await world.initiate(amal, reservation, method="wallet")

    assert same["payment_id"] == first["payment_id"]
    assert same["payment_url"] == first["payment_url"]
    assert second["payment_id"] != first["payment_id"]
    page = await world.bank.browser.get(first["payment_url"])
    assert "<form" not in page.text
    assert (await amal.get(f"/payments/{first['payment_id']}"))["status"] == "failed"
    told(await world.bank.browser.post(first["payment_url"], data={"card": "4242424242424242", "action": "pay"}), 303)
    refusal(await amal.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]}), 409, "payment_required")
    await world.bank.pay(second)
    booking = await world.confirmed(amal, reservation)
    status = await amal.get(f"/payments/status/{booking['id']}")
    assert [each["status"] for each in status["payments"]] == ["failed", "completed"]
    assert status["amount_paid"] == "100.00"
    await world.agrees()


async def test_who_is_declined_tries_again_within_the_same_fifteen_minutes(world: World) -> None:
    line = await world.line()
    amal = await world.customer()
    reservation = await world.reserve(amal, line, "1A")
    declined = await world.initiate(amal, reservation)
    await world.bank.pay(declined, card=BAD_CARD)
    await world.bank.delivered(declined)
    left = await world.initiate(amal, reservation)
    await world.bank.pay(left, action="cancel")
    await world.bank.delivered(left)

    again = await world.initiate(amal, reservation)
    await world.bank.pay(again)

    assert again["expires_at"] == declined["expires_at"] == reservation["expiry_datetime"]
    booking = await world.confirmed(amal, reservation)
    details = await amal.get(f"/bookings/{booking['id']}/details")
    assert [each["status"] for each in details["payments"]] == ["failed", "failed", "completed"]
    await world.agrees()


async def test_an_amount_that_differs_from_the_servers_is_refused(world: World) -> None:
    line = await world.line()
    amal = await world.customer()
    reservation = await world.reserve(amal, line, "1A")

    cheap = {"reservation_id": reservation["id"], "payment_method": "credit_card", "amount": "99.99"}
    refused = refusal(await amal.ask("POST", "/payments/initiate", cheap), 422, "amount_mismatch")

    assert (refused["amount"], refused["currency"]) == ("100.00", "EGP")
    await amal.post("/payments/initiate", {**cheap, "amount": 100}, status=201)
