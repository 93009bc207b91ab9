"""`kill -9` in the midst of it: an effect is absent or complete, and the same key gives the final answer."""

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel.bookings.models import bookings
from holdfast.kernel.holds.models import holds
from holdfast.kernel.payments.models import gateway_events
from tests.journeys.bank import GOOD_CARD, Bank
from tests.journeys.calls import Json, Line, Person, eventually
from tests.journeys.world import World

#: How many book at once: as many as were asked for on PostgreSQL, fewer where there is one writer.
RUNNING = {"postgresql": 200, "sqlite": 30}
SEATS_A_LINE = 40
TRIES_MAX = 100
#: What a client hears that is to ask again.
NOT_YET = {"request_in_flight", "payment_required", "payment_unavailable", "contended", "overloaded"}
_PAUSE_SECONDS_MAX = 5.0


def check_finds_nothing(world: World) -> None:
    found = world.site.run("check", "--json")
    assert found.returncode == 0, found.stdout
    assert json.loads(found.stdout) == {"breaches": []}


async def test_a_notice_that_was_stored_before_the_kill_is_processed_without_its_server(world: World) -> None:
    line, person = await world.line(), await world.customer()
    reservation = await world.reserve(person, line, "1A")
    payment = await world.initiate(person, reservation)
    await world.bank.tell(api=[{"operation": "payment", "kind": "silence", "seconds": 12}])
    await world.bank.pay(payment)
    assert await eventually(partial(unprocessed, world, payment), "the notice is stored") == 1

    with world.site.killed():
        await world.forward(seconds=10)
        assert await unprocessed(world, payment) == 1
        with world.working():
            await eventually(partial(nothing_unprocessed, world, payment), "the worker meets the notice")

    booking = await world.confirmed(person, reservation)
    assert booking["status"] == "confirmed"
    await world.agrees()
    check_finds_nothing(world)


async def unprocessed(world: World, payment: Json) -> int:
    """Of this payment: the site is shared, and news of others' may come late."""
    of_it = gateway_events.c.key == payment["payment_id"]
    statement = sa.select(sa.func.count()).where(of_it, gateway_events.c.processed_at.is_(None))
    async with world.database.reader() as db:
        found: int = await db.scalar(statement)
    return found


async def nothing_unprocessed(world: World, payment: Json) -> bool:
    return await unprocessed(world, payment) == 0


async def are_booked(progress: list[str], how_many: float) -> bool:
    return progress.count("booked") >= how_many


@dataclass
class Client:
    """Somebody who books one seat, and repeats every request with its key until there is a definite answer."""

    person: Person
    bank: Bank
    line: Line
    seat: str
    repeats: int = 0
    #: What was answered to each key: one thing, however often it was asked.
    reservations: set[str] = field(default_factory=set)
    payments: set[str] = field(default_factory=set)
    bookings: set[str] = field(default_factory=set)

    async def book(self, progress: list[str]) -> None:
        wanted = {"schedule_id": self.line.id, "seat_numbers": [self.seat]}
        reservation = await self._insist("/reservations/create", wanted, key="reserve")
        self.reservations.add(reservation["id"])
        progress.append("reserved")
        of_it = {"reservation_id": reservation["id"]}
        payment = await self._insist("/payments/initiate", {**of_it, "payment_method": "wallet"}, key="pay")
        self.payments.add(payment["payment_id"])
        progress.append("opened")
        if payment["payment_url"] is not None:
            form = {"card": GOOD_CARD, "action": "pay"}
            await self.bank.browser.post(payment["payment_url"], data=form)
        progress.append("paid")
        booking = await self._insist("/bookings/create", of_it, key="book")
        self.bookings.add(booking["id"])
        progress.append("booked")

    async def repeat(self) -> None:
        """The same keys once more, when all is over."""
        wanted = {"schedule_id": self.line.id, "seat_numbers": [self.seat]}
        (reservation_id,) = self.reservations
        of_it = {"reservation_id": reservation_id}
        self.reservations.add((await self._insist("/reservations/create", wanted, key="reserve"))["id"])
        again = await self._insist("/payments/initiate", {**of_it, "payment_method": "wallet"}, key="pay")
        self.payments.add(again["payment_id"])
        self.bookings.add((await self._insist("/bookings/create", of_it, key="book"))["id"])

    async def _insist(self, path: str, body: Json, *, key: str) -> Json:
        pause = 0.7
        for _ in range(TRIES_MAX):
            try:
                answer = await self.person.ask("POST", path, body, key=key)
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                said: Json = answer.json()
                return said
            if answer is not None:
                code = answer.json()["code"]
                assert code in NOT_YET, code
            self.repeats += 1
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _PAUSE_SECONDS_MAX)
        message = f"{path} gives no definite answer"
        raise AssertionError(message)


@pytest.mark.timeout(300)
async def test_everything_dies_during_running_bookings_and_each_client_gets_one_answer(world: World) -> None:
    size = RUNNING[world.site.dialect]
    lines = [await world.line(rows=12) for _ in range(-(-size // SEATS_A_LINE))]
    people = await world.crowd(size)
    seats = [(line, seat) for line in lines for seat in line.seats[:SEATS_A_LINE]][:size]
    clients = [Client(person, world.bank, line, seat) for person, (line, seat) in zip(people, seats, strict=True)]
    world.site.worker.start()
    progress: list[str] = []
    tasks = [asyncio.create_task(client.book(progress)) for client in clients]
    await eventually(partial(are_booked, progress, size * 0.2), "some are booked", patience=200)
    with world.site.killed(world.site.worker):
        await world.forward(seconds=31)  # the leases of what died end
        await world.sign_in_anew(people)
        await asyncio.sleep(0.5)  # clients meet nobody
    await asyncio.gather(*tasks)
    world.site.worker.stop()
    await world.agrees()
    await asyncio.gather(*(client.repeat() for client in clients[:20]))

    assert all(len(client.reservations) == len(client.payments) == len(client.bookings) == 1 for client in clients)
    assert sum(client.repeats for client in clients) > 0
    async with world.database.reader() as db:
        held = [row.owner_id for row in await db.all(sa.select(holds.c.owner_id))]
        sold = [row.owner_id for row in await db.all(sa.select(bookings.c.owner_id))]
    for person in people:
        assert (held.count(person.id), sold.count(person.id)) == (1, 1)
    for line in lines:
        taken = {seat for of_line, seat in seats if of_line is line}
        assert await world.seat_map(line) == dict.fromkeys(taken, "booked")
    await world.agrees()
    check_finds_nothing(world)
