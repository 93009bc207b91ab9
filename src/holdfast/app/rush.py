"""A rush for people to see: many reach for the places of one inventory at once, over real HTTP, and none is sold twice.

Its people have accounts of their own, which are kept for the next rush; what they win they give back. Everything they
do goes through the API of a running server, which knows nothing of a rush.
"""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import httpx2
import structlog

from holdfast.app.check import check
from holdfast.app.house import API, House
from holdfast.app.seed import DOMAIN
from holdfast.kernel import identity, inventory
from holdfast.kernel.identity import Actor
from holdfast.kernel.inventory import SELLING, Inventory
from holdfast.kit import clock, ids
from holdfast.kit.db import Transaction
from holdfast.kit.errors import Conflict, Error, Forbidden, NotFound, Unavailable

CLIENTS_MAX = 2_000
#: How often one of them asks for another place, after others were quicker.
TRIES = 5
_PEOPLE_AT_ONCE = 25
_PATIENCE_SECONDS = 60.0
_AGAIN_SECONDS_MAX = 5.0

Stage = Literal["waiting", "people", "rush", "checking", "over", "failed"]

log = structlog.get_logger("holdfast.rush")


@dataclass(eq=False)
class NoRushInProduction(Forbidden):
    """A rush takes places from customers: it is for trying out, and refused in production."""


@dataclass(eq=False)
class NothingToRushFor(NotFound):
    """Nothing with free places is on sale; holdfast seed puts something there."""


@dataclass(eq=False)
class NotOnSale(Conflict):
    """Nothing of this is on sale at present."""


@dataclass(eq=False)
class NobodyAnswers(Unavailable):
    """No server answers at {url}: start it with holdfast serve or holdfast demo."""

    url: str


@dataclass
class Score:
    """How a rush stands, and how it ended. `refused`: somebody else was quicker; `errors`: anything unexpected."""

    clients: int
    stage: Stage = "waiting"
    inventory_id: UUID | None = None
    places: int = 0
    held: int = 0
    refused: int = 0
    errors: int = 0
    seconds: float = 0.0
    #: places given to two, told by the answers and by the database; None until it was looked
    oversold: int | None = None
    breaches: list[str] = field(default_factory=list)
    #: some of what was unexpected, in words
    wrong: Counter[str] = field(default_factory=Counter)

    @property
    def is_over(self) -> bool:
        return self.stage in {"over", "failed"}

    @property
    def is_sound(self) -> bool:
        return self.stage == "over" and self.oversold == 0 and not self.breaches

    def to_json(self) -> dict[str, Any]:
        return {
            "inventory_id": str(self.inventory_id),
            "clients": self.clients,
            "places": self.places,
            "held": self.held,
            "refused": self.refused,
            "errors": self.errors,
            "wrong": dict(self.wrong),
            "seconds": round(self.seconds, 3),
            "oversold": self.oversold,
            "breaches": self.breaches,
        }


@dataclass(frozen=True, slots=True)
class _Won:
    """A place that somebody was told to hold."""

    place: int
    hold_id: UUID
    token: str


def _bus(inventory_id: UUID, seat_id: UUID) -> dict[str, Any]:
    return {"schedule_id": str(inventory_id), "seat_ids": [str(seat_id)]}


#: By product, the body that asks for one place.
_BODIES: Mapping[str, Callable[[UUID, UUID], dict[str, Any]]] = {"bus": _bus}


class Rush:
    """One at a time, on the server at `url`. `transport`: in its place, for tests that need no port."""

    def __init__(self, house: House, *, url: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._house, self._url, self._transport = house, url, transport
        self._task: asyncio.Task[None] | None = None
        self.score: Score | None = None

    def begin(self, *, clients: int) -> bool:
        """Let one run beside other work of this event loop; False where one runs already."""
        if self._task is not None and not self._task.done():
            return False
        self.score = Score(clients)
        self._task = asyncio.create_task(self._run_quietly(self.score))
        return True

    async def ended(self) -> None:
        """Return once what was begun has ended."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await self.ended()

    async def run(self, score: Score, *, inventory_id: UUID | None = None, keep: bool = False) -> None:
        """From opening accounts to the look into the database; `score` shows how it stands all the while.

        `keep`: what was won is not given back. NoRushInProduction, NothingToRushFor, NotOnSale, NobodyAnswers.
        """
        if self._house.settings.environment == "production":
            raise NoRushInProduction
        found = await self._inventory(inventory_id)
        score.inventory_id = found.id
        places = await self._free_places(found)
        score.places = len(places)
        limits = httpx2.Limits(max_connections=score.clients, max_keepalive_connections=score.clients)
        async with httpx2.AsyncClient(
            base_url=self._url, trust_env=False, timeout=_PATIENCE_SECONDS, limits=limits, transport=self._transport
        ) as client:
            await self._greet(client)
            score.stage = "people"
            tokens = await self._people(score.clients)
            score.stage = "rush"
            began = time.monotonic()
            won = await asyncio.gather(*(_reach(client, found, places, token, score) for token in tokens))
            score.seconds = time.monotonic() - began
            score.stage = "checking"
            await self._judge(score, found, [each for each in won if each is not None])
            if not keep:
                await _give_back(client, found, [each for each in won if each is not None])
        score.stage = "over"

    async def _run_quietly(self, score: Score) -> None:
        try:
            await self.run(score)
        except Error as error:
            score.stage = "failed"
            score.wrong[error.code] += 1
            log.warning("rush_failed", error=error.code)
        except Exception:
            score.stage = "failed"
            log.exception("rush_broke")

    async def _inventory(self, inventory_id: UUID | None) -> Inventory:
        async with self._house.database.reader() as db:
            if inventory_id is not None:
                found = await inventory.find(db, inventory_id)
                if found.state not in SELLING or found.product not in _BODIES:
                    raise NotOnSale
                return found
            now = await clock.moment(db)
            upcoming = await inventory.occupancy_of(
                db, starts_from=now + self._house.till.clocks.cap, starts_before=now.replace(year=now.year + 2, day=1)
            )
        for one in upcoming:
            if one.state == "on_sale" and one.sold < one.capacity and one.product in _BODIES:
                return one
        raise NothingToRushFor

    async def _free_places(self, found: Inventory) -> list[int]:
        async with self._house.database.reader() as db:
            layout = await inventory.layout(db, found.layout_id)
            taken = await inventory.slot_states(db, found.id, now=await clock.moment(db))
        places = {slot // layout.slots_per_place for slot in taken}
        free = [place.number for place in layout.places if place.number not in places and place.counted is None]
        if not free:
            raise NotOnSale
        return free

    async def _greet(self, client: httpx2.AsyncClient) -> None:
        try:
            (await client.get(f"{API}/health/ready")).raise_for_status()
        except httpx2.HTTPError:
            raise NobodyAnswers(self._url) from None

    async def _people(self, count: int) -> list[str]:
        """Access tokens of so many accounts, each signed in anew; accounts of a rush before are used again."""
        unknown = await identity.hashed_password(secrets.token_urlsafe(24), cost=self._house.settings.bcrypt_cost)
        tokens: list[str] = []
        while len(tokens) < count:
            some = range(len(tokens), min(len(tokens) + _PEOPLE_AT_ONCE, count))

            async def sign_in(db: Transaction, some: range = some) -> list[str]:
                return [await self._token(db, number, password_hash=unknown) for number in some]

            tokens += await self._house.database.run(sign_in)
        return tokens

    async def _token(self, db: Transaction, number: int, *, password_hash: str) -> str:
        settings, email, now = self._house.identity, f"rush-{number}@{DOMAIN}", await clock.moment(db)
        known = await identity.ids_of_contact(db, email=email)
        user = (
            await identity.user(db, known[0], settings=settings)
            if known
            else await identity.create_user(
                db,
                settings=settings,
                email=email,
                password_hash=password_hash,
                phone_number=f"+2011{number:08d}",
                first_name="Rush",
                last_name=str(number),
                actor=Actor.system(),
                now=now,
            )
        )
        actor = Actor("user", user.id, user.roles)
        given = await identity.start_login(db, settings=settings, user=user, agent="rush", actor=actor, now=now)
        return given.access_token

    async def _judge(self, score: Score, found: Inventory, won: Sequence[_Won]) -> None:
        """Twice the same place: by what was answered, and by what the database says of each."""
        twice = sum(many - 1 for many in Counter(each.place for each in won).values())
        database = self._house.database
        async with database.snapshot() as db:
            now = await clock.moment(db)
            layout = await inventory.layout(db, found.layout_id)
            claimed = await inventory.slots_of_holds(db, found.id, [each.hold_id for each in won], now=now)
        per_place = layout.slots_per_place
        lost = [
            each
            for each in won
            if any(
                claimed.get(slot) != each.hold_id
                for slot in range(each.place * per_place, (each.place + 1) * per_place)
            )
        ]
        score.oversold = max(twice, len(lost))
        score.breaches = [str(breach) for breach in await check(database)]


async def _reach(
    client: httpx2.AsyncClient, found: Inventory, places: Sequence[int], token: str, score: Score
) -> _Won | None:
    """One of them: a place at random, and others as long as somebody was quicker."""
    dice = random.Random(token)  # noqa: S311 - whom luck favours is no secret
    for place in dice.sample(places, min(TRIES, len(places))):
        body = _BODIES[found.product](found.id, ids.pack(found.serial, place))
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_urlsafe(16)}
        answer = await _asked(client, f"{API}/{found.product}/reservations/create", body, headers, score)
        if answer is None:
            return None
        if answer.status_code == httpx2.codes.CREATED:
            score.held += 1
            return _Won(place, UUID(answer.json()["id"]), token)
        if answer.status_code != httpx2.codes.CONFLICT:
            score.errors += 1
            score.wrong[f"{answer.status_code} {answer.text[:120]}"] += 1
            return None
        score.refused += 1
    return None


async def _asked(
    client: httpx2.AsyncClient, path: str, body: Mapping[str, Any], headers: Mapping[str, str], score: Score
) -> httpx2.Response | None:
    """The answer; whoever is told to come again in a moment does so once, with the same key."""
    try:
        answer = await client.post(path, json=body, headers=headers)
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            wait = answer.headers.get("retry-after", "1")
            await asyncio.sleep(min(float(wait) if wait.isdecimal() else 1.0, _AGAIN_SECONDS_MAX))
            answer = await client.post(path, json=body, headers=headers)
    except httpx2.HTTPError as error:
        score.errors += 1
        score.wrong[type(error).__name__] += 1
        return None
    return answer


async def _give_back(client: httpx2.AsyncClient, found: Inventory, won: Sequence[_Won]) -> None:
    """What a rush won it returns; what can't be returned now lapses by itself."""
    for each in won:
        path = f"{API}/{found.product}/reservations/{each.hold_id}"
        with suppress(httpx2.HTTPError):
            await client.delete(path, headers={"Authorization": f"Bearer {each.token}"})
