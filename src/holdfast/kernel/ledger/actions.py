"""Post transfers, each cause and step once."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.ledger.models import ledger_accounts, ledger_entries
from holdfast.kernel.ledger.values import Account, Transfer
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id


async def post(
    db: Transaction,
    *,
    cause_kind: str,
    cause_id: UUID,
    transfers: Iterable[Transfer],
    currency: str,
    now: datetime,
) -> None:
    """Add one entry a transfer; those of nothing are left out. The database refuses a (cause, step) a second time."""
    journal = new_id()
    for transfer in transfers:
        assert transfer.amount >= 0
        if transfer.amount == 0:
            continue
        await db.execute(
            sa.insert(ledger_entries).values(
                id=new_id(),
                journal=journal,
                debit_account=await _account(db, transfer.debit, currency=currency, now=now),
                credit_account=await _account(db, transfer.credit, currency=currency, now=now),
                amount=transfer.amount,
                currency=currency,
                cause_kind=cause_kind,
                cause_id=cause_id,
                step=transfer.step,
                posted_at=now,
            )
        )


async def _account(db: Transaction, account: Account, *, currency: str, now: datetime) -> UUID:
    this = sa.select(ledger_accounts.c.id).where(
        ledger_accounts.c.kind == account.kind,
        ledger_accounts.c.holder == account.holder,
        ledger_accounts.c.currency == currency,
    )
    found: UUID | None = await db.scalar(this)
    if found is None:
        row = {"id": new_id(), "kind": account.kind, "holder": account.holder, "currency": currency, "created_at": now}
        await db.execute(db.insert(ledger_accounts).values(row).on_conflict_do_nothing())
        found = await db.scalar(this)
    assert found is not None
    return found
