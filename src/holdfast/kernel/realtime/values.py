"""What watchers are told: where in the stream they are, how each place looks, and what they may ask for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias
from uuid import UUID

from holdfast.kernel.inventory import SlotState

#: Close codes (RFC 6455): a rule was broken; too large; try again later.
POLICY, TOO_BIG, TRY_LATER = 1008, 1009, 1013
FRAME_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True)
class RealtimeSettings:
    """Limits and clocks of the hub of one process; times in seconds."""

    sockets_max: int = 5_000
    sockets_per_address_max: int = 100
    #: messages that wait for a watcher before it is resynced instead
    queue_max: int = 32
    #: how long one message may take to be taken by a watcher before it is dropped
    write_seconds: float = 10.0
    #: how often the outbox is looked at while somebody watches
    poll_seconds: float = 0.05
    #: at most one message of changes in this time, so ten a second
    message_seconds: float = 0.1
    ping_seconds: float = 20.0
    #: how often a watcher's credential is looked at again, whatever happened
    recheck_seconds: float = 60.0
    #: how often it is looked whether a login ended, an account changed, or a new epoch began
    notice_seconds: float = 1.0
    #: the least time between two things that one client asks for
    asked_seconds: float = 0.1
    #: how long an inventory stays in memory after its last watcher left
    linger_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where in an inventory's stream one is; opaque to clients."""

    epoch: int
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what is no position of ours."""
        epoch, _, seq = text.partition(".")
        if not (epoch.isdecimal() and seq.isdecimal() and text.isascii()) or len(text) > 40:  # noqa: PLR2004
            return None
        return cls(int(epoch), int(seq))


def _as_it_is(states: Iterable[SlotState]) -> str:
    """Free only if all parts are; sold or blocked if any is; else held."""
    seen = set(states)
    if seen == {"free"}:
        return "free"
    return next(state for state in ("sold", "blocked", "held") if state in seen)


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to look at an inventory; watchers of equal channels are sent the same bytes.

    `parts`: which slots of each place are looked at (all where None). `say`: what they look like together, in the
    product's words. `subject`: the field that names the inventory in every message, beside `inventory_id`.
    """

    inventory_id: UUID
    parts: range | None = None
    say: Callable[[Iterable[SlotState]], str] = _as_it_is
    free_word: str = "free"
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceLook:
    """How one place looks on a channel. `available`: how many of a counted one are left."""

    status: str
    available: int | None = None


Message = dict[str, Any]
#: Write a whole frame to a socket's connection now; False where it takes none at the moment.
WriteFrame: TypeAlias = Callable[[bytes], bool]
#: The ASGI extension by which our server hands one over, as `write`.
FRAMES = "holdfast.frames"
