"""What must never be found among refunds (spec, the safety contract, lines 6, 7 and 8)."""

import sqlalchemy as sa

from holdfast.kernel.refunds.models import refunds
from holdfast.kit import checks
from holdfast.kit.checks import Check

#: Tables of other features, looked at for what their verbs would never do.
_payments = sa.table(
    "payments",
    *(sa.column(name) for name in ("inventory_id", "id", "captured", "captured_currency", "refund_reserved")),
)
_entries = sa.table(
    "ledger_entries",
    *(
        sa.column(name)
        for name in ("cause_kind", "cause_id", "step", "amount", "currency", "debit_account", "credit_account")
    ),
)
_accounts = sa.table("ledger_accounts", sa.column("id"), sa.column("kind"))
_LOGGED = {
    "pending": ("refund_issued", "refund_tried_again"),
    "processed": ("refund_processed",),
    "failed": ("refund_failed",),
}

_under_way = (
    sa.select(refunds.c.inventory_id, refunds.c.payment_id, sa.func.sum(refunds.c.amount).label("amount"))
    .where(refunds.c.status != "failed")
    .group_by(refunds.c.inventory_id, refunds.c.payment_id)
    .subquery("under_way")
)
_refunded = sa.func.coalesce(_under_way.c.amount, 0)

_too_much = (
    sa.select(
        _payments.c.inventory_id,
        _payments.c.id.label("payment_id"),
        _payments.c.captured,
        _payments.c.refund_reserved,
        _refunded.label("refunded"),
    )
    .outerjoin(
        _under_way,
        sa.and_(_under_way.c.inventory_id == _payments.c.inventory_id, _under_way.c.payment_id == _payments.c.id),
    )
    .where(sa.or_(_refunded > _payments.c.captured, _refunded != _payments.c.refund_reserved))
)

_other_currency = (
    sa.select(refunds.c.id.label("refund_id"), refunds.c.currency, _payments.c.captured_currency)
    .join(
        _payments,
        sa.and_(_payments.c.inventory_id == refunds.c.inventory_id, _payments.c.id == refunds.c.payment_id),
    )
    .where(refunds.c.currency != _payments.c.captured_currency)
)


def _posted_otherwise(
    name: str, step: sa.ColumnElement[bool], due: sa.ColumnElement[int]
) -> sa.Select[tuple[object, ...]]:
    posted = (
        sa.select(_entries.c.cause_id, _entries.c.currency, sa.func.sum(_entries.c.amount).label("amount"))
        .where(_entries.c.cause_kind == "refund", step)
        .group_by(_entries.c.cause_id, _entries.c.currency)
        .subquery(name)
    )
    return (
        sa.select(refunds.c.id.label("refund_id"), due.label("due"), posted.c.amount.label("posted"))
        .outerjoin(posted, sa.and_(posted.c.cause_id == refunds.c.id, posted.c.currency == refunds.c.currency))
        .where(due != sa.func.coalesce(posted.c.amount, 0))
    )


_owed = _posted_otherwise("owed", _entries.c.step.like("owed:%"), refunds.c.amount)
_paid_back = _posted_otherwise(
    "paid_back",
    _entries.c.step == "paid_back",
    sa.case((refunds.c.status == "processed", refunds.c.amount), else_=0),
)

_signed = sa.union_all(
    sa.select(_entries.c.credit_account.label("account"), _entries.c.currency, _entries.c.amount),
    sa.select(_entries.c.debit_account.label("account"), _entries.c.currency, -_entries.c.amount),
).subquery("signed")
_payable = (
    sa.select(_signed.c.currency, sa.func.sum(_signed.c.amount).label("amount"))
    .join(_accounts, _accounts.c.id == _signed.c.account)
    .where(_accounts.c.kind == "refunds_payable")
    .group_by(_signed.c.currency)
    .subquery("payable")
)
_open = (
    sa.select(refunds.c.currency, sa.func.sum(refunds.c.amount).label("amount"))
    .where(refunds.c.status != "processed")
    .group_by(refunds.c.currency)
    .subquery("open")
)
_owed_now = sa.func.coalesce(_open.c.amount, 0)
#: Balances are derived from entries alone, and say the same as the refunds.
_payable_is_not_what_is_owed = (
    sa.select(
        _payable.c.currency, _payable.c.amount.label("balance"), sa.func.coalesce(_open.c.amount, 0).label("owed")
    )
    .outerjoin(_open, _open.c.currency == _payable.c.currency)
    .where(_payable.c.amount != sa.func.coalesce(_open.c.amount, 0))
)

CHECKS = (
    Check(6, "refunds_are_not_what_is_reserved_or_captured", _too_much),
    Check(6, "refund_in_another_currency", _other_currency),
    Check(7, "refund_not_in_the_ledger", _owed),
    Check(7, "payment_back_not_in_the_ledger", _paid_back),
    Check(7, "refunds_payable_is_not_what_is_owed", _payable_is_not_what_is_owed),
    Check(
        8,
        "refund_status_not_logged",
        checks.unlogged(refunds, entity_type="refund", state=refunds.c.status, actions=_LOGGED),
    ),
)
