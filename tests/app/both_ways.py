"""What two answers to the same request have in common, whichever way they took."""

from typing import Any

import httpx2

#: Makes a request unusual without changing what it asks.
ORDINARY = {"X-Unheard-Of": "yes"}
_OF_EACH_ANSWER = {"x-request-id", "content-length"}


def told(answer: httpx2.Response) -> dict[str, Any]:
    """All it says but for which request it is about."""
    return {**answer.json(), "instance": None}


def headers_of(answer: httpx2.Response) -> dict[str, str]:
    """But for those that differ from answer to answer."""
    return {name: value for name, value in answer.headers.items() if name not in _OF_EACH_ANSWER}
