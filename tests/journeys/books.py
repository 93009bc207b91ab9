"""What our own books say of the bank."""

import sqlalchemy as sa

from holdfast.kernel.ledger.models import ledger_accounts, ledger_entries
from holdfast.kernel.refunds.models import refunds
from holdfast.kit.db import Database
from holdfast.kit.money import Money
from tests.journeys.bank import Entry


async def clearing(database: Database) -> set[Entry]:
    """Every movement of money through the gateway's account in the ledger."""
    entries = ledger_entries.c
    at_gateway = sa.select(ledger_accounts.c.id).where(ledger_accounts.c.kind == "gateway_clearing")
    statement = (
        sa.select(entries.cause_kind, entries.cause_id, entries.currency, sa.func.sum(entries.amount).label("amount"))
        .where(
            sa.or_(
                sa.and_(entries.cause_kind == "payment", entries.debit_account.in_(at_gateway)),
                sa.and_(entries.cause_kind == "refund", entries.credit_account.in_(at_gateway)),
            )
        )
        .group_by(entries.cause_kind, entries.cause_id, entries.currency)
    )
    async with database.reader() as db:
        rows = await db.all(statement)
    return {(row.cause_kind, row.cause_id, Money(int(row.amount), row.currency).amount, row.currency) for row in rows}


async def count_pending_refunds(database: Database) -> int:
    async with database.reader() as db:
        found: int = await db.scalar(sa.select(sa.func.count()).where(refunds.c.status == "pending"))
    return found
