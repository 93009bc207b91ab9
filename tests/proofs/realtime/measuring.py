"""What the proof of realtime counts: how long a change, and how long a lapse, took to be seen. Pure.

A client has seen a change once a message brought it to the change's seq, or beyond. Moments are seconds since 1970, of
one machine's clock on both sides.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

#: Two readings of one clock, the database's and ours, are this close.
CLOCK_SLACK = 0.005
#: Who takes a seat so soon after it lapsed may be told of in the same message: nothing to measure then.
TAKEN_AGAIN_WITHIN = 0.5


@dataclass(frozen=True, slots=True)
class Spread:
    """Of some durations, in milliseconds; zeros of none."""

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Spread":
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, 0.0, 0.0, 0.0)
        return cls(len(ordered), _at(ordered, 0.50), _at(ordered, 0.99), ordered[-1] * 1000)


@dataclass(frozen=True, slots=True)
class Held:
    """A seat held from a moment to one; `is_lapsed`: by time alone."""

    seat: str
    placed_at: float
    expires_at: float
    is_lapsed: bool


@dataclass(frozen=True, slots=True)
class Lapses:
    """How late each was seen, by each client that noted them; how many were seen too early, and how many never."""

    late: Spread
    early: int
    unseen: int


def delays(commits: Mapping[int, float], learned: Sequence[tuple[int, float]]) -> list[float]:
    """How long after its commit one client had each change that came after its first snapshot."""
    found: list[float] = []
    known = learned[0][0] if learned else 0
    for seq, at in learned:
        found += [at - commits[number] for number in range(known + 1, seq + 1)]
        known = max(known, seq)
    return found


def lapses(holds: Iterable[Held], freed: Sequence[Sequence[tuple[str, float]]]) -> Lapses:
    """Compare what lapsed with when each client (a list of `freed`) showed the seat as free.

    Where the seat was taken again before a client was told, it was late by at least the time until then.
    """
    by_seat: dict[str, list[Held]] = {}
    for hold in sorted(holds, key=lambda hold: hold.placed_at):
        by_seat.setdefault(hold.seat, []).append(hold)
    late: list[float] = []
    early = unseen = 0
    for client in freed:
        times: dict[str, list[float]] = {}
        for seat, at in client:
            times.setdefault(seat, []).append(at)
        for seat, held in by_seat.items():
            for hold, following in zip(held, [*held[1:], None], strict=True):
                ends = following.placed_at if following is not None else math.inf
                if not hold.is_lapsed or ends - hold.expires_at < TAKEN_AGAIN_WITHIN:
                    continue
                seen = [at for at in times.get(seat, ()) if hold.placed_at + TAKEN_AGAIN_WITHIN < at < ends]
                early += sum(at < hold.expires_at - CLOCK_SLACK for at in seen)
                first = bisect_left(seen, hold.expires_at - CLOCK_SLACK)
                if first < len(seen):
                    late.append(seen[first] - hold.expires_at)
                elif following is not None:
                    late.append(ends - hold.expires_at)  # at least: somebody else had it before this client was told
                else:
                    unseen += 1
    return Lapses(Spread.of(late), early, unseen)


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(len(ordered) * share) - 1)] * 1000
