"""What must never be found among payments (spec, the safety contract, lines 5, 7 and 8)."""

import sqlalchemy as sa

from holdfast.kernel.payments.models import payment_allocations, payments
from holdfast.kernel.payments.values import PAID, STATUSES, UNPAID
from holdfast.kit import checks
from holdfast.kit.checks import Check

#: Tables of other features, looked at for what their verbs would never do.
_refunds = sa.table(
    "refunds", *(sa.column(name) for name in ("inventory_id", "payment_id", "cancellation_id", "amount"))
)
_entries = sa.table(
    "ledger_entries", *(sa.column(name) for name in ("cause_kind", "cause_id", "step", "amount", "currency"))
)
_bookings = sa.table("bookings", *(sa.column(name) for name in ("inventory_id", "id", "confirmed_at")))
_IN = ("fare", "platform_fee", "service_fee", "unusable")

_allocated = (
    sa.select(
        payment_allocations.c.inventory_id,
        payment_allocations.c.payment_id,
        sa.func.count().label("bookings"),
        sa.func.sum(payment_allocations.c.amount).label("amount"),
    )
    .join(
        _bookings,
        sa.and_(
            _bookings.c.inventory_id == payment_allocations.c.inventory_id,
            _bookings.c.id == payment_allocations.c.booking_id,
            _bookings.c.confirmed_at.is_not(None),
        ),
    )
    .group_by(payment_allocations.c.inventory_id, payment_allocations.c.payment_id)
    .subquery("allocated")
)
#: Refunds that no cancellation asked for: of money that could not be used. Failed ones count, for they are owed.
_sent_back = (
    sa.select(_refunds.c.inventory_id, _refunds.c.payment_id, sa.func.sum(_refunds.c.amount).label("amount"))
    .where(_refunds.c.cancellation_id.is_(None))
    .group_by(_refunds.c.inventory_id, _refunds.c.payment_id)
    .subquery("sent_back")
)
_bookings_paid = sa.func.coalesce(_allocated.c.bookings, 0)
_returned = sa.func.coalesce(_sent_back.c.amount, 0)

_unaccounted = (
    sa.select(
        payments.c.inventory_id,
        payments.c.id.label("payment_id"),
        payments.c.captured,
        sa.func.coalesce(_allocated.c.amount, 0).label("allocated"),
        _returned.label("sent_back"),
    )
    .outerjoin(
        _allocated,
        sa.and_(_allocated.c.inventory_id == payments.c.inventory_id, _allocated.c.payment_id == payments.c.id),
    )
    .outerjoin(
        _sent_back,
        sa.and_(_sent_back.c.inventory_id == payments.c.inventory_id, _sent_back.c.payment_id == payments.c.id),
    )
    .where(
        payments.c.status.in_(PAID),
        ~sa.and_(_bookings_paid == 1, sa.func.coalesce(_allocated.c.amount, 0) == payments.c.captured, _returned == 0),
        ~sa.and_(_bookings_paid == 0, _returned == payments.c.captured),
    )
)

_captured_unpaid = sa.select(
    payments.c.inventory_id, payments.c.id.label("payment_id"), payments.c.status, payments.c.captured
).where(
    payments.c.status.in_(UNPAID),
    sa.or_(
        payments.c.captured != 0,
        sa.exists()
        .where(
            payment_allocations.c.inventory_id == payments.c.inventory_id,
            payment_allocations.c.payment_id == payments.c.id,
        )
        .correlate(payments),
    ),
)


def _posted(name: str, *steps: str) -> sa.Subquery:
    return (
        sa.select(_entries.c.cause_id, _entries.c.currency, sa.func.sum(_entries.c.amount).label("amount"))
        .where(_entries.c.cause_kind == "payment", _entries.c.step.in_(steps))
        .group_by(_entries.c.cause_id, _entries.c.currency)
        .subquery(name)
    )


def _posted_otherwise(posted: sa.Subquery, expected: sa.ColumnElement[int]) -> sa.Select[tuple[object, ...]]:
    due = sa.case((payments.c.status.in_(PAID), expected), else_=0)
    return (
        sa.select(payments.c.id.label("payment_id"), due.label("due"), posted.c.amount.label("posted"))
        .outerjoin(
            posted,
            sa.and_(posted.c.cause_id == payments.c.id, posted.c.currency == payments.c.captured_currency),
        )
        .where(due != sa.func.coalesce(posted.c.amount, 0))
    )


CHECKS = (
    Check(5, "captured_payment_neither_allocated_nor_sent_back", _unaccounted),
    Check(5, "captured_but_not_completed", _captured_unpaid),
    Check(7, "capture_not_in_the_ledger", _posted_otherwise(_posted("captures", *_IN), payments.c.captured)),
    Check(
        7,
        "gateway_fee_not_in_the_ledger",
        _posted_otherwise(_posted("fees", "gateway_fee"), payments.c.gateway_fee),
    ),
    Check(
        8,
        "payment_status_not_logged",
        checks.unlogged(
            payments,
            entity_type="payment",
            state=payments.c.status,
            actions={status: (f"payment_{status}",) for status in STATUSES},
        ),
    ),
)
