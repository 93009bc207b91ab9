"""Open many payments in one transaction, before their gateways are called and after: what goes well.

A hold that is active and keeps its clock becomes a pending booking with the intent to pay it. Whatever else somebody
may find at the till (a payment that is open already, nothing to pay, too late, a clock that moves) is the plain
path's: `actions.open_payment`.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import bulk as bookings
from holdfast.kernel.bookings import new_reference
from holdfast.kernel.checkout.batch.requests import Enter, Open
from holdfast.kernel.checkout.values import END
from holdfast.kernel.holds import Hold, bulk_paying, end_after_checkout, is_live
from holdfast.kernel.inventory import Limits
from holdfast.kernel.inventory import bulk_selling as selling
from holdfast.kernel.payments import Payment
from holdfast.kernel.payments import bulk as payments
from holdfast.kit import clock, jobs
from holdfast.kit.bulk import Program, written
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from holdfast.kit.rides import Fate

Row: TypeAlias = Any
Rows: TypeAlias = list[tuple[Any, ...]]


@dataclass(slots=True)
class Desk:
    """What was read under the turns, and the rows to write."""

    now: datetime
    sales: Mapping[UUID, Row]
    holds: dict[UUID, Row] = field(default_factory=dict)
    converted: Rows = field(default_factory=list)
    references: Rows = field(default_factory=list)
    bookings: Rows = field(default_factory=list)
    payments: Rows = field(default_factory=list)
    jobs: Rows = field(default_factory=list)
    logs: Rows = field(default_factory=list)
    origins: Rows = field(default_factory=list)

    def answer(self, request: Open) -> Payment | Fate:
        """The payment; PLAIN where anything else may come of it, LATER without the turn."""
        sale = self.sales.get(request.inventory_id)
        if sale is None:
            return Fate.LATER
        if sale.state == "cancelled" or not self._rides(request, Limits.from_json(json.loads(sale.limits))):
            return Fate.PLAIN
        return self._open(request)

    def _rides(self, request: Open, limits: Limits) -> bool:
        hold, row = request.hold, self.holds.get(request.hold.id)
        if row is None or row.state != "active" or row.expires_at != hold.expires_at:
            return False
        if not is_live(row, now=self.now) or not hold.total:
            return False
        if request.amount is not None and request.amount != Money(hold.total, hold.currency):
            return False
        until = end_after_checkout(hold, now=self.now, limits=limits, clocks=request.clocks)
        return until == hold.expires_at and until - self.now >= request.clocks.too_late_to_pay

    def _open(self, request: Open) -> Payment:
        hold, now, reference = request.hold, self.now, new_reference()
        payment = _intent(request, now=now)
        self.converted.append((hold.inventory_id, hold.id))
        self.references.append((reference, hold.inventory_id, request.booking_id))
        self.bookings.append(
            (
                hold.inventory_id,
                request.booking_id,
                hold.id,
                hold.product,
                hold.provider_id,
                hold.owner_id,
                reference,
                "pending",
                hold.total,
                hold.currency,
                hold.expires_at,
                now,
                now,
            )
        )
        self.payments.append(_row(payment))
        job = json.dumps({"payment_id": str(payment.id)})
        run_at = hold.expires_at - request.clocks.gateway_ends_before
        self.jobs.append((new_id(), END, f"{END}:{payment.id}", job, run_at, run_at))
        self._log(request, "booking", request.booking_id, hold, "booking_opened", {"state": "pending"})
        named = {"booking_id": str(request.booking_id)}
        self._log(request, "payment", payment.id, hold, "payment_initiated", {"status": "initiated"}, named)
        return payment

    def _log(  # noqa: PLR0917 - a row of the log
        self,
        request: Open,
        kind: str,
        entity_id: UUID,
        hold: Hold,
        action: str,
        after: Mapping[str, str],
        details: Mapping[str, str] | None = None,
    ) -> None:
        row = audit.change_row(
            actor=request.actor,
            action=action,
            entity_type=kind,
            entity_id=entity_id,
            provider_id=hold.provider_id,
            details=details,
            after=after,
            now=self.now,
        )
        self.logs.append(row)
        if request.actor.address is not None:
            self.origins.append((row[0], request.actor.address))


def settle(requests: Sequence[Open], *, database: Database, is_patient: bool) -> Program[list[Payment | Fate]]:
    """The payment of each, in their order. `is_patient`: wait for turns that others have."""
    statement = selling.TAKE_TURNS if is_patient else selling.TAKE_FREE_TURNS
    if not database.guards.stands("turn"):
        statement = selling.READ_SALES
    rows = yield statement.of([(each,) for each in {request.inventory_id for request in requests}])
    now = yield from clock.once_locked(rows, has_test_clock=database.test_clock)
    desk = Desk(now, {row.id: row for row in rows})
    for row in (yield bulk_paying.CLOCKS_OF.of([(each.inventory_id, each.hold.id) for each in requests])):
        desk.holds[row.id] = row
    outcomes = [desk.answer(request) for request in requests]
    if is_patient:  # what could not be locked is not there
        outcomes = [Fate.PLAIN if outcome is Fate.LATER else outcome for outcome in outcomes]
    yield from written(
        bulk_paying.CONVERT.of(desk.converted),
        bookings.ADD_REFERENCES.of(desk.references),
        bookings.ADD.of(desk.bookings),
        payments.ADD.of(desk.payments),
        jobs.ENQUEUE.of(desk.jobs),
        audit.RECORD_CHANGE.of(desk.logs),
        audit.RECORD_ORIGIN.of(desk.origins),
    )
    return outcomes


def enter(requests: Sequence[Enter], *, database: Database, is_patient: bool) -> Program[list[Payment | Fate]]:
    """Each payment as it is now; PLAIN where it went on meanwhile: its webhook was quicker."""
    del is_patient  # payments are locked without their turns, for a moment
    now = yield from clock.in_batch(is_postgres=database.dialect == "postgresql", has_test_clock=database.test_clock)
    keys = [(each.payment.inventory_id, each.payment.id) for each in requests]
    locked = {row.id: Payment(*row) for row in (yield payments.LOCK.of(keys))}
    outcomes: list[Payment | Fate] = []
    references, moved, logs = Rows(), Rows(), Rows()
    for request in requests:
        payment, session = locked.get(request.payment.id), request.session
        if payment is None or payment.status != "initiated" or payment.gateway_reference is not None:
            outcomes.append(Fate.PLAIN)
            continue
        outcomes.append(
            dataclasses.replace(
                payment, status="pending", gateway_reference=session.reference, url=session.url, updated_at=now
            )
        )
        references.append((payment.gateway, session.reference, payment.inventory_id, payment.id))
        moved.append((payment.inventory_id, payment.id, session.reference, session.url))
        logs.append(
            audit.change_row(
                actor=Actor.system(),
                action="payment_pending",
                entity_type="payment",
                entity_id=payment.id,
                provider_id=payment.provider_id,
                details={"booking_id": str(payment.booking_id)},
                before={"status": "initiated"},
                after={"status": "pending"},
                now=now,
            )
        )
    if references:
        yield payments.ADD_REFERENCES.of(references)
    yield from written(payments.OPENED.of(moved, now=now), audit.RECORD_CHANGE.of(logs))
    return outcomes


def _intent(request: Open, *, now: datetime) -> Payment:
    hold = request.hold
    fees = sum(line.amount for line in hold.lines if line.item is None and line.kind == "fee")
    return Payment(
        id=request.payment_id,
        inventory_id=hold.inventory_id,
        booking_id=request.booking_id,
        hold_id=hold.id,
        user_id=hold.owner_id,
        provider_id=hold.provider_id,
        amount=hold.total,
        currency=hold.currency,
        fare_amount=hold.total - fees,
        service_fee=fees,
        method=request.method,
        gateway=request.gateway,
        gateway_reference=None,
        url=None,
        status="initiated",
        captured=0,
        captured_currency=hold.currency,
        gateway_fee=0,
        refund_reserved=0,
        expires_at=hold.expires_at,
        transaction_datetime=now,
        created_at=now,
        updated_at=now,
    )


def _row(payment: Payment) -> tuple[Any, ...]:
    return tuple(getattr(payment, each.name) for each in dataclasses.fields(payment))
