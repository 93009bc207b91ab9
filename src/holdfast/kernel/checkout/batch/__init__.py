"""Let what comes to the till at the same moment ride in one transaction: payments, notices, confirmations.

Docs: docs/holds.md, "Confirm, and late money"; docs/decisions/0010-confirmations-in-batches.md.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Self
from uuid import UUID

from holdfast.kernel import holds, inventory, payments
from holdfast.kernel.audit import Actor
from holdfast.kernel.checkout.batch import confirming, hearing, opening
from holdfast.kernel.checkout.batch.requests import Confirm, Enter, Hear, Heard, Open, Told
from holdfast.kernel.holds import Hold, HoldNotFound
from holdfast.kernel.inventory import Clocks, Layout
from holdfast.kernel.payments import CheckoutSession, GatewayPayment, Method, Notice, Payment
from holdfast.kit import bulk
from holdfast.kit.clock import KeptClock
from holdfast.kit.db import Database
from holdfast.kit.errors import Error
from holdfast.kit.money import Money
from holdfast.kit.rides import Fate, Out, R, Rides
from holdfast.kit.together import Together

_CLOCK_SECONDS = 1.0


class TillBatch:
    """One a process, for the loop of its server: the way into the batches of the till."""

    def __init__(
        self, database: Database, *, open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer
    ) -> None:
        self._database = database
        self._holds = Together[UUID, Hold](self._find_holds)
        self._clock = KeptClock()
        self._layouts = Together[UUID, Layout](self._find_layouts)
        self._reading_clock = Together[None, datetime](self._read_clock)
        self._hearing = Rides[Hear, Heard](
            database, partial(hearing.settle, database=database), name="notices", marks=_notice, open_writer=open_writer
        )
        self._opening = Rides[Open, Payment](
            database,
            partial(opening.settle, database=database),
            name="payments",
            marks=_hold,
            open_writer=open_writer,
        )
        self._entering = Rides[Enter, Payment](
            database,
            partial(opening.enter, database=database),
            name="checkouts",
            marks=_entered,
            open_writer=open_writer,
        )
        self._confirming = Rides[Confirm, str](
            database,
            partial(confirming.settle, database=database),
            name="confirmations",
            marks=_payment,
            open_writer=open_writer,
        )

    async def now(self) -> datetime:
        """The database's moment, which is asked for once a second, for all who ask."""
        if not self._database.test_clock and not self._clock.is_older_than(_CLOCK_SECONDS):
            return self._clock.now()
        now = await self._reading_clock.find(None)
        assert now is not None
        return now

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connections."""
        for rides in (self._hearing, self._opening, self._entering, self._confirming):
            await rides.close()

    async def hear(self, notice: Notice, *, gateway: str) -> Heard | None:
        """Keep a verified notice; None where only the plain path can. Overloaded where too many wait."""
        outcome = await _ridden(self._hearing, Hear(gateway, notice, json.dumps(notice.body)))
        return outcome if isinstance(outcome, Heard) else None

    async def confirm(
        self,
        payment: Payment,
        state: GatewayPayment,
        *,
        now: datetime,
        told: Heard | None = None,
        notice: Notice | None = None,
    ) -> str | None:
        """What `checkout.settle` does where all goes well, in a word; None, and nothing done, where it does not.

        `payment`: as it was at `now`, a moment ago. With the notice that made us ask, that is finished in the same
        transaction. Overloaded.
        """
        finishing = None
        if told is not None and notice is not None:
            finishing = Told(told.event_id, json.dumps(payments.without_payer(notice.body)))
        # For late money: places may have been taken out since its claims lapsed.
        layout = await self._layouts.find(payment.inventory_id) if payment.expires_at <= now else None
        outcome = await _ridden(self._confirming, Confirm(payment, state, finishing, layout))
        return outcome if isinstance(outcome, str) else None

    async def hold(self, hold_id: UUID) -> Hold:
        """A hold as it is now, looked up with those that others ask for. HoldNotFound."""
        found = await self._holds.find(hold_id)
        if found is None:
            raise HoldNotFound
        return found

    async def open(
        self, hold: Hold, *, method: Method, gateway: str, amount: Money | None, actor: Actor, clocks: Clocks
    ) -> Payment | None:
        """What `checkout.open_payment` does where all goes well; None, and nothing done, where it does not.

        `hold`: as it was a moment ago. Overloaded.
        """
        outcome = await _ridden(self._opening, Open(hold, method, gateway, amount, actor, clocks))
        return outcome if isinstance(outcome, Payment) else None

    async def enter(self, payment: Payment, session: CheckoutSession) -> Payment | None:
        """What `payments.opened` does: the payment as it is now; None, and nothing done, where it went on meanwhile."""
        outcome = await _ridden(self._entering, Enter(payment, session))
        return outcome if isinstance(outcome, Payment) else None

    async def _find_holds(self, hold_ids: Sequence[UUID]) -> Mapping[UUID, Hold]:
        async with self._database.reader() as db:
            return await holds.find_many(db, hold_ids)

    async def _read_clock(self, _: Sequence[None]) -> Mapping[None, datetime]:
        async with self._database.reader() as db:
            return {None: await self._clock.read(db)}

    async def _find_layouts(self, inventory_ids: Sequence[UUID]) -> Mapping[UUID, Layout]:
        async with self._database.reader() as db:
            found = await inventory.find_many(db, inventory_ids)
            layouts = await inventory.layouts_of(db, {each.layout_id for each in found.values()})
        return {inventory_id: layouts[each.layout_id] for inventory_id, each in found.items()}


async def _ridden(rides: Rides[R, Out], request: R) -> Out | Fate:
    """Its outcome; PLAIN, too, where it failed its batch, and then alone: the plain path tells what is the matter."""
    try:
        return await rides.ride(request)
    except Error:
        raise
    except Exception:  # noqa: BLE001 - as above; `rides` has logged it
        return Fate.PLAIN


def _notice(request: Hear) -> Iterator[Hashable]:
    yield request.gateway, request.notice.event_id


def _hold(request: Open) -> Iterator[Hashable]:
    yield request.hold.id


def _entered(request: Enter) -> Iterator[Hashable]:
    yield request.payment.id


def _payment(request: Confirm) -> Iterator[Hashable]:
    yield request.payment.booking_id


__all__ = ["Heard", "TillBatch"]
