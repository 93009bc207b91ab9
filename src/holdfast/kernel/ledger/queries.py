"""Read balances: always from the entries alone."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.ledger.models import ledger_accounts, ledger_entries
from holdfast.kernel.ledger.values import Balance, Flow, Movement, Statement
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


async def statements(db: Reader, *, since: datetime, before: datetime, holder: str | None = None) -> list[Statement]:
    """Every account over [since, before): debits less credits before it, and what came on either side within."""
    within = sa.and_(ledger_entries.c.posted_at >= since, ledger_entries.c.posted_at < before)
    sides = []
    for side, sign in (("debit_account", 1), ("credit_account", -1)):
        sides.append(
            sa.select(
                ledger_entries.c[side].label("account"),
                sa.func.sum(
                    sa.case((ledger_entries.c.posted_at < since, sign * ledger_entries.c.amount), else_=0)
                ).label("opening"),
                sa.func.sum(sa.case((within, ledger_entries.c.amount), else_=0)).label("moved"),
                sa.literal(sign).label("sign"),
            )
            .where(ledger_entries.c.posted_at < before)
            .group_by(ledger_entries.c[side])
        )
    both = sa.union_all(*sides).subquery()
    debits = sa.func.sum(sa.case((both.c.sign == 1, both.c.moved), else_=0))
    credits_ = sa.func.sum(sa.case((both.c.sign == -1, both.c.moved), else_=0))
    accounts = ledger_accounts.c
    statement = (
        sa.select(
            accounts.kind,
            accounts.holder,
            accounts.currency,
            sa.func.sum(both.c.opening).label("opening"),
            debits.label("debits"),
            credits_.label("credits"),
        )
        .join(both, both.c.account == accounts.id)
        .group_by(accounts.kind, accounts.holder, accounts.currency)
        .order_by(accounts.currency, accounts.kind, accounts.holder)
    )
    if holder is not None:
        statement = statement.where(accounts.holder == holder)
    return [
        Statement(row.kind, row.holder, row.currency, int(row.opening), int(row.debits), int(row.credits))
        for row in await db.all(statement)
    ]


async def flows(db: Reader, *, since: datetime, before: datetime, holder: str | None = None) -> list[Flow]:
    """What moved over [since, before), by step and kinds of account; of one holder: what touched their accounts."""
    debit, credit = ledger_accounts.alias("debit"), ledger_accounts.alias("credit")
    entries = ledger_entries.c
    keys = (entries.currency, entries.step, debit.c.kind.label("debit_kind"), credit.c.kind.label("credit_kind"))
    statement = (
        sa.select(*keys, sa.func.sum(entries.amount).label("amount"), sa.func.count().label("entries"))
        .join(debit, debit.c.id == entries.debit_account)
        .join(credit, credit.c.id == entries.credit_account)
        .where(entries.posted_at >= since, entries.posted_at < before)
        .group_by(entries.currency, entries.step, debit.c.kind, credit.c.kind)
        .order_by(entries.currency, entries.step, debit.c.kind, credit.c.kind)
    )
    if holder is not None:
        statement = statement.where(sa.or_(debit.c.holder == holder, credit.c.holder == holder))
    return [
        Flow(row.step, row.debit_kind, row.credit_kind, row.currency, int(row.amount), row.entries)
        for row in await db.all(statement)
    ]


async def total_of(
    db: Reader,
    steps: Sequence[str],
    *,
    since: datetime,
    before: datetime,
    causes: sa.Select[tuple[UUID]] | None = None,
) -> dict[str, int]:
    """What these steps posted over [since, before), by currency; `causes`: only what these caused."""
    entries = ledger_entries.c
    statement = (
        sa.select(entries.currency, sa.func.sum(entries.amount).label("amount"))
        .where(entries.step.in_(steps), entries.posted_at >= since, entries.posted_at < before)
        .group_by(entries.currency)
    )
    if causes is not None:
        statement = statement.where(entries.cause_id.in_(causes))
    return {row.currency: int(row.amount) for row in await db.all(statement)}


async def posted(db: Reader, *, cause_kind: str, cause_id: UUID) -> list[tuple[str, int]]:
    """(step, amount) of what a cause has posted, in the order of posting."""
    rows = await db.all(
        sa.select(ledger_entries.c.step, ledger_entries.c.amount)
        .where(ledger_entries.c.cause_kind == cause_kind, ledger_entries.c.cause_id == cause_id)
        .order_by(ledger_entries.c.id)
    )
    return [(row.step, row.amount) for row in rows]
