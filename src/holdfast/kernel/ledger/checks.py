"""What must never be found in the books (spec, the safety contract, line 7)."""

import sqlalchemy as sa

from holdfast.kernel.ledger.models import ledger_accounts, ledger_entries
from holdfast.kit import checks
from holdfast.kit.checks import Check

_debit, _credit = ledger_accounts.alias("debit"), ledger_accounts.alias("credit")

_unbalanced = (
    sa.select(ledger_entries.c.id.label("entry_id"), ledger_entries.c.step, ledger_entries.c.amount)
    .outerjoin(
        _debit,
        sa.and_(_debit.c.id == ledger_entries.c.debit_account, _debit.c.currency == ledger_entries.c.currency),
    )
    .outerjoin(
        _credit,
        sa.and_(_credit.c.id == ledger_entries.c.credit_account, _credit.c.currency == ledger_entries.c.currency),
    )
    .where(
        sa.or_(
            _debit.c.id.is_(None),
            _credit.c.id.is_(None),
            _debit.c.id == _credit.c.id,
            ledger_entries.c.amount <= 0,
        )
    )
)

_posted_twice = (
    sa.select(ledger_entries.c.cause_kind, ledger_entries.c.cause_id, ledger_entries.c.step)
    .group_by(ledger_entries.c.cause_kind, ledger_entries.c.cause_id, ledger_entries.c.step)
    .having(sa.func.count() > 1)
)

_signed = sa.union_all(
    sa.select(ledger_entries.c.credit_account.label("account"), ledger_entries.c.amount),
    sa.select(ledger_entries.c.debit_account.label("account"), -ledger_entries.c.amount),
).subquery("signed")

#: What a provider has pending was captured for it; no more than that is earned or goes back.
_overdrawn = (
    sa.select(ledger_accounts.c.kind, ledger_accounts.c.holder, sa.func.sum(_signed.c.amount).label("balance"))
    .join(_signed, _signed.c.account == ledger_accounts.c.id)
    .where(ledger_accounts.c.kind.in_(("provider_pending", "refunds_payable")))
    .group_by(ledger_accounts.c.id, ledger_accounts.c.kind, ledger_accounts.c.holder)
    .having(sa.func.sum(_signed.c.amount) < 0)
)

CHECKS = (
    Check(7, "entry_is_no_transfer_between_two_accounts_of_its_currency", _unbalanced),
    Check(7, "posted_twice", _posted_twice),
    Check(7, "account_overdrawn", _overdrawn),
    *checks.append_only_stands("ledger_entries", line=7),
    *checks.append_only_stands("ledger_accounts", line=7),
)
