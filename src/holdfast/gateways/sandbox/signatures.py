"""Sign webhooks and check their signatures: `t=<unix seconds>,v1=<hex hmac_sha256(secret, t + "." + body)>`."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

SIGNATURE_HEADER = "X-Holdfast-Signature"
WINDOW = timedelta(seconds=300)
_HEADER_CHARACTERS_MAX = 1_000


class Mismatch(ValueError):
    """The signature does not hold: it is unsigned, malformed, forged or stale."""


def sign(secret: str, body: bytes, *, now: datetime) -> str:
    """The header's value for these very bytes."""
    stamp = str(int(now.timestamp()))
    return f"t={stamp},v1={_digest(secret, stamp, body)}"


def check(header: str | None, body: bytes, *, secrets: Sequence[str], now: datetime) -> datetime:
    """Return when it was signed. Mismatch where no secret fits (forged) or the time is out of the window (stale).

    Several secrets, and several `v1` in the header, let either side rotate its secret without losing a webhook.
    """
    if header is None:
        raise Mismatch("unsigned")
    stamp, given = _parts(header)
    sent_at = _moment(stamp)
    # Every pair is compared, so that the time taken says nothing about which one came close.
    fits = [hmac.compare_digest(_digest(secret, stamp, body), one) for secret in secrets for one in given]
    if not any(fits):
        raise Mismatch("forged")
    if abs(now - sent_at) > WINDOW:
        raise Mismatch("stale")
    return sent_at


def _parts(header: str) -> tuple[str, list[str]]:
    if len(header) > _HEADER_CHARACTERS_MAX or not header.isascii():
        raise Mismatch("malformed")
    pairs = [part.strip().partition("=") for part in header.split(",")]
    stamps = [value for name, _, value in pairs if name == "t"]
    given = [value for name, _, value in pairs if name == "v1"]
    if len(stamps) != 1 or not given:
        raise Mismatch("malformed")
    return stamps[0], given


def _moment(stamp: str) -> datetime:
    if not stamp.isdecimal():
        raise Mismatch("malformed")
    try:
        return datetime.fromtimestamp(int(stamp), UTC)
    except (ValueError, OverflowError, OSError):
        raise Mismatch("malformed") from None


def _digest(secret: str, stamp: str, body: bytes) -> str:
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, sha256).hexdigest()
