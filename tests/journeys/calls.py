"""Call the platform over HTTP, and read what it answers."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

import httpx2

Json = dict[str, Any]

_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02
_LOOK_SECONDS_MAX = 0.3


def told(answer: httpx2.Response, status: int = 200) -> Any:
    """What an answer of that status says."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text[:2000]}"
    return answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else None


def refusal(answer: httpx2.Response, status: int, code: str) -> Json:
    """The problem that an answer says no with."""
    said = told(answer, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["code"] == code, said
    return cast("Json", said)


async def eventually(look: Callable[[], Awaitable[Any]], what: str, *, patience: float = _PATIENCE_SECONDS) -> Any:
    """What `look` finds, as soon as it finds something."""
    pause, ends = _LOOK_SECONDS, time.monotonic() + patience
    while time.monotonic() < ends:
        found = await look()
        if found:
            return found
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LOOK_SECONDS_MAX)  # whoever looks all the time keeps others from working
    message = f"{what}: not within {patience:.0f} s"
    raise AssertionError(message)


class Platform(Protocol):
    """Where people call."""

    #: How often its clock was moved; sign-ins of before have ended.
    era: int

    def next_server(self) -> httpx2.AsyncClient: ...

    async def sign_in_anew(self, people: Sequence["Person"]) -> None: ...


@dataclass
class Person:
    """Somebody who calls the platform: over one of its servers, and with the next call over the next."""

    platform: Platform
    id: UUID
    email: str
    token: str | None
    era: int = 0

    async def ask(self, method: str, path: str, body: object = None, *, key: str | None = None) -> httpx2.Response:
        """Send a request to the API; signed in anew where the clock was moved since."""
        if self.token is not None and self.era != self.platform.era:
            await self.platform.sign_in_anew([self])
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        sent: Json = {} if body is None else {"json": body}
        return await self.platform.next_server().request(method, f"/api/v1{path}", headers=headers, **sent)

    async def get(self, path: str) -> Any:
        """What is there, which must be."""
        return told(await self.ask("GET", path))

    async def post(self, path: str, body: object = None, *, status: int = 200, key: str | None = None) -> Any:
        return told(await self.ask("POST", path, body, key=key), status)


@dataclass(frozen=True)
class Line:
    """One schedule on sale, with who runs it. Cities have names that no other test uses."""

    id: str
    operator: Person
    provider_id: UUID
    cities: tuple[str, ...]
    departs_at: datetime
    seats: tuple[str, ...]

    @property
    def ends(self) -> tuple[str, str]:
        """From where to where."""
        return self.cities[0], self.cities[-1]


def token_in(text: str) -> str:
    """The secret part of the link in a letter."""
    found = re.search(r"token=(\S+)", text)
    assert found is not None
    return found[1]
