"""Flows with a gateway's call in their midst, and what jobs finish after a crash."""

from holdfast.kernel.checkout.tasks.hearing import moment, process, receive, send_refund, settle_refund
from holdfast.kernel.checkout.tasks.paying import end, end_payment, pay, settle
from holdfast.kernel.checkout.tasks.tidying import (
    cancel_occurrence,
    catch_up,
    finish_occurrence,
    reconcile,
    sweep,
)

__all__ = [
    "cancel_occurrence",
    "catch_up",
    "end",
    "end_payment",
    "finish_occurrence",
    "moment",
    "pay",
    "process",
    "receive",
    "reconcile",
    "send_refund",
    "settle",
    "settle_refund",
    "sweep",
]
