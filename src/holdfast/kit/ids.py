"""Name things: ordered identifiers for rows, and packed ones for places that have no row."""

import os
import threading
import time
from uuid import UUID

from asyncpg.pgproto import pgproto

#: A UUID in every way, ten times as fast to make, compare and print.
QuickId = pgproto.UUID

SERIAL_MAX = 2**48 - 1
PLACE_MAX = 2**31 - 1
_COUNT_MAX = 0xFFF  # twelve bits
_PLACE_TAG = 0x2D6F  # marks our own packed ids among all UUIDv8 that a caller could send

_lock = threading.Lock()
_last_ms = 0
_count = 0
_drawn = b""
_DRAWN_BYTES = 4_096


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): ascending within a process, also within one millisecond."""
    global _last_ms, _count  # noqa: PLW0603 - a process-wide counter is what keeps the order
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms, _count = now_ms, int.from_bytes(os.urandom(2), "big") & 0x7FF
        else:
            _count += 1
            if _count > _COUNT_MAX:
                _last_ms, _count = _last_ms + 1, 0
        ms, count = _last_ms, _count
        random = int.from_bytes(_eight_random_bytes(), "big") & (2**62 - 1)
    return _of(ms << 80 | 7 << 76 | count << 64 | 0b10 << 62 | random)


def _eight_random_bytes() -> bytes:
    """Drawn from the system many at a time: a call for each costs more than all else of an id. Under the lock."""
    global _drawn  # noqa: PLW0603 - what is drawn is used once, by this process
    if not _drawn:
        _drawn = os.urandom(_DRAWN_BYTES)
    eight, _drawn = _drawn[:8], _drawn[8:]
    return eight


def _forget_drawn() -> None:
    """A process that was forked draws for itself."""
    global _drawn  # noqa: PLW0603 - as above
    _drawn = b""


os.register_at_fork(after_in_child=_forget_drawn)


def parse(text: str) -> UUID:
    """The id that a text of 36 or 32 characters says; ValueError where it says none."""
    found: UUID = QuickId(text)
    return found


def pack(serial: int, place: int) -> UUID:
    """The public id of a place: the serial number of its inventory and its number in the layout, as a UUIDv8."""
    assert 0 <= serial <= SERIAL_MAX
    assert 0 <= place <= PLACE_MAX
    return _of(serial << 80 | 8 << 76 | 0b10 << 62 | _PLACE_TAG << 32 | place)


def unpack(packed: UUID) -> tuple[int, int] | None:
    """(serial, place) of a packed id; None where the id was not made by `pack`."""
    serial, place = packed.int >> 80, packed.int & 0xFFFFFFFF
    if place > PLACE_MAX or pack(serial, place) != packed:
        return None
    return serial, place


def _of(number: int) -> UUID:
    made: UUID = QuickId(number.to_bytes(16, "big"))
    return made
