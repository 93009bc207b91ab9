"""What the sandbox decides, without a clock or a file: the test numbers, the fee, the pace of webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from holdfast.kit.money import Money, half_up

CardOutcome = Literal["success", "decline", "late", "silence"]

TEST_NUMBERS: dict[str, CardOutcome] = {
    "4242424242424242": "success",
    "4000000000000002": "decline",
    "4000000000000069": "late",  # the bank captures after the deadline
    "4000000000000119": "silence",  # no answer at all: neither success nor failure is ever told
}
_BASIS = 10_000


def card_outcome(number: str) -> CardOutcome | None:
    """What a card number does, spaces and dashes aside; None for every number that is not a test number."""
    return TEST_NUMBERS.get("".join(character for character in number if character.isascii() and character.isdigit()))


def fee(captured: Money, *, basis_points: int) -> Money:
    """What the gateway keeps of a capture, half-up."""
    return Money(half_up(captured.minor * basis_points, _BASIS), captured.currency)


def retry_delay(attempts: int, *, delays: Sequence[float]) -> float:
    """Seconds to the next attempt after so many; the last delay repeats."""
    assert attempts > 0
    return delays[min(attempts, len(delays)) - 1]


@dataclass(frozen=True, slots=True)
class TimeLeft:
    """How long a checkout can still be paid."""

    minutes: int
    seconds: int
    total: int


def time_left(expires_us: int, *, now_us: int) -> TimeLeft:
    """Whole seconds up to the deadline, never below zero."""
    total = max(0, (expires_us - now_us) // 1_000_000)
    return TimeLeft(minutes=total // 60, seconds=total % 60, total=total)
