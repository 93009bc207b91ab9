"""Read what the API answers."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import httpx2

_WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.05

T = TypeVar("T")


def said(response: httpx2.Response, status: int = 200) -> Any:
    """What was answered, once its status is the expected one; None where the body is empty."""
    assert response.status_code == status, f"{response.request.method} {response.request.url}: {response.text}"
    return response.json() if response.content else None


def refused(response: httpx2.Response, status: int, code: str) -> Any:
    """The problem that was answered, as every refusal is: problem+json with a stable code and words."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), (
        f"{response.request.method} {response.request.url}: {response.text}"
    )
    problem = response.json()
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem["detail"]
    return problem


def at(text: str) -> datetime:
    """A moment of an answer."""
    return datetime.fromisoformat(text)


def eventually(look: Callable[[], T], wanted: Callable[[T], object]) -> T:
    """What `look` gives once it is as wanted; what a worker or a gateway does is not there at once."""
    give_up_at = time.monotonic() + _WAIT_SECONDS
    while not wanted(found := look()):
        assert time.monotonic() < give_up_at, f"still {found!r}"
        time.sleep(_LOOK_SECONDS)
    return found


def labels(seats: Sequence[Any]) -> list[str]:
    """The numbers of seats, in order."""
    return sorted(str(seat["seat_number"]) for seat in seats)
