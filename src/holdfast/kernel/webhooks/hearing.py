"""Fan facts out: note, in the relay's transaction, which endpoints are to be told of which."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kernel.webhooks import rules
from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import Told


async def hear(db: Transaction, told: Sequence[Told], now: datetime) -> None:
    """Note for each endpoint that wants a fact, and may know of it, that it is to be sent: in the relay's transaction.

    A provider's endpoint hears what happens in its inventories or names it; the platform's own hear everything.
    """
    if not await db.scalar(sa.select(sa.exists().where(webhook_endpoints.c.state == "active"))):
        return
    inventories = {each.id: _inventory_of(each) for each in told}
    found = await inventory.find_many(db, [each for each in inventories.values() if each is not None])
    providers = {each.id: _provider_of(each, found) for each in told}
    rows = [
        waiting(endpoint_id, each, inventory_id=inventories[each.id], now=now)
        for endpoint_id, provider_id, facts in await _hearing(db, {each for each in providers.values() if each})
        for each in told
        if provider_id in {None, providers[each.id]} and rules.wants(facts, each.name)
    ]
    if rows:
        statement = db.insert(webhook_deliveries)
        await db.execute(statement.on_conflict_do_nothing(index_elements=["endpoint_id", "fact_id"]), rows)


def waiting(endpoint_id: UUID, told: Told, *, inventory_id: UUID | None, now: datetime) -> dict[str, Any]:
    """The row of a delivery that is to be made."""
    return {
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "fact_id": told.id,
        "fact": told.name,
        "version": told.version,
        "position": told.position,
        "inventory_id": inventory_id,
        "payload": dict(told.payload),
        "fact_at": told.at,
        "state": "waiting",
        "next_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _inventory_of(told: Told) -> UUID | None:
    if told.inventory_id is not None:
        return told.inventory_id
    named = told.payload.get("inventory_id")
    return None if named is None else UUID(named)


def _provider_of(told: Told, inventories: Mapping[UUID, inventory.Inventory]) -> UUID | None:
    named = rules.provider_named(told.payload)
    if named is not None:
        return UUID(named)
    inventory_id = _inventory_of(told)
    where = None if inventory_id is None else inventories.get(inventory_id)
    return None if where is None else where.provider_id


async def _hearing(
    db: Transaction, providers: Collection[UUID]
) -> list[tuple[UUID, UUID | None, tuple[str, ...] | None]]:
    e = webhook_endpoints.c
    rows = await db.all(
        sa.select(e.id, e.provider_id, e.facts).where(
            e.state == "active",
            e.deleted_at.is_(None),
            sa.or_(e.provider_id.is_(None), e.provider_id.in_(providers)),
        )
    )
    return [(row.id, row.provider_id, None if row.facts is None else tuple(row.facts)) for row in rows]
