"""The only coordinator: hold -> pay -> confirm; cancel -> refund; late money."""

from holdfast.kernel.checkout import metrics
from holdfast.kernel.checkout.actions import open_payment, release, settle
from holdfast.kernel.checkout.batch import TillBatch
from holdfast.kernel.checkout.cancelling import (
    cancel,
    cancel_occurrence,
    finish_occurrence,
    quote,
    reschedule,
)
from holdfast.kernel.checkout.tasks import end as end_payment
from holdfast.kernel.checkout.tasks import pay
from holdfast.kernel.checkout.tasks import process as process_event
from holdfast.kernel.checkout.tasks import settle as ask_gateway
from holdfast.kernel.checkout.values import (
    CANCEL_OCCURRENCE,
    END,
    FINISH_OCCURRENCE,
    GatewayNotConfigured,
    Opened,
    PaymentUnavailable,
    QuoteStale,
    Till,
)
from holdfast.kernel.checkout.views import BookingView, PaidFor, views_of

__all__ = [
    "CANCEL_OCCURRENCE",
    "END",
    "FINISH_OCCURRENCE",
    "BookingView",
    "GatewayNotConfigured",
    "Opened",
    "PaidFor",
    "PaymentUnavailable",
    "QuoteStale",
    "Till",
    "TillBatch",
    "ask_gateway",
    "cancel",
    "cancel_occurrence",
    "end_payment",
    "finish_occurrence",
    "metrics",
    "open_payment",
    "pay",
    "process_event",
    "quote",
    "release",
    "reschedule",
    "settle",
    "views_of",
]
