"""A site as a test uses it: people who call it over HTTP, what they buy, its clock, and what must hold of it."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import httpx2

from holdfast.app import house, worker
from holdfast.app.check import check
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout import tasks as checkout_tasks
from holdfast.kernel.identity import MemberRole, User, logins
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from tests import builders_identity
from tests.builders_identity import SETTINGS, new_email, new_phone
from tests.gateways.sandbox.serving import API_KEY
from tests.journeys import books, catalogue
from tests.journeys.bank import Bank
from tests.journeys.calls import Json, Line, Person, eventually, refusal
from tests.journeys.sites import Site

#: Of builders_identity.PASSWORD, cost 4.
_HASH = "$2b$04$ugxzZBvJUsOvN6vd2jWMtesClAblKU5Vki3ZLUNVUgj.HjVR9qkcu"


@dataclass
class World:
    """One test's view of a site."""

    site: Site
    database: Database
    house: House
    servers: list[httpx2.AsyncClient]
    bank: Bank
    era: int = 0
    _turns: Iterator[int] = field(default_factory=count)

    def next_server(self) -> httpx2.AsyncClient:
        return self.servers[next(self._turns) % len(self.servers)]

    # People

    def stranger(self) -> Person:
        """Somebody who is not signed in."""
        return Person(self, UUID(int=0), "", None)

    async def customer(self, **values: Any) -> Person:
        return (await self.crowd(1, **values))[0]

    async def crowd(
        self,
        size: int,
        *,
        roles: tuple[str, ...] = (),
        member_of: UUID | None = None,
        as_role: MemberRole = "owner",
        is_verified: bool = True,
        phone_number: str | None = None,
        locale: str | None = None,
    ) -> list[Person]:
        """So many accounts, signed in: put there at once, since it is not signing up that is looked at."""
        people = []
        async with self.database.transaction() as db:
            now = await clock.moment(db)
            for _ in range(size):
                user = await identity.create_user(
                    db,
                    settings=SETTINGS,
                    email=new_email(),
                    password_hash=_HASH,
                    phone_number=phone_number or new_phone(),
                    first_name="Amal",
                    last_name="Hassan",
                    roles=roles,
                    is_verified=is_verified,
                    locale=locale,
                    actor=Actor.system(),
                    now=now,
                )
                if member_of is not None:
                    await identity.add_member(
                        db, provider_id=member_of, user_id=user.id, role=as_role, actor=Actor.system(), now=now
                    )
                people.append(Person(self, user.id, str(user.email), await _token(db, user, now=now), self.era))
        return people

    async def sign_in_anew(self, people: Sequence[Person]) -> None:
        """After the clock was moved: their tokens have ended."""
        async with self.database.transaction() as db:
            now = await clock.moment(db)
            for person in people:
                user = await identity.user(db, person.id, settings=SETTINGS)
                person.token, person.era = await _token(db, user, now=now), self.era

    # What is sold

    async def line(
        self,
        *,
        cities: Sequence[tuple[str, int]] = (("Cairo", 0), ("Aswan", 900)),
        zone: str = "Africa/Cairo",
        rows: int = 2,
        price: str = "100.00",
        departs_in: timedelta = timedelta(days=7),
        departs_at: str | None = None,
        modifier: str = "0.00",
    ) -> Line:
        """A schedule by a new operator, with four seats a row (1A …) and five in the last: (city, km) in order."""
        provider = await builders_identity.open_provider(self.database)
        operator = await self.customer(roles=("operator",), member_of=provider.id)
        return await catalogue.schedule(
            operator,
            provider_id=provider.id,
            cities=cities,
            zone=zone,
            rows=rows,
            price=price,
            departure=departs_at or (await self.now() + departs_in).isoformat(),
            modifier=modifier,
        )

    async def search(self, line: Line, day: date) -> list[Json]:
        """What everybody finds who looks for that day from one end of a line to the other."""
        query = f"origin_city={line.ends[0]}&destination_city={line.ends[1]}&departure_date={day}"
        return cast("list[Json]", (await self.stranger().get(f"/schedules/search?{query}"))["items"])

    async def seat_map(self, line: Line, *, part: tuple[str, str] | None = None) -> dict[str, str]:
        """What everybody sees of each seat that is not free."""
        query = "" if part is None else f"?from_stop={part[0]}&to_stop={part[1]}"
        shown = await self.stranger().get(f"/schedules/{line.id}/seats{query}")
        taken = {seat["seat_number"]: seat["status"] for seat in shown["seats"] if seat["status"] != "available"}
        assert shown["available_seats"] == len(line.seats) - len(taken)
        return taken

    async def reserve(self, person: Person, line: Line, *seats: str, **more: object) -> Json:
        body = {"schedule_id": line.id, "seat_numbers": list(seats), **more}
        return cast("Json", await person.post("/reservations/create", body, status=201))

    async def initiate(self, person: Person, reservation: Json, *, method: str = "credit_card") -> Json:
        body = {"reservation_id": reservation["id"], "payment_method": method}
        return cast("Json", await person.post("/payments/initiate", body, status=201))

    async def book(self, person: Person, line: Line, *seats: str, **more: object) -> Json:
        """Reserved, paid through the hosted page, and confirmed by its webhook."""
        reservation = await self.reserve(person, line, *seats, **more)
        payment = await self.initiate(person, reservation)
        await self.bank.pay(payment)
        return await self.confirmed(person, reservation)

    async def confirmed(self, person: Person, reservation: Json) -> Json:
        """The booking, as soon as its reservation is paid."""

        async def look() -> Json | None:
            answer = await person.ask("POST", "/bookings/create", {"reservation_id": reservation["id"]})
            if answer.status_code == httpx2.codes.CONFLICT:
                refusal(answer, 409, "payment_required")
                return None
            assert answer.is_success, answer.text
            return cast("Json", answer.json())

        return cast("Json", await eventually(look, "the booking is confirmed"))

    # Time

    async def now(self) -> datetime:
        async with self.database.reader() as db:
            return await clock.moment(db)

    async def forward(self, **by: float) -> None:
        """Let time pass, here and at the bank. It never goes back."""
        self.site.seconds_ahead += timedelta(**by).total_seconds()
        await self.go_on()

    async def stand_at(self, moment: datetime) -> None:
        """Let the platform's clock stand still at a moment to come; `go_on` lets it run again from there."""
        async with self.database.transaction() as db:
            ahead = (moment - await clock.moment(db)).total_seconds()
            assert ahead >= -1, "the clock of a site never goes back"
            await clock.move(db, pin_at=moment)
        self.site.seconds_ahead += max(ahead, 0.0)
        self.era += 1
        await self.bank.tell(clock_offset_seconds=self.site.seconds_ahead)

    async def go_on(self) -> None:
        self.era += 1
        async with self.database.transaction() as db:
            await clock.move(db, by=timedelta(seconds=self.site.seconds_ahead))
        await self.bank.tell(clock_offset_seconds=self.site.seconds_ahead)

    # Work

    async def work(self) -> None:
        """Do the jobs that are due, with the worker's own code but without a worker."""
        await worker.drain(self.house)

    async def sweep(self) -> None:
        """What a worker does every half minute."""
        await checkout_tasks.sweep(self.database)

    @contextmanager
    def working(self) -> Iterator[None]:
        """A `holdfast worker` runs meanwhile."""
        self.site.worker.start()
        try:
            yield
        finally:
            self.site.worker.stop()

    async def letter_to(self, email: str, template: str, *, first_name: str = "") -> str:
        """The text of the file that a letter became."""

        async def look() -> str | None:
            for path in self.site.letters.glob("*.json"):
                letter = json.loads(path.read_text())
                if (letter["to"], letter["template"]) == (email, template) and first_name in letter["text"]:
                    return str(letter["text"])
            return None

        return str(await eventually(look, f"a letter {template} to {email}"))

    # What must hold

    async def agrees(self) -> None:
        """No breach of the contract, and the ledger says of every payment and refund what the bank's books say."""

        async def settled() -> bool:
            await self.work()
            return await books.count_pending_refunds(self.database) == 0

        await eventually(settled, "every refund settles")
        breaches = await check(self.database)
        assert breaches == [], "\n".join(map(str, breaches))
        assert await books.clearing(self.database) == await self.bank.books()


@asynccontextmanager
async def open_world(site: Site) -> AsyncIterator[World]:
    """A database of its own to look at and work with, clients for each server, and the bank behaving well."""
    settings = Settings(_env_file=None, **cast("Any", {**site.settings, "port": "1"}))
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
    key = {"Authorization": f"Bearer {API_KEY}"}
    async with (
        Database(site.database_url, pool_size=6, test_clock=True) as database,
        httpx2.AsyncClient(base_url=site.sandbox_url, headers=key, trust_env=False, timeout=60) as api,
        httpx2.AsyncClient(trust_env=False, timeout=60) as browser,
    ):
        ours = house.build(settings, database=database)
        servers = [httpx2.AsyncClient(base_url=url, trust_env=False, timeout=90, limits=limits) for url in site.urls]
        world = World(site, database, ours, servers, Bank(api, browser))
        try:
            yield world
        finally:
            await world.bank.calm()
            for client in servers:
                await client.aclose()
            await ours.close()


async def _token(db: Transaction, user: User, *, now: datetime) -> str:
    actor = Actor("user", user.id, user.roles)
    return (await logins.start(db, settings=SETTINGS, user=user, agent=None, actor=actor, now=now)).access_token
