"""Prove lines 1 to 8 of the safety contract on a live database, in one snapshot (and the order of changes, line 10)."""

import sqlalchemy as sa

from holdfast.kernel import (
    audit,
    bookings,
    complaints,
    holds,
    inventory,
    ledger,
    notifications,
    payments,
    refunds,
    tickets,
    webhooks,
)
from holdfast.kit import checks, clock
from holdfast.kit.checks import Breach, Check
from holdfast.kit.db import Database

CHECKS: tuple[Check, ...] = (
    *inventory.CHECKS,
    *holds.CHECKS,
    *bookings.CHECKS,
    *tickets.CHECKS,
    *payments.CHECKS,
    *refunds.CHECKS,
    *ledger.CHECKS,
    *audit.CHECKS,
    *notifications.CHECKS,
    *complaints.CHECKS,
    *webhooks.CHECKS,
)


async def check(database: Database) -> list[Breach]:
    """Every breach, by line of the contract; none on a database that is as it must be."""
    async with database.snapshot() as db:
        if db.dialect == "postgresql":  # a whole database takes longer to read than any request may
            await db.scalar(sa.select(sa.func.set_config("statement_timeout", "0", True)))  # noqa: FBT003
        now = await clock.moment(db)
        found = [breach for each in CHECKS for breach in await checks.breaches(db, each, now=now)]
        found += await audit.chain_breaches(db)
    return sorted(found, key=lambda breach: (breach.line, breach.name))
