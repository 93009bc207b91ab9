"""Let what comes to the till at the same moment ride in one transaction: notices, confirmations.

Docs: docs/holds.md, "Confirm, and late money"; docs/decisions/0010-confirmations-in-batches.md.
"""

import json
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Self

from holdfast.kernel import inventory, payments
from holdfast.kernel.checkout.batch import confirming, hearing
from holdfast.kernel.checkout.batch.requests import Confirm, Hear, Heard, Told
from holdfast.kernel.inventory import Layout
from holdfast.kernel.payments import GatewayPayment, Notice, Payment
from holdfast.kit import bulk, clock
from holdfast.kit.db import Database
from holdfast.kit.rides import Rides
from holdfast.kit.together import Together


class TillBatch:
    """One a process, for the loop of its server: the way into the batches of the till."""

    def __init__(
        self, database: Database, *, open_writer: Callable[[Database], bulk.Writer] = bulk.open_writer
    ) -> None:
        self._database = database
        self._clock = Together[None, datetime](self._look)
        self._hearing = Rides[Hear, Heard](
            database, partial(hearing.settle, database=database), name="notices", marks=_notice, open_writer=open_writer
        )
        self._confirming = Rides[Confirm, str](
            database,
            partial(confirming.settle, database=database),
            name="confirmations",
            marks=_payment,
            open_writer=open_writer,
        )

    async def now(self) -> datetime:
        """The database's moment: one look for all who ask at the same time."""
        now = await self._clock.find(None)
        assert now is not None
        return now

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let what waits be settled, then let go of the connections."""
        await self._hearing.close()
        await self._confirming.close()

    async def hear(self, notice: Notice, *, gateway: str) -> Heard | None:
        """Keep a verified notice; None where only the plain path can. Overloaded where too many wait."""
        outcome = await self._hearing.ride(Hear(gateway, notice, json.dumps(notice.body)))
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
        layout = await self._layout(payment) if payment.expires_at <= now else None
        outcome = await self._confirming.ride(Confirm(payment, state, finishing, layout))
        return outcome if isinstance(outcome, str) else None

    async def _look(self, _: Sequence[None]) -> Mapping[None, datetime]:
        async with self._database.reader() as db:
            return {None: await clock.moment(db)}

    async def _layout(self, payment: Payment) -> Layout:
        """For late money: places may have been taken out since its claims lapsed. Read once a process."""
        async with self._database.reader() as db:
            found = await inventory.find(db, payment.inventory_id)
            return await inventory.layout(db, found.layout_id)


def _notice(request: Hear) -> Iterator[Hashable]:
    yield request.gateway, request.notice.event_id


def _payment(request: Confirm) -> Iterator[Hashable]:
    yield request.payment.booking_id


__all__ = ["Heard", "TillBatch"]
