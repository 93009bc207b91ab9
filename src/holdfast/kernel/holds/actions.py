"""Place a hold, and end it: by its owner, by staff, by time. All of it under the inventory's turn.

This is the plain path, one transaction a hold. See docs/holds.md for the order of its steps and why.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import queries, rules
from holdfast.kernel.holds.models import holds, items, price_lines
from holdfast.kernel.holds.values import (
    AlreadyHolding,
    CoolingDown,
    Hold,
    HoldLapsed,
    HoldPlaced,
    HoldReleased,
    Item,
    Wish,
)
from holdfast.kernel.inventory import (
    ClaimLost,
    Clocks,
    Turn,
    claims,
    turn,
)
from holdfast.kit import ids
from holdfast.kit.db import Transaction
from holdfast.kit.idempotency import KeyReused


async def place(db: Transaction, wish: Wish, *, actor: Actor, clocks: Clocks) -> tuple[Hold, bool]:
    """Hold what is wished, all or nothing: (the hold, whether it is the first answer again for the same key).

    Raises SlotsTaken (naming what is gone), AlreadyHolding, CoolingDown, SalesClosed, OccurrenceCancelled,
    OfferChanged (priced by an older version: price again), KeyReused, TooManyItems, NoItems, SamePlaceTwice.
    """
    async with turn(db, wish.inventory_id) as taken:
        inventory, now = taken.inventory, taken.now
        first = await _first_answer(taken, wish)
        if first is not None:
            return first, True
        rules.refuse_unless_selling(inventory, wish, now=now)
        rules.refuse_malformed(wish.items, limits=inventory.limits)
        standing = await _standing_hold(taken, wish)
        await _refuse_while_cooling_down(taken, wish, clocks=clocks)

        hold_id = ids.new_id()
        first_claimed_at = standing.first_claimed_at if standing else now
        until = rules.first_end(first_claimed_at=first_claimed_at, now=now, limits=inventory.limits, clocks=clocks)
        if until <= now:
            raise CoolingDown(rules.seconds_until(now + clocks.chain_gap, now=now))
        await _claim(taken, wish, hold_id=hold_id, until=until, standing=standing)
        if standing is not None:
            await _end(taken, standing, state="cancelled")
            await _log(taken, standing, actor=actor, action="hold_replaced")
        hold = await _write(taken, wish, hold_id=hold_id, first_claimed_at=first_claimed_at, until=until)
        await _log(taken, hold, actor=actor, action="hold_placed")
        taken.tell(HoldPlaced(hold.id, hold.inventory_id, hold.product, hold.owner_id))
        return hold, False


async def expire(taken: Turn, hold: Hold) -> bool:
    """End an active hold whose moment has passed; False where it is not so any more."""
    if not await _end(taken, hold, state="expired", only_lapsed=True):
        return False
    await release_claims(taken, hold)
    await _log(taken, hold, actor=Actor.system(), action="hold_expired")
    taken.tell(HoldLapsed(hold.id, hold.inventory_id, hold.product, hold.owner_id))
    return True


async def release(taken: Turn, hold: Hold, *, actor: Actor, reason: str | None = None) -> bool:
    """End an active hold before its time; False where it has ended already."""
    if not await _end(taken, hold, state="cancelled"):
        return False
    await release_claims(taken, hold)
    await _log(taken, hold, actor=actor, action="hold_released", reason=reason)
    taken.tell(HoldReleased(hold.id, hold.inventory_id, hold.product, hold.owner_id))
    return True


async def convert(taken: Turn, hold: Hold, *, until: datetime) -> None:
    """Its booking is pending from now on; its clock moves to `until`."""
    await _update(taken, hold, state="converted", expires_at=until)
    if until != hold.expires_at:
        await move_claims(taken, hold, until=until)


async def extend(taken: Turn, hold: Hold, *, until: datetime) -> bool:
    """Move its clock once, after a failed payment; False where that was done before."""
    touched = await taken.db.execute(
        sa.update(holds).where(_row(hold), holds.c.is_extended.is_(False)).values(expires_at=until, is_extended=True)
    )
    if touched:
        await move_claims(taken, hold, until=until)
    return touched == 1


async def settle(taken: Turn, hold: Hold, *, paid: bool) -> None:
    """Its booking is confirmed (`paid`) or has ended unpaid: nobody holds it live any more."""
    values = {"live_owner": None, "paid_at" if paid else "ended_at": taken.now}
    await _update(taken, hold, **values)


async def release_claims(taken: Turn, hold: Hold, *, only: Iterable[Item] | None = None) -> int:
    """Free what its kept items (or `only` these) still claim; how many slots, counted ones by quantity."""
    given_up = hold.kept if only is None else tuple(only)
    slots = [slot for item in given_up for slot in item.slots]
    freed = await claims.release(taken, slots, hold_id=hold.id)
    counted = Counter(slot for item in given_up for slot in item.counted_slots)
    freed_counted = await claims.release_quantities(taken, counted, hold_id=hold.id)
    return len(freed) + sum(freed_counted.values())


async def move_claims(taken: Turn, hold: Hold, *, until: datetime) -> None:
    """Let its claims end at `until`."""
    slots = [slot for item in hold.kept for slot in item.slots]
    if slots:
        await claims.move(taken, slots, hold_id=hold.id, until=until)
    counted = {slot for item in hold.kept for slot in item.counted_slots}
    if counted:
        await claims.move_quantities(taken, counted, hold_id=hold.id, until=until)


async def cancel_items(taken: Turn, hold: Hold, numbers: Sequence[int]) -> None:
    """These items are kept no more; the caller has freed or is freeing their claims."""
    for number in sorted(numbers):
        touched = await taken.db.execute(
            sa.update(items)
            .where(
                items.c.inventory_id == hold.inventory_id,
                items.c.hold_id == hold.id,
                items.c.number == number,
                items.c.state == "kept",
            )
            .values(state="cancelled")
        )
        assert touched == 1


async def shift(taken: Turn, *, by: timedelta, last_end: datetime) -> int:
    """Move the start and end of everything held or sold here; how many holds.

    What ends with the occurrence itself ends with it still: at `last_end`.
    """
    rows = await taken.db.all(
        sa.select(holds.c.id, holds.c.starts_at, holds.c.ends_at).where(
            holds.c.inventory_id == taken.inventory.id, holds.c.state.in_(("active", "converted"))
        )
    )
    for row in rows:
        await taken.db.execute(
            sa.update(holds)
            .where(holds.c.inventory_id == taken.inventory.id, holds.c.id == row.id)
            .values(
                starts_at=row.starts_at + by,
                ends_at=last_end if row.ends_at == taken.inventory.ends_at else row.ends_at + by,
            )
        )
    return len(rows)


async def blank_keys(db: Transaction, owner_id: UUID) -> int:
    """Take away the keys that somebody's clients made up, which may say anything; how many. A repeat comes no more."""
    theirs = sa.update(holds).where(holds.c.owner_id == owner_id)
    return await db.execute(theirs.values(key=sa.cast(holds.c.id, sa.String(255))))


async def _first_answer(taken: Turn, wish: Wish) -> Hold | None:
    if wish.key is None or not taken.db.database.guards.stands("key"):
        return None
    found = await queries.by_key(taken.db, inventory_id=wish.inventory_id, placed_by=wish.placed_by, key=wish.key)
    if found is None:
        return None
    hold_id, digest = found
    if digest != wish.digest:
        raise KeyReused
    return await queries.find(taken.db, hold_id)


async def _standing_hold(taken: Turn, wish: Wish) -> Hold | None:
    """The owner's live hold that this one replaces; clears one that has lapsed."""
    if wish.owner_id is None or taken.inventory.limits.second_hold == "allow":
        return None
    standing = await queries.with_live_owner(taken.db, inventory_id=wish.inventory_id, owner_id=wish.owner_id)
    if standing is None:
        return None
    if rules.is_live(standing, now=taken.now):
        if taken.inventory.limits.second_hold == "refuse" or standing.state == "converted":
            raise AlreadyHolding(standing.id, standing.expires_at)
        return standing
    if standing.state == "active":
        await expire(taken, standing)
    else:  # its pending booking is the sweeper's to tidy; the owner need not wait for that
        await _update(taken, standing, live_owner=None)
    return None


async def _refuse_while_cooling_down(taken: Turn, wish: Wish, *, clocks: Clocks) -> None:
    if wish.owner_id is None:
        return
    limits = taken.inventory.limits
    since = taken.now - clocks.scaled(rules.CHAIN_LOOKED_BACK)
    stretches = await queries.unpaid_stretches(
        taken.db, inventory_id=wish.inventory_id, owner_id=wish.owner_id, since=since, now=taken.now
    )
    until = rules.cooling_until(stretches, now=taken.now, limits=limits, clocks=clocks)
    if until is not None:
        raise CoolingDown(rules.seconds_until(until, now=taken.now))


async def _claim(taken: Turn, wish: Wish, *, hold_id: UUID, until: datetime, standing: Hold | None) -> None:
    """Take every slot of the wish or raise SlotsTaken; what `standing` claims beyond it is given back."""
    wanted = {slot: item for item in wish.items for slot in item.slots}
    instead_of = [] if standing is None else [standing.id]
    found = await claims.read(taken, wanted)
    gone = [slot for slot, claim in found.items() if claim.is_live(taken.now) and claim.hold_id not in instead_of]
    if gone:
        raise rules.slots_taken([wanted[slot] for slot in gone], serial=taken.inventory.serial)
    try:
        await claims.take(taken, list(wanted), hold_id=hold_id, until=until, instead_of=instead_of)
    except ClaimLost as lost:
        raise rules.slots_taken([wanted[slot] for slot in lost.slots], serial=taken.inventory.serial) from lost
    if standing is not None:
        await release_claims(taken, standing)
    counted = Counter(slot for item in wish.items for slot in item.counted_slots)
    if counted:
        short = await claims.take_quantities(taken, counted, hold_id=hold_id, until=until, capacities=wish.capacities)
        if short:
            raise rules.slots_taken(
                [item for item in wish.items if set(item.counted_slots) & set(short)], serial=taken.inventory.serial
            )


async def _write(taken: Turn, wish: Wish, *, hold_id: UUID, first_claimed_at: datetime, until: datetime) -> Hold:
    inventory, db = taken.inventory, taken.db
    await db.execute(
        sa.insert(holds).values(
            inventory_id=inventory.id,
            id=hold_id,
            product=inventory.product,
            provider_id=inventory.provider_id,
            owner_id=wish.owner_id,
            placed_by=wish.placed_by,
            channel=wish.channel,
            state="active",
            key=wish.key if wish.key is not None and db.database.guards.stands("key") else str(hold_id),
            digest=wish.digest,
            live_owner=wish.owner_id if inventory.limits.second_hold != "allow" else None,
            first_claimed_at=first_claimed_at,
            placed_at=taken.now,
            expires_at=until,
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            sold_starts_at=wish.starts_at,
            zone=inventory.zone,
            terms=inventory.terms.to_json(),
            description=dict(wish.description),
            currency=inventory.currency,
            total=rules.total_of(wish.lines),
        )
    )
    amounts = rules.amounts_of_items(wish.lines)
    await db.execute(
        sa.insert(items),
        [
            {
                "inventory_id": inventory.id,
                "hold_id": hold_id,
                "number": number,
                "place": item.place,
                "label": item.label,
                "slots": list(item.slots),
                "counted_slots": list(item.counted_slots),
                "amount": amounts.get(number, 0),
                "state": "kept",
            }
            for number, item in enumerate(wish.items)
        ],
    )
    if wish.lines:
        await db.execute(
            sa.insert(price_lines),
            [
                {
                    "inventory_id": inventory.id,
                    "hold_id": hold_id,
                    "position": position,
                    "item_number": line.item,
                    "kind": line.kind,
                    "label": line.label,
                    "amount": line.amount,
                    "tax_bps": line.tax_bps,
                    "inclusive": line.inclusive,
                }
                for position, line in enumerate(wish.lines)
            ],
        )
    return await queries.find(db, hold_id)


async def _end(taken: Turn, hold: Hold, *, state: Literal["expired", "cancelled"], only_lapsed: bool = False) -> bool:
    values = {"state": state, "live_owner": None, "ended_at": taken.now}
    statement = sa.update(holds).where(_row(hold)).values(**values)
    if taken.db.database.guards.stands("state_recheck"):
        statement = statement.where(holds.c.state == "active")
        if only_lapsed:
            statement = statement.where(holds.c.expires_at <= taken.now)
    return await taken.db.execute(statement) == 1


async def _update(taken: Turn, hold: Hold, **values: object) -> None:
    touched = await taken.db.execute(sa.update(holds).where(_row(hold)).values(**values))
    assert touched == 1


def _row(hold: Hold) -> sa.ColumnElement[bool]:
    return sa.and_(holds.c.inventory_id == hold.inventory_id, holds.c.id == hold.id)


async def _log(taken: Turn, hold: Hold, *, actor: Actor, action: str, reason: str | None = None) -> None:
    details = {"inventory_id": str(hold.inventory_id), "places": [item.label for item in hold.items]}
    if reason:
        details["reason"] = reason
    await audit.record(
        taken.db,
        actor=actor,
        action=action,
        entity_type="hold",
        entity_id=hold.id,
        provider_id=hold.provider_id,
        details=details,
        now=taken.now,
    )
