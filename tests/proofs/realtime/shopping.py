"""What the customers of the proof of realtime do: hold, pay, cancel, give back, or let it lapse."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx2

from tests.journeys.calls import Json, Line, Person
from tests.journeys.world import World

#: A client is several people, since who lets a hold lapse can't hold again before.
PEOPLE_A_CLIENT = 8
_PAY_TRIES_MAX = 60


@dataclass
class Diary:
    """What came of all visits, and how many seconds each asking for seats took."""

    done: Counter[str] = field(default_factory=Counter)
    asking: list[float] = field(default_factory=list)


class Shopper:
    """One HTTP client."""

    def __init__(self, world: World, line: Line, people: Sequence[Person], *, seed: int, diary: Diary) -> None:
        self._world, self._line, self._diary, self._done = world, line, diary, diary.done
        self._free_at = dict.fromkeys(range(len(people)), 0.0)
        self._people = people
        self._dice = random.Random(seed)

    async def shop(self, *, until: float) -> None:
        """Visit again and again until that moment of the monotonic clock."""
        while time.monotonic() < until:
            await self._pause(0.2, 0.7)
            ready = [number for number, at in self._free_at.items() if at < time.time()]
            if ready:
                await self._visit(self._dice.choice(ready))

    async def _visit(self, number: int) -> None:
        person = self._people[number]
        seats = self._dice.sample(self._line.seats, self._dice.choice((1, 1, 2)))
        wish = {"schedule_id": self._line.id, "seat_numbers": seats}
        began = time.monotonic()
        answer = await person.ask("POST", "/reservations/create", wish)
        self._diary.asking.append(time.monotonic() - began)
        if answer.status_code == httpx2.codes.CONFLICT:
            self._done["taken"] += 1
            return
        reservation = _told(answer)
        self._done["held"] += 1
        chance = self._dice.random()
        self._free_at[number] = datetime.fromisoformat(reservation["expiry_datetime"]).timestamp() + 0.5
        if chance < 0.25:
            self._done["left to lapse"] += 1
        elif chance < 0.65:
            await self._pause(0.1, 0.6)
            _told(await person.ask("DELETE", f"/reservations/{reservation['id']}"))
            self._done["given back"] += 1
            self._free_at[number] = 0.0
        elif await self._buy(person, reservation):
            self._free_at[number] = 0.0

    async def _buy(self, person: Person, reservation: Json) -> bool:
        """Whether it came off; on a machine with too much to do it may be too late."""
        initiated = await person.ask(
            "POST", "/payments/initiate", {"reservation_id": reservation["id"], "payment_method": "credit_card"}
        )
        if initiated.status_code == httpx2.codes.CONFLICT:
            self._done["too late to pay"] += 1
            return False
        await self._world.bank.pay(_told(initiated))
        for _ in range(_PAY_TRIES_MAX):
            answer = await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]})
            if answer.status_code != httpx2.codes.CONFLICT:
                break
            await asyncio.sleep(0.1)
        booking = _told(answer)
        self._done["paid"] += 1
        if self._dice.random() < 0.9:
            await self._pause(0.1, 0.6)
            _told(await person.ask("POST", f"/bookings/{booking['id']}/cancel", {}))
            self._done["cancelled"] += 1
        return True

    async def _pause(self, least: float, most: float) -> None:
        await asyncio.sleep(self._dice.uniform(least, most))


def _told(answer: httpx2.Response) -> Json:
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}"
    said: Json = answer.json() if answer.content else {}
    return said
