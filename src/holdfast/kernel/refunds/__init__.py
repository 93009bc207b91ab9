"""Money back, once."""

from holdfast.kernel.refunds.actions import SEND, enqueue, issue, settle, try_again
from holdfast.kernel.refunds.checks import CHECKS
from holdfast.kernel.refunds.queries import (
    are_owed,
    count_by_status,
    count_failed,
    find,
    gateway_key,
    of_bookings,
    pending_since,
    with_status,
)
from holdfast.kernel.refunds.values import (
    STATUSES,
    Refund,
    RefundFailed,
    RefundNotFailed,
    RefundNotFound,
    RefundSent,
    Status,
    Why,
)

__all__ = [
    "CHECKS",
    "SEND",
    "STATUSES",
    "Refund",
    "RefundFailed",
    "RefundNotFailed",
    "RefundNotFound",
    "RefundSent",
    "Status",
    "Why",
    "are_owed",
    "count_by_status",
    "count_failed",
    "enqueue",
    "find",
    "gateway_key",
    "issue",
    "of_bookings",
    "pending_since",
    "settle",
    "try_again",
    "with_status",
]
