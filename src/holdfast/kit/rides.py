"""Let requests that arrive together ride in one transaction: natural batching of a program of `kit.bulk`, no timer.

While the writer is busy, requests queue; when it is free it takes all that wait, in the order of arrival. Alone, a
request is a batch of one and waits for nobody. A batch that fails is halved until the one that fails it stands alone.

(`kernel.holds.batcher` is older and knows more of what rides in it; the rules are the same.)
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

AT_ONCE_MAX = 128
QUEUE_MAX = 1024
TRIES_MAX = 4

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
    is_patient: bool = False


class Rides(Generic[R, Out]):
    """`settle` is the program of a batch. `is_patient`: wait for what others have.

    `marks`: what no two requests of one batch may share, for the second has to see what became of the first.
    """

    def __init__(
        self,
        database: Database,
        settle: Settle[R, Out],
        *,
        name: str,
        marks: Callable[[R], Iterable[Hashable]],
        at_once_max: int = AT_ONCE_MAX,
        queue_max: int = QUEUE_MAX,
        open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer,
    ) -> None:
        self._settle, self._marks, self._name = settle, marks, name
        self._at_once_max, self._queue_max = at_once_max, queue_max
        self._writer = open_writer(database)
        self._queue: deque[_Waiting[R, Out]] = deque()
        self._riding: asyncio.Task[None] | None = None

    async def ride(self, request: R) -> Out | Fate:
        """Its outcome, or PLAIN, also where it fails alone. Overloaded, Contended, DatabaseUnavailable."""
        if len(self._queue) >= self._queue_max:
            raise Overloaded
        waiting = _Waiting[R, Out](request, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._riding is None:
            self._riding = asyncio.create_task(self._ride_all())
        return await waiting.answer

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connection."""
        if self._riding is not None:
            await self._riding
        await self._writer.close()

    async def _ride_all(self) -> None:
        batch: list[_Waiting[R, Out]] = []
        try:
            while self._queue:
                batch = self._next()
                if batch:  # not all of them have left
                    _sizes.labels(self._name).observe(len(batch))
                    await self._answer(batch)
        finally:
            self._riding = None
            for left in (*batch, *self._queue):  # only where this task was ended
                left.answer.cancel()

    def _next(self) -> list[_Waiting[R, Out]]:
        batch: list[_Waiting[R, Out]] = []
        met: set[Hashable] = set()
        while self._queue and len(batch) < self._at_once_max:
            waiting = self._queue[0]
            marks = set(self._marks(waiting.request))
            if marks & met:
                break
            self._queue.popleft()
            if not waiting.answer.done():  # somebody listens still
                batch.append(waiting)
                met |= marks
        return batch

    async def _answer(self, batch: Sequence[_Waiting[R, Out]]) -> None:
        try:
            outcomes = await self._tried(batch)
        except Error as failure:  # nothing can be done now, for none of them
            for waiting in batch:
                if not waiting.answer.done():
                    waiting.answer.set_exception(failure)
        except Exception as failure:
            if len(batch) > 1:
                log.warning("batch_halved", ride=self._name, requests=len(batch), failure=type(failure).__name__)
                await self._answer(batch[: len(batch) // 2])
                await self._answer(batch[len(batch) // 2 :])
                return
            log.warning("rode_alone", ride=self._name, exc_info=failure)
            if not batch[0].answer.done():
                batch[0].answer.set_result(Fate.PLAIN)
        else:
            self._tell(batch, outcomes)

    def _tell(self, batch: Sequence[_Waiting[R, Out]], outcomes: Sequence[Out | Fate]) -> None:
        passed_over = []
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if outcome is Fate.LATER:
                waiting.is_patient = True
                passed_over.append(waiting)
            elif not waiting.answer.done():
                waiting.answer.set_result(outcome)
        self._queue.extendleft(reversed(passed_over))

    async def _tried(self, batch: Sequence[_Waiting[R, Out]]) -> Sequence[Out | Fate]:
        requests = [waiting.request for waiting in batch]
        is_patient = any(waiting.is_patient for waiting in batch)
        for attempt in range(1, TRIES_MAX + 1):
            try:
                return await self._writer.run(self._settle(requests, is_patient=is_patient))
            except (Contended, Undecided):
                if attempt == TRIES_MAX:
                    raise
            except ConnectionLost:
                if attempt == TRIES_MAX:
                    raise DatabaseUnavailable from None
            await asyncio.sleep(random.uniform(0.005, 0.05) * 2**attempt)  # noqa: S311 - jitter, not a secret
        raise AssertionError
