"""What is sent, how it is signed (Standard Webhooks), and when it is tried again."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from standardwebhooks import Webhook

from holdfast.kernel.webhooks.values import TEST, Attempt, Outcome

#: How long to wait after the first attempt, the second, and so on: about three days in all.
DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
ATTEMPTS_MAX = len(DELAYS) + 1
JITTER = 0.1  # of the delay and on top of it, so that what failed together is not repeated together
#: A receiver may ask for more patience than the schedule has, up to this.
RETRY_AFTER_MAX = timedelta(hours=24)
_NEVER_AGAIN = 410


def wants(facts: Sequence[str] | None, name: str) -> bool:
    """Whether an endpoint with this list hears facts of that name."""
    return facts is None or name in facts


def unknown(facts: Sequence[str], known: frozenset[str]) -> list[str]:
    return sorted(set(facts) - known)


def body(attempt: Attempt) -> bytes:
    """The message; the same bytes at each attempt."""
    message = {
        "type": attempt.fact,
        "version": attempt.version,
        "id": str(attempt.fact_id),
        "timestamp": attempt.fact_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": dict(attempt.payload),
    }
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def headers(attempt: Attempt, content: bytes) -> dict[str, str]:
    """The three of Standard Webhooks; while a secret is being replaced, a signature with each of both."""
    text = content.decode()
    signatures = [Webhook(secret).sign(str(attempt.fact_id), attempt.at, text) for secret in attempt.secrets]
    return {
        "Content-Type": "application/json",
        "webhook-id": str(attempt.fact_id),
        "webhook-timestamp": str(int(attempt.at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def next_try(attempt: Attempt, outcome: Outcome, *, now: datetime, jitter: float) -> datetime | None:
    """When to try again after a failure; None: give up. `jitter` lies between 0 and 1.

    A test is tried once: whoever asked for it is waiting. A receiver that says it is gone (410) is believed.
    """
    if outcome.status == _NEVER_AGAIN or attempt.fact == TEST or attempt.number >= ATTEMPTS_MAX:
        return None
    delay = DELAYS[attempt.number - 1] * (1 + JITTER * jitter)
    if outcome.retry_after is not None:
        delay = max(delay, min(outcome.retry_after, RETRY_AFTER_MAX))
    return now + delay


def retry_after(header: str | None, *, now: datetime) -> timedelta | None:
    """What Retry-After asks for: seconds or a date; None where it says nothing that can be read."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004 - more seconds than anybody waits
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(aware - now, timedelta(0))


def outcome_of(status: int, header: str | None, *, now: datetime) -> Outcome:
    """Every 2xx is a yes and nothing else is: redirects are not followed."""
    if 200 <= status <= 299:  # noqa: PLR2004 - the 2xx
        return Outcome(status, None)
    reason = "redirected" if 300 <= status <= 399 else "refused"  # noqa: PLR2004 - the 3xx
    return Outcome(status, reason, retry_after(header, now=now))


def provider_named(payload: Mapping[str, Any]) -> str | None:
    """The provider a fact names itself; None where its inventory has to tell."""
    named = payload.get("provider_id")
    return named if isinstance(named, str) else None
