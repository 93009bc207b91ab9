"""Let requests that arrive together ride in one transaction: natural batching, no timer.

While the writers are busy, requests queue; a free one takes all that wait, in the order of arrival, but for those of an
inventory that another writes just now: these keep their places. Alone, a request is a batch of one and waits for
nobody. A batch that fails is halved until the one that fails it stands alone; an unknown commit is settled by repeating
the batch with the same ids, whose keys then answer. See docs/holds.md.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

import structlog

from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import queries
from holdfast.kernel.holds.batch import Surroundings, settle
from holdfast.kernel.holds.requests import Expire, InBooking, Outcome, Place, Release, Replayed, Request, TurnTaken
from holdfast.kernel.holds.values import Hold, Wish
from holdfast.kernel.inventory import Clocks, Inventory
from holdfast.kit import bulk, metrics
from holdfast.kit.bulk import ConnectionLost, Undecided
from holdfast.kit.db import Database
from holdfast.kit.errors import Contended, DatabaseUnavailable, Error, Overloaded

BATCH_MAX = 128  # nothing is gained past 64; a longer one keeps its turns for longer
#: Beyond it a request is refused at once: at 1,800 a second somewhat more than a quarter of a second of waiting.
QUEUE_MAX = 512
TRIES_MAX = 4
SHARED_MIN = 16  # so many that wait are shared with a writer that is at rest: two transactions cost more than one
#: While the database works for one, this process reads and answers for the other. SQLite has one writer.
WRITERS = 2

log = structlog.get_logger("holdfast.holds")
_sizes = metrics.histogram(
    "holdfast_hold_batch_requests", "Requests that rode in one batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128)
)
_waiting = metrics.gauge("holdfast_hold_queue_requests", "Requests that wait for the writer of holds.")


@dataclass(slots=True)
class _Waiting:
    request: Request
    answer: "asyncio.Future[Outcome]"
    #: it was passed over because its inventory's turn was somebody else's: the next time it is waited for
    is_patient: bool = False


@dataclass(slots=True)
class Batcher:
    """The one way into `settle` for a process: `place`, `release` and `expire` from any task of its loop."""

    database: Database
    clocks: Clocks
    queue_max: int = QUEUE_MAX
    batch_max: int = BATCH_MAX
    open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer
    writers: int = WRITERS
    _queue: deque[_Waiting] = field(default_factory=deque, init=False)
    #: those that are at rest
    _free: list[bulk.Writer] = field(default_factory=list, init=False)
    _writing: "set[asyncio.Task[None]]" = field(default_factory=set, init=False)
    _many: int = field(default=1, init=False)
    _settling: int = field(default=0, init=False)
    #: the inventories of the batches under way
    _busy: set[UUID] = field(default_factory=set, init=False)
    _around: Surroundings = field(init=False)

    def __post_init__(self) -> None:
        self._many = self.writers if self.database.dialect == "postgresql" else 1
        self._free = [self.open_writer(self.database) for _ in range(self._many)]
        self._around = _around(self.database, self.clocks)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def place(self, wish: Wish, *, inventory: Inventory, actor: Actor) -> tuple[Hold, bool]:
        """What `holds.place` does and raises; Overloaded where too many wait. `inventory`: what it was priced by."""
        outcome = await self._ask(Place(wish, inventory, actor))
        if isinstance(outcome, Replayed):
            async with self.database.reader() as db:
                return await queries.find(db, outcome.hold_id), True
        assert isinstance(outcome, Hold)
        return outcome, False

    async def release(self, inventory_id: UUID, hold_id: UUID, *, actor: Actor, reason: str | None = None) -> bool:
        """End a hold before its time; False, and nothing done, where it has a booking: that is the checkout's to end.

        HoldNotFound, HoldEnded, HoldExpired, Overloaded.
        """
        outcome = await self._ask(Release(inventory_id, hold_id, actor, reason))
        return not isinstance(outcome, InBooking)

    async def expire(self, inventory_id: UUID, hold_id: UUID) -> bool:
        """Tidy a hold whose moment has passed; False where it is not so any more. Overloaded."""
        return await self._ask(Expire(inventory_id, hold_id)) is True

    def is_full(self) -> bool:
        """Whether whoever asks now is refused: as many wait as may."""
        return len(self._queue) >= self.queue_max

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connection."""
        while self._writing:
            await asyncio.wait(self._writing)
        for writer in self._free:
            await writer.close()

    async def _ask(self, request: Request) -> Outcome:
        if self.is_full():
            raise Overloaded
        waiting = _Waiting(request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if request.inventory_id not in self._busy:
            self._start()
        outcome = await waiting.answer
        if not isinstance(outcome, Error):
            return outcome
        try:
            raise outcome
        finally:
            del outcome, waiting  # what is raised holds this frame: a circle that only the collector would find

    def _start(self) -> None:
        """Set a writer to work, if one is at rest."""
        if self._free:
            task = asyncio.create_task(self._write(self._free.pop()))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self, writer: bulk.Writer) -> None:
        """Settle batch after batch until nothing waits that another is not about."""
        batch: list[_Waiting] = []
        try:
            while batch := self._next():
                _sizes.observe(len(batch))
                _waiting.set(len(self._queue))
                busy = {waiting.request.inventory_id for waiting in batch}
                self._busy |= busy
                self._settling += 1
                if self._queue:
                    self._start()
                try:
                    await self._settle(batch, writer)
                finally:
                    self._busy -= busy
                    self._settling -= 1
            _waiting.set(len(self._queue))
        except BaseException:  # this task was ended
            for left in (*batch, *self._queue):
                left.answer.cancel()
            raise
        finally:
            self._free.append(writer)

    def _next(self) -> list[_Waiting]:
        """Those who wait, in their order; the rest of an inventory where one meets himself, or that another writes.

        Where many wait and another writer is at rest, the inventories are shared with it.
        """
        batch: list[_Waiting] = []
        met: set[Hashable] = set()
        later: list[_Waiting] = []
        ours: set[UUID] = set()
        passed = set(self._busy)
        is_shared = self._settling + 1 < self._many and len(self._queue) >= SHARED_MIN
        share = (len(self._queue) + 1) // 2 if is_shared else self.batch_max
        while self._queue and len(batch) < self.batch_max:
            waiting = self._queue.popleft()
            inventory_id = waiting.request.inventory_id
            if waiting.answer.done():
                continue  # nobody listens any more
            marks = set(_marks(waiting.request))
            is_theirs = len(batch) >= share and inventory_id not in ours
            if is_theirs or inventory_id in passed or marks & met:
                passed.add(inventory_id)
                later.append(waiting)
            else:
                batch.append(waiting)
                ours.add(inventory_id)
                met |= marks
        self._queue.extendleft(reversed(later))
        return batch

    async def _settle(self, batch: Sequence[_Waiting], writer: bulk.Writer) -> None:
        try:
            outcomes = await self._tried(batch, writer)
        except Error as failure:  # nothing can be done now, for none of them
            _answer(batch, [failure] * len(batch))
        except Exception as failure:
            if len(batch) == 1:
                log.exception("hold_failed", inventory_id=str(batch[0].request.inventory_id))
                if not batch[0].answer.done():
                    batch[0].answer.set_exception(Contended() if isinstance(failure, Undecided) else failure)
                return
            log.warning("hold_batch_halved", requests=len(batch), failure=type(failure).__name__)
            middle = len(batch) // 2
            await self._settle(batch[:middle], writer)
            await self._settle(batch[middle:], writer)
        else:
            self._passed_over(_answer(batch, outcomes))

    async def _tried(self, batch: Sequence[_Waiting], writer: bulk.Writer) -> list[Outcome]:
        """The outcomes, after as many tries as contention and broken connections may cost. Contended, unavailable."""
        requests = [waiting.request for waiting in batch]
        is_patient = any(waiting.is_patient for waiting in batch)
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await writer.run(settle(requests, self._around, is_patient=is_patient))
            except (Contended, Undecided):
                if attempt == TRIES_MAX:
                    raise
            except ConnectionLost:
                if attempt == TRIES_MAX:
                    raise DatabaseUnavailable from None
            await asyncio.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError

    def _passed_over(self, waiting: Sequence[_Waiting]) -> None:
        """Put those whose turn was somebody else's back to the head; the next batch waits for it."""
        for each in waiting:
            each.is_patient = True
        self._queue.extendleft(reversed(waiting))


async def expire_together(database: Database, lapsed: Sequence[tuple[UUID, UUID]]) -> dict[UUID, bool | None]:
    """Tidy these (inventory, hold) in one transaction: by hold, whether it was lapsed.

    None where the turn was not free. Contended, or whatever one of them fails with: then nothing was done.
    """
    writer = bulk.open_writer(database)
    requests = [Expire(inventory_id, hold_id) for inventory_id, hold_id in lapsed]
    try:
        outcomes = await writer.run(settle(requests, _around(database, Clocks()), is_patient=False))
    except (ConnectionLost, Undecided):
        raise Contended from None
    finally:
        await writer.close()
    return {
        request.hold_id: None if isinstance(outcome, TurnTaken) else outcome is True
        for request, outcome in zip(requests, outcomes, strict=True)
    }


def _around(database: Database, clocks: Clocks) -> Surroundings:
    return Surroundings(
        clocks=clocks,
        guards=database.guards,
        has_test_clock=database.test_clock,
    )


def _marks(request: Request) -> Iterator[Hashable]:
    """What no two requests of one batch may share: the second has to see what became of the first."""
    if not isinstance(request, Place):
        yield request.hold_id
        return
    wish = request.wish
    if wish.owner_id is not None:
        yield "owner", wish.inventory_id, wish.owner_id
    yield "key", wish.inventory_id, wish.placed_by, request.key


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> list[_Waiting]:
    """Tell each its outcome; those that have none yet."""
    passed_over = []
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, TurnTaken):
            passed_over.append(waiting)
        elif not waiting.answer.done():
            waiting.answer.set_result(outcome)
    return passed_over
