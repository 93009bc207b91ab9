"""Settle many requests in one transaction: turns, then reads, then decisions in memory, then the winners' rows.

Always in this order, each step with statements of its own, for one statement would read a snapshot older than its wait
(docs/holds.md, the batch). The guards stay in the database: every write carries its condition, and a number of rows
that is not what was decided undoes the transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel.audit import RECORD, RECORD_ORIGIN
from holdfast.kernel.holds import bulk, rules
from holdfast.kernel.holds.desk import Desk, Spot
from holdfast.kernel.holds.requests import Outcome, Place, Request
from holdfast.kernel.inventory import Clocks, InventoryNotFound
from holdfast.kernel.inventory import bulk as slots
from holdfast.kit import clock, outbox
from holdfast.kit.bulk import Ask, Program, found, written
from holdfast.kit.guards import Guards
from holdfast.kit.rides import Fate


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is told of where it runs."""

    clocks: Clocks
    guards: Guards
    has_test_clock: bool


def settle(requests: Sequence[Request], *, around: Surroundings, is_patient: bool) -> Program[list[Outcome | Fate]]:
    """The outcome of each request, in their order. `is_patient`: wait for turns that others have."""
    turns = yield from _take_turns(requests, around, is_patient=is_patient)
    now = yield from clock.once_locked(turns, has_test_clock=around.has_test_clock)
    sales = {row.id: row for row in turns}
    desk = Desk(now, around.clocks, has_keys=around.guards.stands("key"), sales=sales)
    ready = [request for request in requests if request.inventory_id in sales]
    yield from _read(desk, ready)
    outcomes = [desk.answer(request) for request in requests]
    if is_patient:  # what could not be locked is not there
        outcomes = [
            outcome if request.inventory_id in sales else InventoryNotFound()
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
    yield from _write(desk, around.guards)
    return outcomes


def _take_turns(requests: Iterable[Request], around: Surroundings, *, is_patient: bool) -> Program[list[Any]]:
    statement = slots.TAKE_TURNS if is_patient else slots.TAKE_FREE_TURNS
    if not around.guards.stands("exclusive_turn"):
        statement = slots.SHARE_TURNS
    if not around.guards.stands("turn"):
        statement = slots.READ_SALES
    rows: list[Any] = yield statement.of([(each,) for each in {request.inventory_id for request in requests}])
    return rows


def _read(desk: Desk, requests: Sequence[Request]) -> Program[None]:
    """What the requests touch, in one look; a second one only where a hold may end, or a counted slot is short."""
    places = [each for each in requests if isinstance(each, Place)]
    named = [(each.inventory_id, each.hold_id) for each in requests if not isinstance(each, Place)]
    wanted = {(each.inventory_id, slot) for each in places for item in each.wish.items for slot in item.slots}
    counted = Counter(
        (each.inventory_id, slot) for each in places for item in each.wish.items for slot in item.counted_slots
    )
    since, until = _looked_back(desk, places)
    by_key, of_owners, by_id, claims, counters = yield from found(
        bulk.BY_KEY.of([(each.inventory_id, each.wish.placed_by, each.key) for each in places]),
        bulk.STANDING.of(list(_owners(places)), since=since, until=until),
        bulk.BY_ID.of(named),
        slots.CLAIMS_ON.of(list(wanted)),
        slots.COUNTERS_OF.of(list(counted)),
    )
    desk.by_key = {(row.inventory_id, row.placed_by, row.key): row for row in by_key}
    desk.by_id = {row.id: row for row in by_id}
    yield from _see_owners(desk, of_owners, since=since, until=until)
    desk.see_claims(claims)
    yield from _see_what_may_end(desk)
    yield from _see_counters(desk, counters, counted)


def _owners(places: Iterable[Place]) -> set[tuple[UUID, UUID]]:
    return {(each.inventory_id, each.wish.owner_id) for each in places if each.wish.owner_id is not None}


def _looked_back(desk: Desk, places: Iterable[Place]) -> tuple[datetime, datetime]:
    """Since when holds of an owner may count in a chain, and until when one began that is long enough by now."""
    since = desk.now - desk.clocks.scaled(rules.CHAIN_LOOKED_BACK)
    shortest = min((each.inventory.limits.chain_seconds for each in places), default=0)
    return since, desk.now - desk.clocks.scaled(shortest)


def _see_owners(desk: Desk, rows: list[Any], *, since: datetime, until: datetime) -> Program[None]:
    """What stands for the owners; and all they held, of those who may have held for as long as anybody may."""
    of_old = {(row.inventory_id, row.owner_id) for row in rows if row.first_claimed_at <= until}
    if of_old:
        rows = [row for row in rows if (row.inventory_id, row.owner_id) not in of_old]
        rows += yield bulk.OF_OWNERS.of(list(of_old), since=since)
    for row in rows:
        desk.of_owner[row.inventory_id, row.owner_id].append(row)


def _see_what_may_end(desk: Desk) -> Program[None]:
    """The items of whatever may end, with the claims and quantities on their slots."""
    standing = [(row.inventory_id, row.id) for rows in desk.of_owner.values() for row in rows if row.live_owner]
    may_end = {*standing, *((row.inventory_id, row.id) for row in desk.by_id.values() if row.state == "active")}
    if not may_end:
        return
    for row in (yield bulk.ITEMS_OF.of(list(may_end))):
        desk.add_item(row)
    theirs = [(inventory_id, hold_id, item) for (inventory_id, hold_id), kept in desk.kept.items() for item in kept]
    claims, quantities = yield from found(
        slots.CLAIMS_ON.of([(inventory_id, slot) for inventory_id, _, item in theirs for slot in item.slots]),
        slots.QUANTITIES_OF.of(
            [(inventory_id, slot, hold_id) for inventory_id, hold_id, item in theirs for slot in item.counted_slots]
        ),
    )
    desk.see_claims(claims)
    for row in quantities:
        desk.quantities[row.hold_id][row.inventory_id, row.slot] = row.quantity


def _see_counters(desk: Desk, rows: Iterable[Any], wanted: Mapping[Spot, int]) -> Program[None]:
    """What is taken of counted slots; where that leaves too few, what has lapsed is given back first."""
    for row in rows:
        desk.counters[row.inventory_id, row.slot] = (row.capacity, row.taken)
    short = [spot for spot, (capacity, taken) in desk.counters.items() if capacity - taken < wanted[spot]]
    if not short:
        return
    for row in (yield slots.LAPSED_QUANTITIES.of(short, now=desk.now)):
        desk.quantities[row.hold_id].pop((row.inventory_id, row.slot), None)
        desk.give_back(row.inventory_id, row.slot, row.hold_id, row.quantity)


def _write(desk: Desk, guards: Guards) -> Program[None]:
    """Only what was won, ended or given back, sorted by inventory and slot: first what gives way, then what comes."""
    now, sheets = desk.now, desk.sheets
    yield from written(
        bulk.END.of(sheets.ended, now=now),
        bulk.LET_GO.of(sheets.let_go),
        slots.GIVE_UP.of(sheets.given_up),
        slots.GIVE_UP_QUANTITIES.of(sheets.quantities_given_up),
        slots.ADD_COUNTERS.of(sheets.new_counters),
    )
    counts = [(*spot, more) for spot, more in sorted(sheets.counts.items()) if more]
    taken = sorted(sheets.taken)
    yield from written(
        bulk.ADD.of(sheets.holds, now=now),
        bulk.ADD_ITEMS.of(sheets.items),
        bulk.ADD_LINES.of(sheets.lines),
        slots.TAKE.of(taken, now=now) if guards.stands("pk") else slots.TAKE_UNGUARDED.of(taken),
        slots.TAKE_QUANTITIES.of(sheets.quantities),
        slots.COUNT.of(counts),
        RECORD.of(sheets.logs),
        RECORD_ORIGIN.of(sheets.origins),
        *_published(desk, guards),
    )


def _published(desk: Desk, guards: Guards) -> tuple[Ask, Ask]:
    """One change an inventory, with the next `seq`; the facts carry it too."""
    now, sheets = desk.now, desk.sheets
    seq_of = {inventory_id: desk.sales[inventory_id].seq + 1 for inventory_id in sheets.states}
    rows = [
        outbox.change_row(
            inventory_id,
            seq=seq_of[inventory_id],
            states=[(slot, looks, until) for slot, (looks, until) in sorted(changed.items())],
            state=desk.sales[inventory_id].state,
            layout_id=desk.sales[inventory_id].layout_id,
            now=now,
        )
        for inventory_id, changed in sheets.states.items()
    ]
    rows += [
        outbox.fact_row(
            fact, now=now, inventory_id=inventory_id, seq=seq_of.get(inventory_id, desk.sales[inventory_id].seq)
        )
        for inventory_id, fact in sheets.facts
    ]
    numbered = sorted(seq_of) if guards.stands("exclusive_turn") else []  # two who share would wait in a circle
    turns = [(inventory_id, desk.sales[inventory_id].seq) for inventory_id in numbered]
    next_seq = slots.NEXT_SEQ if guards.stands("seq") else slots.NEXT_SEQ_UNGUARDED
    return outbox.PUBLISH.of(rows), next_seq.of(turns, now=now)
