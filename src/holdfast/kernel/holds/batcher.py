"""Place, release and expire holds together with whoever asks at the same moment: the rides of holds (`kit.rides`).

Those of an inventory that another writer is about just now keep their places. An unknown commit is settled by repeating
the batch with the same ids, whose keys then answer. See docs/holds.md.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self
from uuid import UUID

from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import queries
from holdfast.kernel.holds.batch import Surroundings, settle
from holdfast.kernel.holds.requests import Expire, InBooking, Outcome, Place, Release, Replayed, Request
from holdfast.kernel.holds.values import Hold, Wish
from holdfast.kernel.inventory import Clocks, Inventory
from holdfast.kit import bulk
from holdfast.kit.bulk import ConnectionLost, Undecided
from holdfast.kit.db import Database
from holdfast.kit.errors import Contended
from holdfast.kit.rides import Fate, Rides

#: Beyond it a request is refused at once: at 1,800 a second somewhat more than a quarter of a second of waiting.
QUEUE_MAX = 512
#: While the database works for one, this process reads and answers for the other. SQLite has one writer.
WRITERS = 2


@dataclass(slots=True)
class Batcher:
    """The one way into `settle` for a process: `place`, `release` and `expire` from any task of its loop."""

    database: Database
    clocks: Clocks
    queue_max: int = QUEUE_MAX
    open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer
    _rides: Rides[Request, Outcome] = field(init=False)

    def __post_init__(self) -> None:
        self._rides = Rides(
            self.database,
            partial(settle, around=_around(self.database, self.clocks)),
            name="holds",
            marks=_marks,
            turn_of=_inventory,
            writers=WRITERS if self.database.dialect == "postgresql" else 1,
            queue_max=self.queue_max,
            open_writer=self.open_writer,
        )

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
        return self._rides.is_full()

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connections."""
        await self._rides.close()

    async def _ask(self, request: Request) -> Outcome | Fate:
        try:
            return await self._rides.ride(request)
        except Undecided:
            raise Contended from None


async def expire_together(database: Database, lapsed: Sequence[tuple[UUID, UUID]]) -> dict[UUID, bool | None]:
    """Tidy these (inventory, hold) in one transaction: by hold, whether it was lapsed.

    None where the turn was not free. Contended, or whatever one of them fails with: then nothing was done.
    """
    writer = bulk.open_writer(database)
    requests = [Expire(inventory_id, hold_id) for inventory_id, hold_id in lapsed]
    try:
        outcomes = await writer.run(settle(requests, around=_around(database, Clocks()), is_patient=False))
    except (ConnectionLost, Undecided):
        raise Contended from None
    finally:
        await writer.close()
    return {
        request.hold_id: None if outcome is Fate.LATER else outcome is True
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


def _inventory(request: Request) -> Hashable:
    return request.inventory_id
