"""What a gateway tells, however it tells it: each as in spec/money.md.

Judged by the safety contract (`check` finds nothing) and by the bank's own books, which the ledger agrees with.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.gateways.sandbox.signatures import SIGNATURE_HEADER, sign
from holdfast.kernel.payments.models import gateway_events
from tests.gateways.sandbox.serving import SECRET
from tests.journeys.bank import BAD_CARD, LATE_CARD
from tests.journeys.calls import Json, Person, eventually, refusal, told
from tests.journeys.world import World

WEBHOOK = "/api/v1/payments/webhook/sandbox"


async def opened(world: World) -> tuple[Person, Json, Json]:
    """Somebody with a reservation of seat 1A, and its open payment."""
    line = await world.line()
    person = await world.customer()
    reservation = await world.reserve(person, line, "1A")
    return person, reservation, await world.initiate(person, reservation)


async def paid_unheard(world: World) -> tuple[Person, Json, Json]:
    """The same, paid, but the platform has not been told."""
    await world.bank.tell(hold=True)
    person, reservation, payment = await opened(world)
    await world.bank.pay(payment)
    return person, reservation, payment


async def heard(world: World, payment: Json) -> None:
    """What was held back is told now."""
    await world.bank.tell(hold=False)
    await world.bank.delivered(payment)


async def deliver(world: World, body: bytes, **headers: str) -> httpx2.Response:
    """Send a webhook ourselves."""
    return await world.next_server().post(
        WEBHOOK, content=body, headers={"content-type": "application/json", **headers}
    )


async def signed(world: World, body: bytes, *, ago: timedelta = timedelta(0)) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign(SECRET, body, now=await world.now() - ago)}


async def body_of(world: World, payment: Json) -> bytes:
    """The webhook about it, as the bank wrote it."""
    return str((await world.bank.webhooks(payment))[0]["body"]).encode()


async def status_of(person: Person, payment: Json) -> Json:
    status: Json = await person.get(f"/payments/status/{payment['booking_id']}")
    return status


async def is_sold_once(world: World, person: Person, reservation: Json, payment: Json) -> None:
    """One booking with one ticket, paid once and with nothing sent back."""
    booking = await world.confirmed(person, reservation)
    status = await status_of(person, payment)
    assert (len(booking["tickets"]), booking["payment_status"]) == (1, "completed")
    assert (status["amount_paid"], status["amount_refunded"]) == ("100.00", "0.00")
    await world.agrees()


async def is_sent_back(world: World, person: Person, payment: Json, amount: str = "100.00") -> None:
    """All of it, and no booking."""
    await world.agrees()
    status = await status_of(person, payment)
    assert (status["amount_paid"], status["amount_refunded"]) == (amount, amount)
    refusal(await person.ask("GET", f"/bookings/{payment['booking_id']}"), 404, "booking_not_found")


async def test_told_twice_it_has_one_effect(world: World) -> None:
    await world.bank.tell(duplicate=1)
    person, reservation, payment = await opened(world)

    await world.bank.pay(payment)
    await world.bank.delivered(payment)

    assert [each["state"] for each in await world.bank.webhooks(payment)] == ["delivered", "delivered"]
    await is_sold_once(world, person, reservation, payment)


async def test_told_twenty_times_at_once_it_has_one_effect(world: World) -> None:
    person, reservation, payment = await paid_unheard(world)
    body = await body_of(world, payment)
    headers = await signed(world, body)

    answers = await asyncio.gather(*(deliver(world, body, **headers) for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}
    await heard(world, payment)
    await is_sold_once(world, person, reservation, payment)


async def test_told_before_the_call_that_opens_the_payment_is_answered(world: World) -> None:
    await world.bank.tell(complete_before_answer=1)
    line = await world.line()
    person = await world.customer()
    reservation = await world.reserve(person, line, "1A")

    payment = await world.initiate(person, reservation)

    assert (payment["status"], payment["payment_url"]) == ("completed", None)
    await is_sold_once(world, person, reservation, payment)


async def test_completed_after_failed_is_a_fact(world: World) -> None:
    person, reservation, payment = await opened(world)
    await world.bank.pay(payment, card=BAD_CARD)
    await world.bank.delivered(payment)
    assert (await person.get(f"/payments/{payment['payment_id']}"))["status"] == "failed"

    await world.bank.simulate(payment, "late_success")

    await is_sold_once(world, person, reservation, payment)


async def test_told_in_the_wrong_order_it_ends_the_same(world: World) -> None:
    await world.bank.tell(reorder=2)
    person, reservation, payment = await opened(world)
    await world.bank.pay(payment, card=BAD_CARD)
    await world.bank.simulate(payment, "late_success")
    await world.bank.delivered(payment)

    await is_sold_once(world, person, reservation, payment)


@pytest.mark.parametrize("is_swept", [False, True])
async def test_money_after_expiry_is_honoured_while_the_seat_is_free(world: World, is_swept: bool) -> None:
    person, reservation, payment = await paid_unheard(world)
    await world.forward(minutes=15, seconds=1)
    if is_swept:
        await world.sweep()
    refusal(await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]}), 409, "hold_expired")

    await heard(world, payment)

    await is_sold_once(world, person, reservation, payment)


async def test_money_of_a_bank_that_captures_late_is_honoured(world: World) -> None:
    person, reservation, payment = await opened(world)
    await world.bank.pay(payment, card=LATE_CARD)
    await world.forward(minutes=15, seconds=5)

    await eventually(lambda: world.bank.webhooks(payment), "the bank captures after the deadline")
    await world.bank.delivered(payment)

    await is_sold_once(world, person, reservation, payment)


@pytest.mark.parametrize("is_paid", [False, True])
async def test_money_after_expiry_goes_back_where_the_seat_is_another_s(world: World, is_paid: bool) -> None:
    await world.bank.tell(hold=True)
    line = await world.line()
    person, quicker = await world.crowd(2)
    reservation = await world.reserve(person, line, "1A", "1B")
    payment = await world.initiate(person, reservation)
    await world.bank.pay(payment)
    await world.forward(minutes=15)
    others = await world.reserve(quicker, line, "1B")
    if is_paid:
        paid = await world.initiate(quicker, others)
        await world.bank.pay(paid)
        await world.bank.send(paid)
        await world.confirmed(quicker, others)

    await heard(world, payment)

    await is_sent_back(world, person, payment, "200.00")
    refusal(await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]}), 409, "hold_expired")
    assert await world.seat_map(line) == {"1B": "booked" if is_paid else "reserved"}


async def test_money_after_the_customers_own_cancel_goes_back(world: World) -> None:
    person, reservation, payment = await paid_unheard(world)
    told(await person.ask("DELETE", f"/reservations/{reservation['id']}"), 204)

    await heard(world, payment)

    await is_sent_back(world, person, payment)
    assert (await person.get(f"/reservations/{reservation['id']}"))["status"] == "cancelled"


@pytest.mark.parametrize("wrong", [{"amount": "1.00"}, {"amount": "250.00"}, {"amount": "100.00", "currency": "USD"}])
async def test_another_amount_or_currency_goes_back_and_the_seat_can_still_be_paid(world: World, wrong: Json) -> None:
    person, reservation, payment = await opened(world)
    await world.bank.tell(capture=wrong)
    await world.bank.pay(payment)
    await world.bank.delivered(payment)
    await world.agrees()

    asked = {"reservation_id": reservation["id"]}
    refusal(await person.ask("POST", "/bookings/create", asked), 409, "payment_required")
    assert (await person.get(f"/payments/{payment['payment_id']}"))["status"] == "refunded"
    again = await world.initiate(person, reservation)
    await world.bank.pay(again)
    booking = await world.confirmed(person, reservation)

    assert booking["total_amount"] == "100.00"
    await world.agrees()


async def test_a_second_payment_of_one_booking_goes_back(world: World) -> None:
    person, reservation, first = await opened(world)
    await world.bank.pay(first, card=BAD_CARD)
    await world.bank.delivered(first)
    second = await world.initiate(person, reservation)
    await world.bank.pay(second)
    booking = await world.confirmed(person, reservation)

    await world.bank.simulate(first, "late_success")
    await world.bank.delivered(first)
    await world.agrees()

    status = await status_of(person, second)
    assert (status["amount_paid"], status["amount_refunded"]) == ("200.00", "100.00")
    assert (await person.get(f"/bookings/{booking['id']}"))["status"] == "confirmed"


async def events_stored(world: World) -> int:
    async with world.database.reader() as db:
        found: int = await db.scalar(sa.select(sa.func.count()).select_from(gateway_events))
    return found


async def test_unsigned_forged_stale_or_changed_it_changes_nothing(world: World) -> None:
    person, reservation, payment = await paid_unheard(world)
    body = await body_of(world, payment)
    stored = await events_stored(world)
    good = await signed(world, body)
    again = json.dumps(json.loads(body), indent=1).encode()
    dearer = body.replace(b"100.00", b"999.00")

    for sent, headers in (
        (body, {}),
        (body, {SIGNATURE_HEADER: sign("another secret", body, now=await world.now())}),
        (body, await signed(world, body, ago=timedelta(seconds=301))),
        (body, {SIGNATURE_HEADER: "v1=nothing"}),
        (again, good),
        (dearer, good),
    ):
        refusal(await deliver(world, sent, **headers), 401, "bad_signature")

    assert await events_stored(world) == stored
    refusal(
        await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]}), 409, "payment_required"
    )
    told(
        await deliver(world, again, **await signed(world, again))
    )  # re-serialised by who has the secret: the same event
    await heard(world, payment)
    await is_sold_once(world, person, reservation, payment)


async def test_a_signed_lie_is_not_believed_the_bank_is_asked(world: World) -> None:
    person, reservation, payment = await opened(world)
    lie = {
        "id": "evt_lie",
        "type": "payment.success",
        "created_at": datetime.now(UTC).isoformat(),
        "data": {
            "object": "payment",
            "key": payment["payment_id"],
            "reference": payment["session_id"],
            "status": "completed",
        },
    }
    body = json.dumps(lie).encode()

    told(await deliver(world, body, **await signed(world, body)))

    refusal(
        await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]}), 409, "payment_required"
    )
    await world.agrees()
