"""Claim slots, until a moment or for good: the one place that writes claims.

All of it happens under the inventory's turn, so what was read still holds when it is written. The primary key and the
conditions in the statements stand under that all the same: a write that touches fewer rows than were decided raises
`ClaimLost`, and the transaction is undone as a whole.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.inventory.models import claims, counters, quantity_claims
from holdfast.kernel.inventory.turns import Turn
from holdfast.kernel.inventory.values import SalesClosed
from holdfast.kit.errors import Conflict

Kind = Literal["sale", "block"]


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a slot until when; `expires_at` None: for good."""

    slot: int
    hold_id: UUID
    kind: Kind
    expires_at: datetime | None

    def is_live(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(eq=False)
class ClaimLost(Conflict):
    """Somebody else took one of these places at the same moment."""

    slots: list[int]


async def read(turn: Turn, slots: Iterable[int]) -> dict[int, Claim]:
    """The claims on these slots, lapsed ones included."""
    rows = await turn.db.all(
        sa.select(claims.c.slot, claims.c.hold_id, claims.c.kind, claims.c.expires_at).where(
            claims.c.inventory_id == turn.inventory.id, claims.c.slot.in_(list(slots))
        )
    )
    return {row.slot: Claim(row.slot, row.hold_id, row.kind, row.expires_at) for row in rows}


async def take(
    turn: Turn,
    slots: Collection[int],
    *,
    hold_id: UUID,
    until: datetime | None,
    kind: Kind = "sale",
    instead_of: Collection[UUID] = (),
) -> None:
    """Claim slots that are free, lapsed, this hold's own, or of the holds `instead_of`; ClaimLost if any is not."""
    if not slots:
        return
    _refuse_archived(turn)
    guards = turn.db.database.guards
    # Sorted, so that two transactions that want the same slots never wait for each other in a circle.
    ordered = sorted(slots) if guards.stands("sorted") else list(slots)
    rows = [
        {"inventory_id": turn.inventory.id, "slot": slot, "hold_id": hold_id, "kind": kind, "expires_at": until}
        for slot in ordered
    ]
    statement = turn.db.insert(claims).values(rows)
    if guards.stands("pk"):
        statement = statement.on_conflict_do_update(
            index_elements=["inventory_id", "slot"],
            set_={"hold_id": hold_id, "kind": kind, "expires_at": until},
            where=sa.or_(claims.c.expires_at <= turn.now, claims.c.hold_id.in_([hold_id, *instead_of])),
        )
    got = {row.slot for row in await turn.db.all(statement.returning(claims.c.slot))}
    if len(got) != len(ordered):
        raise ClaimLost(sorted(set(ordered) - got))
    turn.show(ordered, "blocked" if kind == "block" else "sold" if until is None else "held", until=until)


async def move(turn: Turn, slots: Collection[int], *, hold_id: UUID, until: datetime) -> None:
    """Give this hold's claims another end."""
    touched = await turn.db.execute(
        sa.update(claims)
        .where(claims.c.inventory_id == turn.inventory.id, claims.c.slot.in_(slots), claims.c.hold_id == hold_id)
        .values(expires_at=until)
    )
    if touched != len(slots):
        raise ClaimLost(sorted(slots))
    turn.show(slots, "held", until=until)


async def release(turn: Turn, slots: Collection[int], *, hold_id: UUID) -> list[int]:
    """Give back what of these slots is still this hold's; the slots that became free by it, sorted."""
    if not slots:
        return []
    rows = await turn.db.all(
        sa.delete(claims)
        .where(claims.c.inventory_id == turn.inventory.id, claims.c.slot.in_(slots), claims.c.hold_id == hold_id)
        .returning(claims.c.slot)
    )
    freed = sorted(row.slot for row in rows)
    turn.show(freed, "free")
    return freed


async def take_quantities(
    turn: Turn,
    wanted: Mapping[int, int],
    *,
    hold_id: UUID,
    until: datetime | None,
    capacities: Mapping[int, int],
    kind: Kind = "sale",
) -> list[int]:
    """Claim so many of counted slots. Returns the slots that have too few left; then nothing was claimed.

    `capacities`: what a slot offers while no row of `counters` says otherwise. Lapsed claims are given back first.
    """
    if wanted:
        _refuse_archived(turn)
    for slot in sorted(wanted):
        await _ensure_counter(turn, slot, capacity=capacities[slot])
        await _give_back_lapsed(turn, slot, except_hold=hold_id)
    left = await _left(turn, wanted)
    short = [slot for slot, quantity in sorted(wanted.items()) if left[slot] < quantity]
    if short:
        return short
    for slot, quantity in sorted(wanted.items()):
        if not await _raise_taken(turn, slot, by=quantity):
            raise ClaimLost([slot])
    rows = [
        {
            "inventory_id": turn.inventory.id,
            "slot": slot,
            "hold_id": hold_id,
            "quantity": quantity,
            "kind": kind,
            "expires_at": until,
        }
        for slot, quantity in sorted(wanted.items())
    ]
    if rows:
        await turn.db.execute(sa.insert(quantity_claims).values(rows))
        turn.visible = True
    return []


async def quantities_of(turn: Turn, hold_id: UUID, slots: Collection[int]) -> dict[int, int]:
    """How much of each counted slot this hold still has."""
    rows = await turn.db.all(
        sa.select(quantity_claims.c.slot, quantity_claims.c.quantity).where(
            quantity_claims.c.inventory_id == turn.inventory.id,
            quantity_claims.c.slot.in_(slots),
            quantity_claims.c.hold_id == hold_id,
        )
    )
    return {row.slot: row.quantity for row in rows}


async def lacking(turn: Turn, wanted: Mapping[int, int], *, hold_id: UUID) -> dict[int, int]:
    """How many too few each counted slot has left for this; only those that have too few. Lapsed claims are free."""
    for slot in sorted(wanted):
        await _give_back_lapsed(turn, slot, except_hold=hold_id)
    left = await _left(turn, wanted) if wanted else {}
    return {slot: quantity - left[slot] for slot, quantity in wanted.items() if left[slot] < quantity}


async def holders(turn: Turn, slots: Collection[int]) -> set[UUID]:
    """The holds that claim some of these counted slots, and not for good."""
    rows = await turn.db.all(
        sa.select(quantity_claims.c.hold_id)
        .distinct()
        .where(
            quantity_claims.c.inventory_id == turn.inventory.id,
            quantity_claims.c.slot.in_(slots),
            quantity_claims.c.expires_at > turn.now,
        )
    )
    return {row.hold_id for row in rows}


async def move_quantities(turn: Turn, slots: Collection[int], *, hold_id: UUID, until: datetime | None) -> None:
    """Give this hold's quantity claims another end; None: for good."""
    touched = await turn.db.execute(
        sa.update(quantity_claims)
        .where(
            quantity_claims.c.inventory_id == turn.inventory.id,
            quantity_claims.c.slot.in_(slots),
            quantity_claims.c.hold_id == hold_id,
        )
        .values(expires_at=until)
    )
    if touched != len(slots):
        raise ClaimLost(sorted(slots))
    turn.visible = True


async def release_quantities(turn: Turn, given_back: Mapping[int, int], *, hold_id: UUID) -> dict[int, int]:
    """Give back so many of counted slots, no more than this hold still has; what was given back, by slot."""
    had = await quantities_of(turn, hold_id, list(given_back)) if given_back else {}
    freed = {slot: min(quantity, had[slot]) for slot, quantity in sorted(given_back.items()) if slot in had}
    for slot, quantity in freed.items():
        mine = sa.and_(
            quantity_claims.c.inventory_id == turn.inventory.id,
            quantity_claims.c.slot == slot,
            quantity_claims.c.hold_id == hold_id,
        )
        if quantity == had[slot]:
            await turn.db.execute(sa.delete(quantity_claims).where(mine))
        else:
            less = quantity_claims.c.quantity - quantity
            await turn.db.execute(sa.update(quantity_claims).where(mine).values(quantity=less))
        await _lower_taken(turn, slot, by=quantity)
    if freed:
        turn.visible = True
    return freed


async def set_capacity(turn: Turn, slot: int, capacity: int) -> bool:
    """Let a counted slot offer `capacity`; False where more than that is taken (the counter stays as it was)."""
    await _ensure_counter(turn, slot, capacity=capacity)
    touched = await turn.db.execute(
        sa.update(counters).where(_counter(turn, slot), counters.c.taken <= capacity).values(capacity=capacity)
    )
    return touched == 1


def count_sold(turn: Turn, *, more: int) -> None:
    """Raise (or lower) `sold`, and set or unset sold_out with it. Slots count once, counted ones by quantity."""
    sold = turn.inventory.sold + more
    state = turn.inventory.state
    if state == "on_sale" and sold >= turn.inventory.capacity and turn.inventory.limits.sells_out:
        state = "sold_out"
    elif state == "sold_out" and sold < turn.inventory.capacity:
        state = "on_sale"
    turn.set(sold=sold, state=state)


def _refuse_archived(turn: Turn) -> None:
    """What is archived never sells again (spec, kernel 11)."""
    if turn.inventory.archived_at is not None:
        raise SalesClosed(turn.inventory.state)


def _counter(turn: Turn, slot: int) -> sa.ColumnElement[bool]:
    return sa.and_(counters.c.inventory_id == turn.inventory.id, counters.c.slot == slot)


async def _ensure_counter(turn: Turn, slot: int, *, capacity: int) -> None:
    row = {"inventory_id": turn.inventory.id, "slot": slot, "capacity": capacity, "taken": 0}
    await turn.db.execute(turn.db.insert(counters).values(row).on_conflict_do_nothing())


async def _give_back_lapsed(turn: Turn, slot: int, *, except_hold: UUID) -> None:
    rows: Sequence[sa.Row[tuple[int]]] = await turn.db.all(
        sa.delete(quantity_claims)
        .where(
            quantity_claims.c.inventory_id == turn.inventory.id,
            quantity_claims.c.slot == slot,
            quantity_claims.c.expires_at <= turn.now,
            quantity_claims.c.hold_id != except_hold,
        )
        .returning(quantity_claims.c.quantity)
    )
    if rows:
        await _lower_taken(turn, slot, by=sum(row.quantity for row in rows))


async def _left(turn: Turn, slots: Iterable[int]) -> dict[int, int]:
    rows = await turn.db.all(
        sa.select(counters.c.slot, counters.c.capacity, counters.c.taken).where(
            counters.c.inventory_id == turn.inventory.id, counters.c.slot.in_(list(slots))
        )
    )
    return {row.slot: row.capacity - row.taken for row in rows}


async def _raise_taken(turn: Turn, slot: int, *, by: int) -> bool:
    touched = await turn.db.execute(
        sa.update(counters)
        .where(_counter(turn, slot), counters.c.taken + by <= counters.c.capacity)
        .values(taken=counters.c.taken + by)
    )
    return touched == 1


async def _lower_taken(turn: Turn, slot: int, *, by: int) -> None:
    await turn.db.execute(sa.update(counters).where(_counter(turn, slot)).values(taken=counters.c.taken - by))
