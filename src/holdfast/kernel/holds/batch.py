"""Settle many requests in one transaction: turns, then reads, then decisions in memory, then the winners' rows.

Always in this order, each step with statements of its own, for one statement would read a snapshot older than its wait
(docs/holds.md, the batch). The guards stay in the database: every write carries its condition, and a number of rows
that is not what was decided undoes the transaction.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from holdfast.kernel.audit import RECORD, RECORD_ORIGIN
from holdfast.kernel.holds import bulk, rules
from holdfast.kernel.holds.desk import Desk, Spot
from holdfast.kernel.holds.requests import Outcome, Place, Request
from holdfast.kernel.inventory import Clocks, InventoryNotFound
from holdfast.kernel.inventory import bulk as slots
from holdfast.kit import clock, outbox
from holdfast.kit.bulk import Ask, Program, written
from holdfast.kit.guards import Guards


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch is told of where it runs."""

    clocks: Clocks
    guards: Guards
    is_postgres: bool
    has_test_clock: bool


def settle(requests: Sequence[Request], around: Surroundings, *, is_patient: bool) -> Program[list[Outcome]]:
    """The outcome of each request, in their order. `is_patient`: wait for turns that others have."""
    sales = yield from _take_turns(requests, around, is_patient=is_patient)
    now = yield from clock.in_batch(is_postgres=around.is_postgres, has_test_clock=around.has_test_clock)
    desk = Desk(now, around.clocks, has_keys=around.guards.stands("key"), sales=sales)
    ready = [request for request in requests if request.inventory_id in sales]
    yield from _read_holds(desk, ready)
    yield from _read_slots(desk, ready)
    outcomes = [desk.answer(request) for request in requests]
    if is_patient:  # what could not be locked is not there
        outcomes = [
            outcome if request.inventory_id in sales else InventoryNotFound()
            for request, outcome in zip(requests, outcomes, strict=True)
        ]
    yield from _write(desk, around.guards)
    return outcomes


def _take_turns(requests: Iterable[Request], around: Surroundings, *, is_patient: bool) -> Program[dict[UUID, Any]]:
    statement = slots.TAKE_TURNS if is_patient else slots.TAKE_FREE_TURNS
    if not around.guards.stands("turn"):
        statement = slots.READ_SALES
    rows = yield statement.of([(each,) for each in {request.inventory_id for request in requests}])
    return {row.id: row for row in rows}


def _read_holds(desk: Desk, requests: Sequence[Request]) -> Program[None]:
    """What stands under the keys, for the owners, under the ids; and the items of whatever may end."""
    places = [request for request in requests if isinstance(request, Place)]
    if places:
        keys = [(each.inventory_id, each.wish.placed_by, each.key) for each in places]
        for row in (yield bulk.BY_KEY.of(keys)):
            desk.by_key[row.inventory_id, row.placed_by, row.key] = row
    yield from _read_owners(desk, [each for each in places if each.wish.owner_id is not None])
    named = [(each.inventory_id, each.hold_id) for each in requests if not isinstance(each, Place)]
    if named:
        desk.by_id = {row.id: row for row in (yield bulk.BY_ID.of(named))}
    standing = [(row.inventory_id, row.id) for rows in desk.of_owner.values() for row in rows if row.live_owner]
    may_end = {*standing, *((row.inventory_id, row.id) for row in desk.by_id.values() if row.state == "active")}
    if may_end:
        for row in (yield bulk.ITEMS_OF.of(list(may_end))):
            desk.add_item(row)


def _read_owners(desk: Desk, places: Sequence[Place]) -> Program[None]:
    """What stands for the owners; and all they held, of those who may have held for as long as anybody may."""
    if not places:
        return
    since = desk.now - desk.clocks.scaled(rules.CHAIN_LOOKED_BACK)
    until = desk.now - desk.clocks.scaled(min(each.inventory.limits.chain_seconds for each in places))
    owners = {(each.inventory_id, each.wish.owner_id) for each in places}
    found = yield bulk.STANDING.of(list(owners), since=since, until=until)
    of_old = {(row.inventory_id, row.owner_id) for row in found if row.first_claimed_at <= until}
    if of_old:
        found = [row for row in found if (row.inventory_id, row.owner_id) not in of_old]
        found += yield bulk.OF_OWNERS.of(list(of_old), since=since)
    for row in found:
        desk.of_owner[row.inventory_id, row.owner_id].append(row)


def _read_slots(desk: Desk, requests: Sequence[Request]) -> Program[None]:
    """The claims on all slots that are wished for or may be given up, and the counters likewise."""
    wanted = {
        (each.inventory_id, slot)
        for each in requests
        if isinstance(each, Place)
        for item in each.wish.items
        for slot in item.slots
    }
    counted = Counter(
        (each.inventory_id, slot)
        for each in requests
        if isinstance(each, Place)
        for item in each.wish.items
        for slot in item.counted_slots
    )
    held = set()
    for (inventory_id, hold_id), kept in desk.kept.items():
        wanted |= {(inventory_id, slot) for item in kept for slot in item.slots}
        held |= {(inventory_id, slot, hold_id) for item in kept for slot in item.counted_slots}
    if wanted:
        for row in (yield slots.CLAIMS_ON.of(list(wanted))):
            desk.claims[row.inventory_id, row.slot] = (row.hold_id, row.expires_at)
    if held:
        for row in (yield slots.QUANTITIES_OF.of(list(held))):
            desk.quantities[row.hold_id][row.inventory_id, row.slot] = row.quantity
    if counted:
        yield from _read_counters(desk, counted)


def _read_counters(desk: Desk, wanted: Mapping[Spot, int]) -> Program[None]:
    """What is taken of counted slots; where that leaves too few, what has lapsed is given back first."""
    for row in (yield slots.COUNTERS_OF.of(list(wanted))):
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
    turns = [(inventory_id, desk.sales[inventory_id].seq) for inventory_id in sorted(seq_of)]
    next_seq = slots.NEXT_SEQ if guards.stands("seq") else slots.NEXT_SEQ_UNGUARDED
    return outbox.PUBLISH.of(rows), next_seq.of(turns, now=now)
