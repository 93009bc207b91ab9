"""Confirm many payments in one transaction: what goes well. Whatever else comes of money is the plain path's.

In this order, each step with statements of its own (docs/holds.md): turns, the clock, what they guard, decisions in
memory in the order of arrival, the rows of those that are confirmed. Rides where the payment is open and of the right
amount, the booking pending (or expired, and the money honoured late) and every place its own, free or lapsed: money
that has to go back, an owner's other hold that gives way, attempts that failed go the plain way (`actions.settle`).
"""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import BookingConfirmed
from holdfast.kernel.bookings import bulk as bookings
from holdfast.kernel.checkout import rules
from holdfast.kernel.checkout.batch.requests import Confirm
from holdfast.kernel.holds import bulk_paying as holds
from holdfast.kernel.identity import bulk as people
from holdfast.kernel.inventory import bulk as slots
from holdfast.kernel.inventory import bulk_selling as selling
from holdfast.kernel.ledger import bulk as ledger
from holdfast.kernel.payments import PAID, Payment, PaymentCompleted
from holdfast.kernel.payments import bulk as payments
from holdfast.kernel.tickets import bulk as tickets
from holdfast.kernel.tickets import new_nonce, new_number
from holdfast.kit import clock, outbox
from holdfast.kit.bulk import Ask, Program, found, written
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Fact
from holdfast.kit.rides import Fate

Row: TypeAlias = Any
Rows: TypeAlias = list[tuple[Any, ...]]


@dataclass(slots=True)
class Sheets:
    """The rows to write, by table."""

    references: Rows = field(default_factory=list)
    captured: Rows = field(default_factory=list)
    kept: Rows = field(default_factory=list)
    quantities: Rows = field(default_factory=list)
    bookings: Rows = field(default_factory=list)
    holds: Rows = field(default_factory=list)
    numbers: Rows = field(default_factory=list)
    tickets: Rows = field(default_factory=list)
    allocated: Rows = field(default_factory=list)
    postings: list[ledger.Posting] = field(default_factory=list)
    logs: Rows = field(default_factory=list)
    events: Rows = field(default_factory=list)
    facts: list[tuple[UUID, Fact]] = field(default_factory=list)
    #: inventory -> the slots that are sold from now on
    sold: dict[UUID, list[int]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True)
class Count:
    """How much of an inventory is sold, and how it stands."""

    sold: int
    state: str


@dataclass(slots=True)
class Desk:
    """What one batch has read, and what it has decided so far."""

    now: datetime
    #: the inventories whose turn this batch has, as they were read
    sales: Mapping[UUID, Row]
    payments: dict[UUID, Payment] = field(default_factory=dict)
    bookings: dict[UUID, Row] = field(default_factory=dict)
    #: hold -> its kept items
    items: dict[UUID, list[Row]] = field(default_factory=lambda: defaultdict(list))
    #: (inventory, slot) -> (hold, until when)
    claims: dict[tuple[UUID, int], tuple[UUID, datetime | None]] = field(default_factory=dict)
    #: (hold, counted slot) that the hold still has
    quantities: set[tuple[UUID, int]] = field(default_factory=set)
    fees: dict[UUID, int] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    counts: dict[UUID, Count] = field(default_factory=dict)
    sheets: Sheets = field(default_factory=Sheets)

    def answer(self, request: Confirm) -> str | Fate:
        """confirmed, unchanged, PLAIN where something else comes of it, LATER without the turn."""
        sale = self.sales.get(request.inventory_id)
        if sale is None:
            return Fate.LATER
        payment = self.payments.get(request.payment.id)
        if payment is None or request.state.status != "completed":
            return Fate.PLAIN
        if payment.status in PAID:
            self._finish(request, "unchanged")
            return "unchanged"
        booking = self.bookings.get(payment.booking_id)
        if booking is None or not self._rides(request, payment, booking, sale):
            return Fate.PLAIN
        self._confirm(request, payment, booking, sale)
        self._finish(request, "confirmed")
        return "confirmed"

    def _rides(self, request: Confirm, payment: Payment, booking: Row, sale: Row) -> bool:
        is_plain_sale = payment.is_open and sale.state not in {"over", "cancelled"} and sale.archived_at is None
        if not is_plain_sale or booking.state not in {"pending", "expired"} or booking.provider_id not in self.fees:
            return False
        captured = request.state.captured
        if rules.why_unusable(
            booking, payment, inventory=sale, captured=captured, starts_at=booking.starts_at, now=self.now
        ):
            return False
        its_items = self.items[booking.hold_id]
        if rules.is_late(booking, now=self.now):
            layout = request.layout
            if booking.owner_id in self.erased or layout is None or layout.id != sale.layout_id:
                return False
            if rules.lacks_any(layout, [item.place for item in its_items]):
                return False
        return bool(its_items) and all(self._may_have(booking, item) for item in its_items)

    def _may_have(self, booking: Row, item: Row) -> bool:
        """Every slot is the hold's own, free or lapsed; of counted ones it still has its share."""
        for slot in _slots(item.slots):
            claim = self.claims.get((booking.inventory_id, slot))
            if claim is not None and claim[0] != booking.hold_id and (claim[1] is None or claim[1] > self.now):
                return False
        return all((booking.hold_id, slot) in self.quantities for slot in _slots(item.counted_slots))

    def _confirm(self, request: Confirm, payment: Payment, booking: Row, sale: Row) -> None:
        sheets, now, state, key = self.sheets, self.now, request.state, (booking.inventory_id, booking.id)
        is_late = rules.is_late(booking, now=now)
        captured = dataclasses.replace(
            payment,
            captured=state.captured.minor,
            captured_currency=state.captured.currency,
            gateway_fee=state.fee.minor if state.fee.currency == state.captured.currency else 0,
        )
        sheets.references.append((payment.gateway, state.reference, payment.inventory_id, payment.id))
        sheets.captured.append(
            (
                payment.inventory_id,
                payment.id,
                captured.captured,
                captured.captured_currency,
                captured.gateway_fee,
                state.reference,
            )
        )
        self._keep(booking, sale)
        sheets.bookings.append(key)
        sheets.holds.append((booking.inventory_id, booking.hold_id))
        self._issue(booking)
        sheets.allocated.append((payment.inventory_id, payment.id, booking.id, captured.captured))
        transfers = rules.capture_transfers(captured, fee_bps=self.fees[payment.provider_id])
        sheets.postings.append(ledger.Posting("payment", payment.id, transfers, captured.captured_currency))
        self._log(captured, booking, was=payment.status, is_late=is_late)
        sheets.facts += _facts(payment, booking, is_late=is_late)

    def _keep(self, booking: Row, sale: Row) -> None:
        """Its places, for good; what is sold is counted, and makes the inventory sold out with the last."""
        hold_id, inventory_id, sheets = booking.hold_id, booking.inventory_id, self.sheets
        count = self.counts.setdefault(inventory_id, Count(sale.sold, sale.state))
        counted = set()
        for item in self.items[hold_id]:
            for slot in _slots(item.slots):
                self.claims[inventory_id, slot] = (hold_id, None)
                sheets.kept.append((inventory_id, slot, hold_id))
                sheets.sold[inventory_id].append(slot)
                count.sold += 1
            counted |= set(_slots(item.counted_slots))
            count.sold += len(_slots(item.counted_slots))
        sheets.quantities += [(inventory_id, slot, hold_id) for slot in sorted(counted)]
        is_full = count.sold >= sale.capacity and json.loads(sale.limits).get("sells_out", True)
        if count.state == "on_sale" and is_full:
            count.state = "sold_out"
        elif count.state == "sold_out" and count.sold < sale.capacity:
            count.state = "on_sale"

    def _issue(self, booking: Row) -> None:
        for item in self.items[booking.hold_id]:
            ticket_id, number = new_id(), new_number()
            self.sheets.numbers.append((number, booking.inventory_id, ticket_id))
            self.sheets.tickets.append(
                (
                    booking.inventory_id,
                    ticket_id,
                    booking.id,
                    booking.provider_id,
                    item.number,
                    item.place,
                    item.label,
                    number,
                    new_nonce(),
                    "valid",
                    self.now,
                    self.now,
                )
            )

    def _log(self, payment: Payment, booking: Row, *, was: str, is_late: bool) -> None:
        self.sheets.logs += [
            audit.change_row(
                actor=Actor.system(),
                action="payment_completed",
                entity_type="payment",
                entity_id=payment.id,
                provider_id=payment.provider_id,
                details={"booking_id": str(payment.booking_id)},
                before={"status": was},
                after={"status": "completed", "captured": payment.captured, "currency": payment.captured_currency},
                now=self.now,
            ),
            audit.change_row(
                actor=Actor.system(),
                action="booking_confirmed",
                entity_type="booking",
                entity_id=booking.id,
                provider_id=booking.provider_id,
                before={"state": booking.state},
                after={"state": "confirmed", "is_late": is_late},
                now=self.now,
            ),
        ]

    def _finish(self, request: Confirm, outcome: str) -> None:
        if request.told is not None:
            self.sheets.events.append((request.told.event_id, outcome, request.told.body))


def settle(requests: Sequence[Confirm], *, database: Database, is_patient: bool) -> Program[list[str | Fate]]:
    """What becomes of each, in their order. `is_patient`: wait for turns that others have."""
    statement = selling.TAKE_TURNS if is_patient else selling.TAKE_FREE_TURNS
    if not database.guards.stands("turn"):
        statement = selling.READ_SALES
    rows = yield statement.of([(each,) for each in {request.inventory_id for request in requests}])
    now = yield from clock.once_locked(rows, has_test_clock=database.test_clock)
    desk = Desk(now, {row.id: row for row in rows})
    ready = [request for request in requests if request.inventory_id in desk.sales]
    if ready:
        yield from _read(desk, ready)
    outcomes = [desk.answer(request) for request in requests]
    if is_patient:  # what could not be locked is not there
        outcomes = [Fate.PLAIN if outcome is Fate.LATER else outcome for outcome in outcomes]
    yield from _write(desk, database)
    return outcomes


def _read(desk: Desk, requests: Sequence[Confirm]) -> Program[None]:
    for row in (yield payments.LOCK.of([(each.inventory_id, each.payment.id) for each in requests])):
        desk.payments[row.id] = Payment(*row)
    open_ones = [payment for payment in desk.payments.values() if payment.is_open]
    if not open_ones:
        return
    for row in (yield bookings.BY_ID.of([(each.inventory_id, each.booking_id) for each in open_ones])):
        desk.bookings[row.id] = row
    rows = desk.bookings.values()
    late = {row.owner_id for row in rows if row.owner_id is not None and rules.is_late(row, now=desk.now)}
    its_items, providers, erased = yield from found(
        holds.ITEMS_OF.of([(row.inventory_id, row.hold_id) for row in rows]),
        people.PLATFORM_FEES.of([(each,) for each in {row.provider_id for row in rows}]),
        people.ERASED.of([(each,) for each in late]),
    )
    for item in its_items:
        desk.items[item.hold_id].append(item)
    desk.fees = {row.id: row.platform_fee_bps for row in providers}
    desk.erased = {row.id for row in erased}
    claims, quantities = yield from found(
        slots.CLAIMS_ON.of([(item.inventory_id, slot) for item in its_items for slot in _slots(item.slots)]),
        slots.QUANTITIES_OF.of(
            [(item.inventory_id, slot, item.hold_id) for item in its_items for slot in _slots(item.counted_slots)]
        ),
    )
    desk.claims = {(row.inventory_id, row.slot): (row.hold_id, row.expires_at) for row in claims}
    desk.quantities = {(row.hold_id, row.slot) for row in quantities}


def _write(desk: Desk, database: Database) -> Program[None]:
    """Only what is confirmed, sorted by inventory and slot; each write carries its condition."""
    now, sheets = desk.now, desk.sheets
    if sheets.references:
        yield payments.ADD_REFERENCES.of(sheets.references)
    yield from ledger.post(sheets.postings, now=now)
    if sheets.events:
        yield payments.FINISH_EVENTS.of(sheets.events, now=now)
    yield from written(
        holds.PAID.of(sheets.holds, now=now),
        bookings.CONFIRM.of(sheets.bookings, now=now),
        payments.CAPTURE.of(sheets.captured, now=now),
        payments.ALLOCATE.of(sheets.allocated),
        selling.KEEP.of(sorted(sheets.kept), now=now),
        selling.KEEP_QUANTITIES.of(sorted(sheets.quantities)),
        tickets.ADD_NUMBERS.of(sheets.numbers),
        tickets.ISSUE.of(sheets.tickets),
        audit.RECORD_CHANGE.of(sheets.logs),
        *_published(desk, database),
    )


def _published(desk: Desk, database: Database) -> tuple[Ask, Ask]:
    """One change an inventory, with the next `seq`; the facts carry it too."""
    now, sheets, sales = desk.now, desk.sheets, desk.sales
    rows = [
        outbox.change_row(
            inventory_id,
            seq=sales[inventory_id].seq + 1,
            states=[(slot, "sold", None) for slot in sorted(sheets.sold[inventory_id])],
            state=count.state,
            layout_id=sales[inventory_id].layout_id,
            now=now,
        )
        for inventory_id, count in desk.counts.items()
    ]
    rows += [
        outbox.fact_row(fact, now=now, inventory_id=inventory_id, seq=sales[inventory_id].seq + 1)
        for inventory_id, fact in sheets.facts
    ]
    sold = [(each, sales[each].seq, count.sold, count.state) for each, count in sorted(desk.counts.items())]
    sell = selling.SELL if database.guards.stands("seq") else selling.SELL_UNGUARDED
    return outbox.PUBLISH.of(rows), sell.of(sold, now=now)


def _facts(payment: Payment, booking: Row, *, is_late: bool) -> Iterator[tuple[UUID, Fact]]:
    yield (
        booking.inventory_id,
        BookingConfirmed(
            booking_id=booking.id,
            hold_id=booking.hold_id,
            inventory_id=booking.inventory_id,
            product=booking.product,
            user_id=booking.owner_id,
            is_late=is_late,
        ),
    )
    yield (
        payment.inventory_id,
        PaymentCompleted(
            payment_id=payment.id,
            booking_id=payment.booking_id,
            inventory_id=payment.inventory_id,
            user_id=payment.user_id,
        ),
    )


def _slots(text: str) -> list[int]:
    found: list[int] = json.loads(text)
    return found
