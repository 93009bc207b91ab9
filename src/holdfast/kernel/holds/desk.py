"""Decide a batch in memory, in the order of arrival, from what was read under the turns. Nothing here waits.

A `Desk` knows what the requests of one batch touch, and changes that picture with each answer it gives: a slot granted
to one is taken for the next. What is to be written collects in `Sheets`. The rules are those of the plain path
(`actions.place`, `release`, `expire`), which tests compare it with.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import rules
from holdfast.kernel.holds.requests import Expire, InBooking, Outcome, Place, Release, Replayed, Request
from holdfast.kernel.holds.values import (
    AlreadyHolding,
    CoolingDown,
    Hold,
    HoldEnded,
    HoldExpired,
    HoldLapsed,
    HoldNotFound,
    HoldPlaced,
    HoldReleased,
    Item,
    WantedItem,
)
from holdfast.kernel.inventory import Clocks, SlotState
from holdfast.kit.bulk import as_json
from holdfast.kit.errors import Error
from holdfast.kit.idempotency import KeyReused
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Fact
from holdfast.kit.rides import Fate

#: A slot of an inventory.
Spot: TypeAlias = tuple[UUID, int]


@dataclass(slots=True)
class Sheets:
    """The rows to write, by table."""

    ended: list[tuple[Any, ...]] = field(default_factory=list)
    let_go: list[tuple[Any, ...]] = field(default_factory=list)
    given_up: list[tuple[Any, ...]] = field(default_factory=list)
    quantities_given_up: list[tuple[Any, ...]] = field(default_factory=list)
    holds: list[tuple[Any, ...]] = field(default_factory=list)
    items: list[tuple[Any, ...]] = field(default_factory=list)
    lines: list[tuple[Any, ...]] = field(default_factory=list)
    taken: list[tuple[Any, ...]] = field(default_factory=list)
    new_counters: list[tuple[Any, ...]] = field(default_factory=list)
    quantities: list[tuple[Any, ...]] = field(default_factory=list)
    logs: list[tuple[Any, ...]] = field(default_factory=list)
    origins: list[tuple[Any, ...]] = field(default_factory=list)
    counts: Counter[Spot] = field(default_factory=Counter)
    facts: list[tuple[UUID, Fact]] = field(default_factory=list)
    #: inventory -> slot -> how it looks from now on
    states: dict[UUID, dict[int, tuple[SlotState, datetime | None]]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(slots=True)
class Desk:
    """What one batch has read, and what it has decided so far."""

    now: datetime
    clocks: Clocks
    has_keys: bool = True
    #: the inventories whose turn this batch has, as they were read
    sales: dict[UUID, Any] = field(default_factory=dict)
    by_key: dict[tuple[UUID, UUID, str], Any] = field(default_factory=dict)
    by_id: dict[UUID, Any] = field(default_factory=dict)
    of_owner: dict[tuple[UUID, UUID], list[Any]] = field(default_factory=lambda: defaultdict(list))
    #: (inventory, hold) -> its items, of holds that may end
    kept: dict[tuple[UUID, UUID], list[WantedItem]] = field(default_factory=lambda: defaultdict(list))
    claims: dict[Spot, tuple[UUID, datetime | None]] = field(default_factory=dict)
    #: slot -> (capacity, taken)
    counters: dict[Spot, tuple[int, int]] = field(default_factory=dict)
    #: hold -> slot -> quantity, of holds that may end
    quantities: dict[UUID, dict[Spot, int]] = field(default_factory=lambda: defaultdict(dict))
    #: what has ended in this batch, and as what
    ended: dict[UUID, str] = field(default_factory=dict)
    sheets: Sheets = field(default_factory=Sheets)

    def add_item(self, row: Any) -> None:  # noqa: ANN401 - a row of items
        """An item of a hold that may end."""
        item = WantedItem(row.place, row.label, tuple(json.loads(row.slots)), tuple(json.loads(row.counted_slots)))
        self.kept[row.inventory_id, row.hold_id].append(item)

    def see_claims(self, rows: Iterable[Any]) -> None:
        """Whose slots are, and until when."""
        for row in rows:
            self.claims[row.inventory_id, row.slot] = (row.hold_id, row.expires_at)

    def answer(self, request: Request) -> Outcome | Fate:
        """Decide one request; a refusal comes back as a value, and has changed nothing."""
        if request.inventory_id not in self.sales:
            return Fate.LATER
        try:
            if isinstance(request, Place):
                return self._place(request)
            return self._release(request) if isinstance(request, Release) else self._expire(request)
        except Error as refused:
            return refused.with_traceback(None)  # which holds this batch for as long as it is told

    def standing_of(self, inventory_id: UUID, owner_id: UUID) -> Any:  # noqa: ANN401 - a row of holds
        """The hold that stands for this owner here, lapsed or not."""
        for row in self.of_owner.get((inventory_id, owner_id), ()):
            if row.live_owner is not None and row.id not in self.ended:
                return row
        return None

    def _place(self, request: Place) -> Outcome:
        wish, inventory, now = request.wish, request.inventory, self.now
        first = self.by_key.get((wish.inventory_id, wish.placed_by, request.key)) if self.has_keys else None
        if first is not None:
            if first.id == request.hold_id:  # this very request: it was committed before the connection broke
                return _held(request, first.first_claimed_at, first.placed_at, first.expires_at)
            if first.digest != wish.digest:
                raise KeyReused
            return Replayed(first.id)
        rules.refuse_unless_selling(self.sales[wish.inventory_id], wish, now=now)
        rules.refuse_malformed(wish.items, limits=inventory.limits)
        standing = self._replaced_by(request)
        self._refuse_while_cooling_down(request)
        is_live = standing is not None and rules.is_live(standing, now=now)
        first_claimed_at = standing.first_claimed_at if is_live else now
        until = rules.first_end(first_claimed_at=first_claimed_at, now=now, limits=inventory.limits, clocks=self.clocks)
        if until <= now:
            raise CoolingDown(rules.seconds_until(now + self.clocks.chain_gap, now=now))
        counted = rules.counted_slots_of(wish.items)
        self._refuse_taken(request, counted, instead_of=standing.id if is_live else None)

        if standing is not None:
            self._clear(standing, is_live=is_live, actor=request.actor)
        self._take(request, counted, until=until)
        hold = _held(request, first_claimed_at, now, until)
        self._write(request, hold)
        self._log(hold, hold.items, actor=request.actor, action="hold_placed")
        self.sheets.facts.append(
            (hold.inventory_id, HoldPlaced(hold.id, hold.inventory_id, hold.product, hold.owner_id))
        )
        return hold

    def _release(self, request: Release) -> Outcome:
        row = self.by_id.get(request.hold_id)
        if row is None:
            raise HoldNotFound
        if "cancelled" in {row.state, self.ended.get(row.id)}:
            raise HoldEnded
        if row.state == "converted":
            return InBooking()
        if row.id in self.ended or not rules.is_live(row, now=self.now):
            raise HoldExpired
        self._end(row, "cancelled", actor=request.actor, action="hold_released", reason=request.reason)
        fact = HoldReleased(row.id, row.inventory_id, row.product, row.owner_id)
        self.sheets.facts.append((row.inventory_id, fact))
        return True

    def _expire(self, request: Expire) -> Outcome:
        row = self.by_id.get(request.hold_id)
        if row is None or row.state != "active" or row.id in self.ended or row.expires_at > self.now:
            return False
        self._lapse(row)
        return True

    def _replaced_by(self, request: Place) -> Any:  # noqa: ANN401 - a row of holds
        """What stands for the owner and gives way, live or lapsed. AlreadyHolding."""
        wish, limits = request.wish, request.inventory.limits
        if wish.owner_id is None or limits.second_hold == "allow":
            return None
        standing = self.standing_of(wish.inventory_id, wish.owner_id)
        is_kept = standing is not None and (limits.second_hold == "refuse" or standing.state == "converted")
        if is_kept and rules.is_live(standing, now=self.now):
            raise AlreadyHolding(standing.id, standing.expires_at)
        return standing

    def _refuse_while_cooling_down(self, request: Place) -> None:
        wish = request.wish
        if wish.owner_id is None:
            return
        theirs = self.of_owner.get((wish.inventory_id, wish.owner_id))
        if not theirs:
            return
        stretches = rules.stretches_of((row for row in theirs if row.paid_at is None), now=self.now)
        until = rules.cooling_until(stretches, now=self.now, limits=request.inventory.limits, clocks=self.clocks)
        if until is not None:
            raise CoolingDown(rules.seconds_until(until, now=self.now))

    def _refuse_taken(self, request: Place, counted: Mapping[int, int], *, instead_of: UUID | None) -> None:
        inventory_id, now = request.inventory_id, self.now
        gone = []
        for item in request.wish.items:
            for slot in item.slots:
                claim = self.claims.get((inventory_id, slot))
                if claim is None or claim[0] == instead_of:
                    continue
                if claim[1] is None or claim[1] > now:
                    gone.append(item)
        if not gone and counted:
            given_back = self.quantities.get(instead_of, {}) if instead_of is not None else {}
            short = {
                slot
                for slot, quantity in counted.items()
                if self._left(request, slot) + given_back.get((inventory_id, slot), 0) < quantity
            }
            gone = [item for item in request.wish.items if short.intersection(item.counted_slots)]
        if gone:
            raise rules.slots_taken(gone, serial=request.inventory.serial)

    def _left(self, request: Place, slot: int) -> int:
        spot = (request.inventory_id, slot)
        capacity, taken = self.counters.get(spot) or (request.wish.capacities[slot], 0)
        return capacity - taken - self.sheets.counts[spot]

    def _clear(self, standing: Any, *, is_live: bool, actor: Actor) -> None:  # noqa: ANN401 - a row of holds
        """End what stood for the owner: replaced, or lapsed and not tidied yet."""
        if is_live:
            self._end(standing, "cancelled", actor=actor, action="hold_replaced")
        elif standing.state == "active":
            self._lapse(standing)
        else:
            self.ended[standing.id] = "converted"
            self.sheets.let_go.append((standing.inventory_id, standing.id))

    def _lapse(self, row: Any) -> None:  # noqa: ANN401 - a row of holds
        self._end(row, "expired", actor=Actor.system(), action="hold_expired")
        fact = HoldLapsed(row.id, row.inventory_id, row.product, row.owner_id)
        self.sheets.facts.append((row.inventory_id, fact))

    def _end(self, row: Any, state: str, *, actor: Actor, action: str, reason: str | None = None) -> None:  # noqa: ANN401 - a row of holds
        """End an active hold and give back what it still claims."""
        sheets, inventory_id = self.sheets, row.inventory_id
        self.ended[row.id] = state
        sheets.ended.append((inventory_id, row.id, state))
        its_items = self.kept.get((inventory_id, row.id), ())
        for item in its_items:
            for slot in item.slots:
                claim = self.claims.get((inventory_id, slot))
                if claim is not None and claim[0] == row.id:
                    del self.claims[inventory_id, slot]
                    sheets.given_up.append((inventory_id, slot, row.id))
                    sheets.states[inventory_id][slot] = ("free", None)
        for (_, slot), quantity in self.quantities.pop(row.id, {}).items():
            self.give_back(inventory_id, slot, row.id, quantity)
        self._log(row, its_items, actor=actor, action=action, reason=reason)

    def give_back(self, inventory_id: UUID, slot: int, hold_id: UUID, quantity: int) -> None:
        """So many of a counted slot are free again."""
        self.sheets.quantities_given_up.append((inventory_id, slot, hold_id))
        self.sheets.counts[inventory_id, slot] -= quantity
        self.sheets.states[inventory_id]

    def _take(self, request: Place, counted: Mapping[int, int], *, until: datetime) -> None:
        sheets, inventory_id, hold_id = self.sheets, request.inventory_id, request.hold_id
        looks = sheets.states[inventory_id]
        for item in request.wish.items:
            for slot in item.slots:
                self.claims[inventory_id, slot] = (hold_id, until)
                sheets.taken.append((inventory_id, slot, hold_id, until))
                looks[slot] = ("held", until)
        for slot, quantity in counted.items():
            spot = (inventory_id, slot)
            if spot not in self.counters:
                capacity = request.wish.capacities[slot]
                self.counters[spot] = (capacity, 0)
                sheets.new_counters.append((*spot, capacity, 0))
            sheets.counts[spot] += quantity
            sheets.quantities.append((*spot, hold_id, quantity, "sale", until))

    def _write(self, request: Place, hold: Hold) -> None:
        wish, inventory, sheets = request.wish, request.inventory, self.sheets
        sheets.holds.append(
            (
                hold.inventory_id,
                hold.id,
                hold.owner_id,
                hold.placed_by,
                hold.channel,
                request.key if self.has_keys else str(hold.id),
                wish.digest,
                wish.owner_id if inventory.limits.second_hold != "allow" else None,
                hold.first_claimed_at,
                hold.expires_at,
                hold.starts_at,
                hold.ends_at,
                as_json(wish.description),
                hold.total,
            )
        )
        sheets.items += [
            (
                hold.inventory_id,
                hold.id,
                item.number,
                item.place,
                item.label,
                _slots_as_json(item.slots),
                _slots_as_json(item.counted_slots),
                item.amount,
            )
            for item in hold.items
        ]
        sheets.lines += [
            (
                hold.inventory_id,
                hold.id,
                position,
                line.item,
                line.kind,
                line.label,
                line.amount,
                line.tax_bps,
                line.inclusive,
            )
            for position, line in enumerate(wish.lines)
        ]

    def _log(
        self,
        hold: Any,  # noqa: ANN401 - a hold, or a row of one
        its_items: Iterable[Item | WantedItem],
        *,
        actor: Actor,
        action: str,
        reason: str | None = None,
    ) -> None:
        details: dict[str, Any] = {
            "inventory_id": str(hold.inventory_id),
            "places": [item.label for item in its_items],
        }
        if reason:
            details["reason"] = reason
        log_id = new_id()
        self.sheets.logs.append(
            (
                log_id,
                "hold",
                hold.id,
                actor.kind,
                actor.user_id,
                hold.provider_id,
                action,
                as_json(details),
                actor.request_id,
                self.now,
            )
        )
        if actor.address is not None:
            self.sheets.origins.append((log_id, actor.address))


def _held(request: Place, first_claimed_at: datetime, placed_at: datetime, until: datetime) -> Hold:
    wish, inventory = request.wish, request.inventory
    amounts = rules.amounts_of_items(wish.lines)
    return Hold(
        id=request.hold_id,
        inventory_id=inventory.id,
        product=inventory.product,
        provider_id=inventory.provider_id,
        owner_id=wish.owner_id,
        placed_by=wish.placed_by,
        channel=wish.channel,
        state="active",
        first_claimed_at=first_claimed_at,
        placed_at=placed_at,
        expires_at=until,
        ended_at=None,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        sold_starts_at=wish.starts_at,
        zone=inventory.zone,
        terms=inventory.terms,
        description=wish.description,
        currency=inventory.currency,
        total=rules.total_of(wish.lines),
        items=tuple(
            Item(
                number=number,
                place=item.place,
                label=item.label,
                slots=item.slots,
                counted_slots=item.counted_slots,
                amount=amounts.get(number, 0),
                state="kept",
            )
            for number, item in enumerate(wish.items)
        ),
        lines=wish.lines,
    )


def _slots_as_json(slots: tuple[int, ...]) -> str:
    return str([*slots]) if slots else "[]"
