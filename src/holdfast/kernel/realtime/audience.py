"""Who watches an inventory, and what each of them was told last.

All watchers of one channel are sent the same bytes, encoded once; only who is signed in gets a message of their own,
with `held_by_me`. Where nothing waits for a watcher, a message is written to its connection at once, as a frame that is
made once for all; else it waits in a bounded queue, and who falls behind is sent one snapshot instead of all it missed.
"""

import asyncio
import contextlib
import functools
import json
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from websockets.frames import Frame, Opcode

from holdfast.kernel.realtime.values import Channel, Message, PlaceLook, Position, WriteFrame
from holdfast.kernel.realtime.views import View


class Watcher:
    """One socket's place in an audience: a bounded queue of what it is still to be sent.

    `write_frame`: how to write past the queue, where the server knows a way.
    """

    def __init__(self, audience: "Audience", *, queue_max: int, write_frame: WriteFrame | None = None) -> None:
        self.audience = audience
        self.owner_id: UUID | None = None
        self.login_id: UUID | None = None
        #: what the rows said of login and account when last looked at; `is_doubtful` once they say something else
        self.stamp: object = None
        self.is_doubtful = asyncio.Event()
        #: the slots that were theirs when they were last told
        self.slots: frozenset[int] = frozenset()
        self.is_behind = False
        self._write_frame = write_frame
        self._queue: deque[str] = deque()
        self._queue_max = queue_max
        self._has_news = asyncio.Event()
        #: whether the last message that `next` handed out may still be on its way to the connection
        self._is_sending = False
        self._told_at = time.monotonic()

    def put(self, message: "Written") -> None:
        """Write it at once where nothing waits before it, else queue it.

        Who has too much waiting forgets all of it and is resynced.
        """
        if self._has_nothing_waiting and self._write_frame is not None and self._write_frame(message.frame):
            self._told_at = time.monotonic()
        elif len(self._queue) >= self._queue_max:
            self.resync()
        elif not self.is_behind:
            self._queue.append(message.text)
            self._has_news.set()

    def resync(self) -> None:
        """What waits is void: the next message is a snapshot."""
        self._queue.clear()
        self.is_behind = True
        self._has_news.set()

    async def next(self, *, patience: float) -> str | None:
        """The next message that waits, a snapshot where one is due; None where nothing was told in so many seconds.

        Whoever asks for the next has sent the last.
        """
        self._is_sending = False
        while not self._has_news.is_set():
            left = self._told_at + patience - time.monotonic()
            if left <= 0:
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._has_news.wait()
        self._told_at = time.monotonic()
        self._is_sending = True
        if self.is_behind:
            self.is_behind = False
            text = self.audience.snapshot_for(self)
        elif self._queue:
            text = self._queue.popleft()
        else:
            return None
        if not self._queue:
            self._has_news.clear()
        return text

    @property
    def _has_nothing_waiting(self) -> bool:
        return not (self._queue or self.is_behind or self._is_sending)


@dataclass(frozen=True)
class Written:
    """A message as it travels; the frame is made once, by the first who needs it."""

    text: str

    @functools.cached_property
    def frame(self) -> bytes:
        return Frame(Opcode.TEXT, self.text.encode()).serialize(mask=False)


class Audience:
    """The watchers of one channel. `clock` tells the moment that stands in every message."""

    def __init__(self, channel: Channel, view: View, *, epoch: int, clock: Callable[[], datetime]) -> None:
        self.channel = channel
        self.watchers: set[Watcher] = set()
        self._clock = clock
        self._begin(view, epoch)

    def _begin(self, view: View, epoch: int) -> None:
        self.view, self.epoch, self.seq = view, epoch, view.seq
        self.looks: dict[int, PlaceLook] = view.look(self.channel)
        #: The public snapshot but for its moment, until something changes: many join at once after a restart.
        self._snapshot: str | None = None

    def restart(self, view: View, *, epoch: int) -> None:
        """The inventory was read anew: everybody gets a snapshot."""
        self._begin(view, epoch)
        for watcher in self.watchers:
            watcher.resync()

    def tell(self, touched: Collection[int], mine: Mapping[UUID, frozenset[int]]) -> bool:
        """Tell of what changed in these places since it was last told; whether there was anything to tell."""
        after, self.seq = self.seq, self.view.seq
        changed = self.view.look(self.channel, touched)
        if after == self.seq:  # by time alone; a change says all it touched, also to who lost the news of a lapse
            changed = {number: look for number, look in changed.items() if self.looks[number] != look}
            if not changed:
                return False
        self.looks.update(changed)
        self._snapshot = None
        kind: Message = {"type": "changes", "after": self._position(after)} if after != self.seq else {"type": "lapsed"}
        public = Written(self._encoded(self._message(kind, self._told(changed))))
        for watcher in self.watchers:
            if watcher.owner_id is None:
                watcher.put(public)
            else:
                watcher.put(Written(self._encoded(self._message(kind, self._told_to(watcher, changed, mine)))))
        return True

    def snapshot_for(self, watcher: Watcher) -> str:
        """Everything as it is now."""
        if watcher.owner_id is None:
            if self._snapshot is None:
                self._snapshot = _written(self._message({"type": "snapshot"}, self._told(self.looks)))
            return self._stamped(self._snapshot)
        places = self._told(self.looks)
        for place, number in zip(places, self.looks, strict=True):
            place["held_by_me"] = self.view.is_mine(self.channel, number, watcher.slots)
        return self._encoded(self._message({"type": "snapshot"}, places))

    def catch_up(self, watcher: Watcher, since: Position | None) -> None:
        """Tell one watcher what changed since a position it named; a snapshot where that can't be told (any more)."""
        touched = None
        if since is not None and since.epoch == self.epoch and since.seq <= self.seq and watcher.owner_id is None:
            touched = self.view.touched_since(since.seq)
        if touched is None:
            watcher.resync()
            return
        places = self._told({number: look for number, look in self.looks.items() if number in touched})
        watcher.put(Written(self._encoded(self._message({"type": "changes", "after": str(since)}, places))))

    def ping(self) -> str:
        """Nothing happened; who sees by it that something was lost asks."""
        return self._encoded(self._message({"type": "ping"}, None))

    def _told(self, looks: Mapping[int, PlaceLook]) -> list[dict[str, object]]:
        return [self.view.told(number, look) for number, look in looks.items()]

    def _told_to(
        self, watcher: Watcher, changed: Mapping[int, PlaceLook], mine: Mapping[UUID, frozenset[int]]
    ) -> list[dict[str, object]]:
        """What changed for this watcher: looks, and whether a place is theirs."""
        assert watcher.owner_id is not None
        before, watcher.slots = watcher.slots, mine.get(watcher.owner_id, frozenset())
        numbers = sorted({*changed, *self.view.places_of(before ^ watcher.slots)} & self.looks.keys())
        return [
            self.view.told(number, self.looks[number])
            | {"held_by_me": self.view.is_mine(self.channel, number, watcher.slots)}
            for number in numbers
        ]

    def _message(self, kind: Message, places: list[dict[str, object]] | None) -> Message:
        message = dict(kind)
        if self.channel.subject is not None:
            message[self.channel.subject] = str(self.channel.inventory_id)
        message |= {"inventory_id": str(self.channel.inventory_id), "position": self._position(self.seq)}
        if places is not None:
            message["seats"] = places
        return message | {"available_seats": self.view.available(self.looks, self.channel), "state": self.view.state}

    def _encoded(self, message: Message) -> str:
        return self._stamped(_written(message))

    def _stamped(self, text: str) -> str:
        """The message with the moment at which it is sent, so that clients can set their clocks by it."""
        moment = self._clock().isoformat().replace("+00:00", "Z")
        return f'{text[:-1]},"server_time":"{moment}"}}'

    def _position(self, seq: int) -> str:
        return str(Position(self.epoch, seq))


def _written(message: Message) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
