"""Read balances: always from the entries alone."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.ledger.models import ledger_accounts, ledger_entries
from holdfast.kernel.ledger.values import Balance, Movement
from holdfast.kit.db import Reader


async def balances(db: Reader, *, kind: str | None = None, holder: str | None = None) -> list[Balance]:
    """Every account's balance, by kind, holder and currency."""
    debits = (
        sa.select(ledger_entries.c.debit_account.label("account"), sa.func.sum(ledger_entries.c.amount).label("total"))
        .group_by(ledger_entries.c.debit_account)
        .subquery()
    )
    credits_ = (
        sa.select(ledger_entries.c.credit_account.label("account"), sa.func.sum(ledger_entries.c.amount).label("total"))
        .group_by(ledger_entries.c.credit_account)
        .subquery()
    )
    statement = (
        sa.select(
            ledger_accounts,
            sa.func.coalesce(debits.c.total, 0).label("debits"),
            sa.func.coalesce(credits_.c.total, 0).label("credits"),
        )
        .outerjoin(debits, debits.c.account == ledger_accounts.c.id)
        .outerjoin(credits_, credits_.c.account == ledger_accounts.c.id)
        .order_by(ledger_accounts.c.kind, ledger_accounts.c.holder, ledger_accounts.c.currency)
    )
    if kind is not None:
        statement = statement.where(ledger_accounts.c.kind == kind)
    if holder is not None:
        statement = statement.where(ledger_accounts.c.holder == holder)
    return [
        Balance(row.id, row.kind, row.holder, row.currency, int(row.debits), int(row.credits))
        for row in await db.all(statement)
    ]


async def movements(db: Reader, *, since: datetime) -> list[Movement]:
    """Every entry since a moment, with the kinds of its accounts."""
    debit, credit = ledger_accounts.alias("debit"), ledger_accounts.alias("credit")
    rows = await db.all(
        sa.select(
            ledger_entries.c.step,
            ledger_entries.c.amount,
            ledger_entries.c.currency,
            ledger_entries.c.posted_at,
            debit.c.kind.label("debit_kind"),
            credit.c.kind.label("credit_kind"),
        )
        .join(debit, debit.c.id == ledger_entries.c.debit_account)
        .join(credit, credit.c.id == ledger_entries.c.credit_account)
        .where(ledger_entries.c.posted_at >= since)
    )
    return [
        Movement(row.step, row.debit_kind, row.credit_kind, row.amount, row.currency, row.posted_at) for row in rows
    ]


async def posted(db: Reader, *, cause_kind: str, cause_id: UUID) -> list[tuple[str, int]]:
    """(step, amount) of what a cause has posted, in the order of posting."""
    rows = await db.all(
        sa.select(ledger_entries.c.step, ledger_entries.c.amount)
        .where(ledger_entries.c.cause_kind == cause_kind, ledger_entries.c.cause_id == cause_id)
        .order_by(ledger_entries.c.id)
    )
    return [(row.step, row.amount) for row in rows]
