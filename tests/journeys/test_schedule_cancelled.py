"""An operator cancels a schedule while fifty people pay: nobody keeps a booking, everybody's money comes back."""

import asyncio
from decimal import Decimal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.bookings.models import bookings
from tests.journeys.calls import Json, Line, Person, eventually, refusal
from tests.journeys.world import World

#: How far the people of each ten are when the operator cancels.
HELD, PENDING, CONFIRMED, PAID_UNHEARD, PAYING = range(5)


async def test_nobody_keeps_a_booking_on_a_cancelled_schedule_and_all_money_comes_back(world: World) -> None:
    line = await world.line(rows=13)
    people = await world.crowd(50)
    states = [number % 5 for number in range(len(people))]
    reached = [await _reach(world, line, *each) for each in zip(people, line.seats, states, strict=False)]
    await world.bank.tell(lose=10)
    for unheard in _of(PAID_UNHEARD, reached, states):
        await world.bank.pay(unheard)
    await world.bank.tell(lose=0)

    with world.working():
        paying = (world.bank.pay(each) for each in _of(PAYING, reached, states))
        await asyncio.gather(*paying, _cancel(line))
        refusal(await line.operator.ask("POST", f"/schedules/{line.id}/cancel", {}), 409, "occurrence_cancelled")
        await eventually(lambda: _is_over(world, line), "nothing of the schedule is live")
    await world.agrees()

    back = await _captured(world)
    for person, payment in zip(people, reached, strict=True):
        assert (await person.get("/reservations/active"))["items"] == []
        assert {each["status"] for each in (await person.get("/bookings/history"))["items"]} <= {"cancelled"}
        if payment is not None:
            status = await person.get(f"/payments/status/{payment['booking_id']}")
            assert status["booking_status"] == "cancelled"
            assert status["amount_refunded"] == status["amount_paid"]
            assert Decimal(status["amount_paid"]) == back.get(payment["payment_id"], Decimal(0))
    paid = [payment for payment in reached if payment is not None and payment["payment_id"] in back]
    assert len(paid) >= 20  # confirmed before, paid and unheard, and whoever of the paying was quick enough


def _of(state: int, reached: list[Json | None], states: list[int]) -> list[Json]:
    return [payment for payment, each in zip(reached, states, strict=True) if each == state and payment is not None]


async def _reach(world: World, line: Line, person: Person, seat: str, state: int) -> Json | None:
    reservation = await world.reserve(person, line, seat)
    if state == HELD:
        return None
    payment = await world.initiate(person, reservation)
    if state == CONFIRMED:
        await world.bank.pay(payment)
        await world.confirmed(person, reservation)
    return payment


async def _cancel(line: Line) -> None:
    await asyncio.sleep(0.05)
    cancelled = await line.operator.post(f"/schedules/{line.id}/cancel", {"reason": "the road is closed"})
    assert cancelled["status"] == "cancelled"


async def _is_over(world: World, line: Line) -> bool:
    """No seat is taken, no hold or booking of it stands."""
    statement = sa.select(sa.func.count()).where(
        bookings.c.inventory_id == UUID(line.id), bookings.c.state.in_(("pending", "confirmed"))
    )
    async with world.database.reader() as db:
        if await db.scalar(statement):
            return False
    shown = await world.stranger().get(f"/schedules/{line.id}/seats")
    return all(seat["status"] == "available" for seat in shown["seats"])


async def _captured(world: World) -> dict[str, Decimal]:
    """What the bank took, by payment."""
    return {str(key): Decimal(amount) for kind, key, amount, _ in await world.bank.books() if kind == "payment"}
