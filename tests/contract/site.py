"""A platform that runs, with bus at its root, and the people who call it: all a contract test talks to."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx2
import sqlalchemy as sa

from holdfast.app import house, worker
from holdfast.app.settings import Settings
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from tests.contract.answers import eventually, said
from tests.contract.coach import BASE_PRICE, layout

API = "/api/v1"
PASSWORD = "Correct-Horse-7"
T = TypeVar("T")


class Caller:
    """Somebody who calls the API: signed in, or nobody known."""

    def __init__(self, site: "Site", *, token: str | None = None, user: Any = None) -> None:
        self.site = site
        self.token = token
        self.user = user

    @property
    def id(self) -> str:
        return str(self.user["id"])

    def get(self, path: str, **params: Any) -> httpx2.Response:
        return self.call("GET", path, params=params)

    def post(self, path: str, json: Any = None, **headers: str) -> httpx2.Response:
        return self.call("POST", path, json=json, headers=headers)

    def put(self, path: str, json: Any) -> httpx2.Response:
        return self.call("PUT", path, json=json)

    def delete(self, path: str) -> httpx2.Response:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **sent: Any) -> httpx2.Response:
        self.site.calls.append((method, path))
        own = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        given = {name: value for name, value in sent.items() if value is not None}
        return self.site.http.request(method, f"{API}{path}", headers={**own, **(headers or {})}, **given)


@dataclass
class Site:
    """One server on one database; `calls` is what was asked of it since the test began."""

    http: httpx2.Client
    database_url: str
    sandbox_key: str
    webhook_secret: str
    calls: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.guest = Caller(self)
        self.admin = self.second_admin = Caller(self)  # signed in by the fixture that opens the site
        self._route: Any = None
        self._bus: Any = None
        self._runs = 0
        self._known: list[Caller] = []
        self._asked_for = 0

    def begin(self) -> None:
        """A test begins."""
        self.calls.clear()
        self._asked_for = 0

    # Who

    def account(self, **changes: Any) -> dict[str, Any]:
        """What somebody new sends to sign up."""
        name = new_id()
        fields = {
            "email": f"person-{name.hex}@example.org",
            "password": PASSWORD,
            "first_name": "Amal",
            "last_name": "Hassan",
            "phone_number": f"+2010{name.int % 10**8:08}",
        }
        return fields | changes

    def customer(self) -> Caller:
        """A customer like any other, another at each call of a test; other tests have seen them before."""
        if self._asked_for == len(self._known):
            self._known.append(self.newcomer())
        self._asked_for += 1
        return self._known[self._asked_for - 1]

    def newcomer(self) -> Caller:
        """Somebody new who signed up and in: who has bought nothing yet, and whose account may be changed."""
        account = self.account()
        said(self.guest.post("/users/register", account), 201)
        return self.sign_in(account["email"])

    def sign_in(self, email: str, password: str = PASSWORD) -> Caller:
        tokens = said(self.guest.post("/users/login", {"email": email, "password": password}))
        return Caller(self, token=tokens["access_token"], user=tokens["user"])

    # What is sold

    @property
    def route(self) -> Any:
        """The route of all schedules that ask for none."""
        if self._route is None:
            self._route = self.open_route()
        return self._route

    def open_route(self, **changes: Any) -> Any:
        """A route between two cities of its own."""
        name = new_id().hex[-10:]
        fields = {
            "origin_city": f"Cairo {name}",
            "destination_city": f"Aswan {name}",
            "distance_km": 880.5,
            "estimated_duration_minutes": 720,
        }
        return said(self.admin.post("/routes", fields | changes), 201)

    def open_bus(self, **changes: Any) -> Any:
        """A bus of twelve seats."""
        fields = {
            "bus_number": f"BUS-{new_id().hex[-12:]}",
            "bus_type": "standard",
            "total_seats": 12,
            "seat_layout_config": layout(),
            "amenities": ["wifi", "toilet"],
        }
        return said(self.admin.post("/buses", fields | changes), 201)

    def plan(self, departs_in: timedelta | None = None, **changes: Any) -> Any:
        """A schedule without seats yet; it takes six hours.

        Where nothing is said of when it departs, it is the next run of the bus that all such schedules share.
        """
        if departs_in is None and "bus_id" not in changes:
            self._bus = self._bus or self.open_bus()
            self._runs += 1
            departs_in, changes = timedelta(days=7, hours=7 * self._runs), {"bus_id": self._bus["id"]} | changes
        departs_at = datetime.now(UTC) + (departs_in or timedelta(days=7))
        fields = {
            "departure_datetime": departs_at.isoformat(),
            "arrival_datetime": (departs_at + timedelta(hours=6)).isoformat(),
            "base_price": BASE_PRICE,
        } | changes
        if "bus_id" not in fields:
            fields["bus_id"] = self.open_bus()["id"]
        if "route_id" not in fields:
            fields["route_id"] = self.route["id"]
        return said(self.admin.post("/schedules", fields), 201)

    def schedule(self, departs_in: timedelta | None = None, **changes: Any) -> Any:
        """A schedule on sale, as it was when planned."""
        planned = self.plan(departs_in, **changes)
        said(self.admin.post(f"/schedules/{planned['id']}/generate-seats"), 201)
        return planned

    def shown(self, schedule: Any) -> Any:
        """A schedule as it is now."""
        return said(self.guest.get(f"/schedules/{schedule['id']}"))

    def seats(self, schedule: Any) -> dict[str, Any]:
        """Its seats as they are now, by number."""
        return {
            seat["seat_number"]: seat for seat in said(self.guest.get(f"/schedules/{schedule['id']}/seats"))["seats"]
        }

    def status_of(self, schedule: Any, *numbers: str) -> list[str]:
        """How these seats stand now."""
        seats = self.seats(schedule)
        return [seats[number]["status"] for number in numbers]

    def left_on(self, schedule: Any) -> int:
        """available_seats now."""
        return int(self.shown(schedule)["available_seats"])

    # What is bought

    def ask(self, customer: Caller, schedule: Any, *numbers: str) -> httpx2.Response:
        """Ask for seats by their numbers."""
        return customer.post("/reservations/create", {"schedule_id": schedule["id"], "seat_numbers": list(numbers)})

    def reserve(self, customer: Caller, schedule: Any, *numbers: str) -> Any:
        """Seats reserved for somebody."""
        return said(self.ask(customer, schedule, *numbers), 201)

    def initiate(self, customer: Caller, reservation: Any, **changes: Any) -> Any:
        """The checkout of a reservation."""
        wanted = {"reservation_id": reservation["id"], "payment_method": "credit_card"} | changes
        return said(customer.post("/payments/initiate", wanted), 201)

    def settle(self, customer: Caller, opened: Any, outcome: str = "success") -> None:
        """The customer pays at the gateway, or fails to; the webhook follows by itself."""
        said(customer.post(f"/payments/simulate/{opened['session_id']}", {"outcome": outcome}))

    def pay(self, customer: Caller, reservation: Any) -> Any:
        """The booking of a reservation, once it is paid."""
        opened = self.initiate(customer, reservation)
        self.settle(customer, opened)
        self.payment_becomes(customer, opened["payment_id"], "completed")
        return said(customer.post("/bookings/create", {"reservation_id": reservation["id"]}), 201)

    def payment_becomes(self, customer: Caller, payment_id: str, status: str) -> Any:
        return eventually(lambda: said(customer.get(f"/payments/{payment_id}")), lambda it: it["status"] == status)

    def book(self, customer: Caller, schedule: Any, *numbers: str) -> Any:
        """A confirmed booking of these seats."""
        return self.pay(customer, self.reserve(customer, schedule, *numbers))

    def cancel(self, customer: Caller, booking: Any, **wishes: Any) -> Any:
        """The cancellation of a booking, as it is answered at once."""
        return said(customer.post(f"/bookings/{booking['id']}/cancel", wishes))

    # What is told

    def log(self, **only: Any) -> list[Any]:
        """Rows of the activity log, newest first."""
        rows: list[Any] = said(self.admin.get("/activity-logs", limit=100, **only))["items"]
        return rows

    def actions(self, entity_id: str) -> list[str]:
        """What was done to one entity, oldest first."""
        return [row["action_type"] for row in reversed(self.log(entity_id=entity_id))]

    # Time, and the gateway's moods

    @contextmanager
    def later(self, **by: float) -> Iterator[None]:
        """Inside, the platform's clock is so much ahead. Tests of a site run one after another: none else sees it."""
        self.write(lambda db: clock.move(db, by=timedelta(**by)))
        try:
            yield
        finally:
            self.write(lambda db: db.execute(sa.delete(clock.test_clock)))

    @contextmanager
    def standing(self, moment: datetime) -> Iterator[None]:
        """Inside, the platform's clock stands at this moment."""
        self.write(lambda db: clock.move(db, pin_at=moment))
        try:
            yield
        finally:
            self.write(lambda db: db.execute(sa.delete(clock.test_clock)))

    def do_chore(self, name: str) -> float:
        """What workers do again and again, done once now by a worker of the test's own; the seconds between two."""
        settings = Settings(environment="test", database_url=self.database_url, _env_file=None)

        async def run() -> float:
            async with Database(self.database_url, pool_size=2, test_clock=True) as database:
                parts = house.build(settings, database=database, gateways={})
                chore = next(chore for chore in worker.chores_of(parts) if chore.name == name)
                await chore.work()
                return chore.every

        return asyncio.run(run())

    def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """A transaction of the test's own, for what no endpoint does."""

        async def run() -> T:
            async with Database(self.database_url, pool_size=1, test_clock=True) as database:
                return await database.run(work)

        return asyncio.run(run())

    def tell_gateway(self, **faults: Any) -> None:
        """Let the sandbox do something wrong, so many times."""
        bearer = {"Authorization": f"Bearer {self.sandbox_key}"}
        said(self.http.post("/sandbox/v1/faults", json=faults, headers=bearer))
