"""Let requests that arrive together ride in one transaction: natural batching of a program of `kit.bulk`, no timer.

While the writers are busy, requests queue; a free one takes all that wait, in the order of arrival, but for those whose
turn another writes in just now: these keep their places. Alone, a request is a batch of one and waits for nobody. A
batch that fails is halved until the one that fails it stands alone; whose commit is unknown, that is run again, so its
program must know what it has done before.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

import structlog

from holdfast.kit import bulk, metrics
from holdfast.kit.bulk import ConnectionLost, Program, Undecided
from holdfast.kit.db import Database
from holdfast.kit.errors import Contended, DatabaseUnavailable, Error, Overloaded

AT_ONCE_MAX = 128  # nothing is gained past 64; a longer one keeps its turns for longer
QUEUE_MAX = 1024
TRIES_MAX = 4
SHARED_MIN = 16  # so many that wait are shared with a writer that is at rest: two transactions cost more than one

R = TypeVar("R")
Out = TypeVar("Out")
R_contra = TypeVar("R_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)

log = structlog.get_logger("holdfast.rides")
_sizes = metrics.histogram(
    "holdfast_ride_requests",
    "Requests that rode in one batch, by its name.",
    ("ride",),
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
_waiting = metrics.gauge(
    "holdfast_ride_queue_requests", "Requests that wait for a writer, by what they wait for.", ("ride",)
)


class Fate(Enum):
    """What may become of a request beside an outcome of its own."""

    #: somebody else has what it needs just now: nothing was decided, the next batch waits for it
    LATER = "later"
    #: the batch knows what goes well; this is for the plain path, nothing was done
    PLAIN = "plain"


class Settle(Protocol[R_contra, Out_co]):
    """The program of a batch: an outcome or a fate for each, in their order."""

    def __call__(self, requests: Sequence[R_contra], *, is_patient: bool) -> Program[Sequence[Out_co | Fate]]: ...


@dataclass(slots=True)
class _Waiting(Generic[R, Out]):
    request: R
    answer: "asyncio.Future[Out | Fate]"
    #: it was passed over because somebody else had what it needs: the next time that is waited for
    is_patient: bool = False


def _one_turn(_: object) -> Hashable:
    return None


class Rides(Generic[R, Out]):
    """`settle` is the program of a batch. `is_patient`: wait for what others have.

    `marks`: what no two requests of one batch may share, for the second has to see what became of the first.
    `turn_of`: what only one batch at a time may be about; without it, there is one at a time.
    """

    def __init__(
        self,
        database: Database,
        settle: Settle[R, Out],
        *,
        name: str,
        marks: Callable[[R], Iterable[Hashable]],
        turn_of: Callable[[R], Hashable] = _one_turn,
        writers: int = 1,
        at_once_max: int = AT_ONCE_MAX,
        queue_max: int = QUEUE_MAX,
        open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer,
    ) -> None:
        self._settle, self._marks, self._turn_of, self._name = settle, marks, turn_of, name
        self._at_once_max, self._queue_max, self._many = at_once_max, queue_max, writers
        self._queue: deque[_Waiting[R, Out]] = deque()
        #: those that are at rest
        self._free = [open_writer(database) for _ in range(writers)]
        self._writing: set[asyncio.Task[None]] = set()
        #: the turns of the batches under way
        self._busy: set[Hashable] = set()
        self._settling = 0

    async def ride(self, request: R) -> Out | Fate:
        """Its outcome; raises it where that is an Error, and what it fails with, alone, as it failed its batch.

        Overloaded, Contended, DatabaseUnavailable.
        """
        if self.is_full():
            raise Overloaded
        waiting = _Waiting[R, Out](request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._turn_of(request) not in self._busy:
            self._start()
        try:
            outcome = await waiting.answer
        finally:
            del waiting  # what is raised holds this frame: a circle that only the collector would find
        if not isinstance(outcome, Error):
            return outcome
        try:
            raise outcome
        finally:
            del outcome  # as above

    def is_full(self) -> bool:
        """Whether whoever asks now is refused: as many wait as may."""
        return len(self._queue) >= self._queue_max

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connections."""
        while self._writing:
            await asyncio.wait(self._writing)
        for writer in self._free:
            await writer.close()

    def _start(self) -> None:
        """Set a writer to work, if one is at rest."""
        if self._free:
            task = asyncio.create_task(self._write(self._free.pop()))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _write(self, writer: bulk.Writer) -> None:
        """Settle batch after batch until nothing waits that another is not about."""
        batch: list[_Waiting[R, Out]] = []
        try:
            while batch := self._next():
                _sizes.labels(self._name).observe(len(batch))
                _waiting.labels(self._name).set(len(self._queue))
                busy = {self._turn_of(waiting.request) for waiting in batch}
                self._busy |= busy
                self._settling += 1
                if self._queue:
                    self._start()
                try:
                    await self._answer(batch, writer)
                finally:
                    self._busy -= busy
                    self._settling -= 1
            _waiting.labels(self._name).set(len(self._queue))
        except BaseException:  # this task was ended
            for left in (*batch, *self._queue):
                left.answer.cancel()
            raise
        finally:
            self._free.append(writer)

    def _next(self) -> list[_Waiting[R, Out]]:
        """Those who wait, in their order; the rest of a turn where one meets himself, or that another writes in.

        Where many wait and another writer is at rest, the turns are shared with it.
        """
        batch: list[_Waiting[R, Out]] = []
        met: set[Hashable] = set()
        later: list[_Waiting[R, Out]] = []
        ours: set[Hashable] = set()
        passed = set(self._busy)
        is_shared = self._settling + 1 < self._many and len(self._queue) >= SHARED_MIN
        share = (len(self._queue) + 1) // 2 if is_shared else self._at_once_max
        while self._queue and len(batch) < self._at_once_max:
            waiting = self._queue.popleft()
            if waiting.answer.done():
                continue  # nobody listens any more
            turn, marks = self._turn_of(waiting.request), set(self._marks(waiting.request))
            is_theirs = len(batch) >= share and turn not in ours
            if is_theirs or turn in passed or marks & met:
                passed.add(turn)
                later.append(waiting)
            else:
                batch.append(waiting)
                ours.add(turn)
                met |= marks
        self._queue.extendleft(reversed(later))
        return batch

    async def _answer(self, batch: Sequence[_Waiting[R, Out]], writer: bulk.Writer) -> None:
        try:
            outcomes = await self._tried(batch, writer)
        except Error as failure:  # nothing can be done now, for none of them
            _fail(batch, failure)
        except Exception as failure:
            if len(batch) == 1:
                log.warning("failed_alone", ride=self._name, exc_info=failure)
                _fail(batch, failure)
                return
            log.warning("batch_halved", ride=self._name, requests=len(batch), failure=type(failure).__name__)
            middle = len(batch) // 2
            await self._answer(batch[:middle], writer)
            await self._answer(batch[middle:], writer)
        else:
            self._tell(batch, outcomes)

    def _tell(self, batch: Sequence[_Waiting[R, Out]], outcomes: Sequence[Out | Fate]) -> None:
        """Each its outcome, if it listens still; the passed over are put back to the head, and waited for next."""
        passed_over = []
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if outcome is Fate.LATER:
                waiting.is_patient = True
                passed_over.append(waiting)
            elif not waiting.answer.done():
                waiting.answer.set_result(outcome)
        self._queue.extendleft(reversed(passed_over))

    async def _tried(self, batch: Sequence[_Waiting[R, Out]], writer: bulk.Writer) -> Sequence[Out | Fate]:
        """The outcomes, after as many tries as contention and broken connections may cost. Contended, unavailable."""
        requests = [waiting.request for waiting in batch]
        is_patient = any(waiting.is_patient for waiting in batch)
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await writer.run(self._settle(requests, is_patient=is_patient))
            except (Contended, Undecided):
                if attempt == TRIES_MAX:
                    raise
            except ConnectionLost:
                if attempt == TRIES_MAX:
                    raise DatabaseUnavailable from None
            await asyncio.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError


def _fail(batch: Iterable[_Waiting[R, Out]], failure: Exception) -> None:
    for waiting in batch:
        if not waiting.answer.done():
            waiting.answer.set_exception(failure)
