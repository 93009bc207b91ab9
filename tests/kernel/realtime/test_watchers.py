"""What waits for a watcher, and what is written to its connection at once: never in another order than it was told."""

from datetime import UTC, datetime

from holdfast.kernel.inventory import Layout, Place
from holdfast.kernel.realtime.audience import Audience, Watcher, Written
from holdfast.kernel.realtime.values import Channel
from holdfast.kernel.realtime.views import View
from holdfast.kit.ids import new_id

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
INVENTORY = new_id()
QUEUE_MAX = 3


class Connection:
    """Takes frames while `is_open`."""

    def __init__(self) -> None:
        self.is_open = True
        self.taken: list[bytes] = []

    def write(self, frame: bytes) -> bool:
        if self.is_open:
            self.taken.append(frame)
        return self.is_open


def a_watcher(connection: Connection | None) -> Watcher:
    view = View(
        inventory_id=INVENTORY,
        serial=5,
        seq=1,
        state="on_sale",
        layout=Layout(new_id(), "toy", 1, 1, 1, (Place(0, "C1"),)),
        claims=[],
        counted=[],
        capacities={},
        now=NOW,
    )
    audience = Audience(Channel(INVENTORY), view, epoch=1, clock=lambda: NOW)
    return Watcher(audience, queue_max=QUEUE_MAX, write_frame=None if connection is None else connection.write)


def test_a_frame_is_made_once_and_is_not_masked() -> None:
    written = Written("a")

    assert written.frame == b"\x81\x01a"
    assert written.frame is written.frame


async def test_what_nothing_waits_before_is_written_at_once() -> None:
    connection = Connection()
    watcher = a_watcher(connection)

    watcher.put(Written("a"))
    watcher.put(Written("b"))

    assert connection.taken == [b"\x81\x01a", b"\x81\x01b"]
    assert await watcher.next(patience=0.0) is None


async def test_what_the_connection_does_not_take_waits_and_nothing_overtakes_it() -> None:
    connection = Connection()
    watcher = a_watcher(connection)
    connection.is_open = False

    watcher.put(Written("a"))
    connection.is_open = True
    watcher.put(Written("b"))

    assert connection.taken == []
    assert [await watcher.next(patience=1), await watcher.next(patience=1)] == ["a", "b"]


async def test_nothing_overtakes_a_message_that_is_on_its_way() -> None:
    connection = Connection()
    watcher = a_watcher(connection)
    watcher.resync()

    first = await watcher.next(patience=1)
    watcher.put(Written("b"))
    second = await watcher.next(patience=1)
    watcher.put(Written("c"))
    third = await watcher.next(patience=1)
    assert await watcher.next(patience=0.0) is None

    assert first is not None
    assert "snapshot" in first
    assert (second, third, connection.taken) == ("b", "c", [])


async def test_without_a_way_past_the_queue_everything_waits_in_it() -> None:
    watcher = a_watcher(None)

    watcher.put(Written("a"))

    assert await watcher.next(patience=1) == "a"


async def test_who_has_too_much_waiting_is_sent_one_snapshot_instead() -> None:
    watcher = a_watcher(None)

    for number in range(QUEUE_MAX + 1):
        watcher.put(Written(str(number)))
    text = await watcher.next(patience=1)

    assert text is not None
    assert "snapshot" in text
    assert await watcher.next(patience=0.0) is None


async def test_who_was_told_lately_needs_no_ping() -> None:
    connection = Connection()
    watcher = a_watcher(connection)

    watcher.put(Written("a"))

    assert await watcher.next(patience=0.05) is None  # only once so much time went by
    watcher.put(Written("b"))
    assert connection.taken == [b"\x81\x01a"]  # the ping may still be on its way
    assert await watcher.next(patience=0.05) == "b"
