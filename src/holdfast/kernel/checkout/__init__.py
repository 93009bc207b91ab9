"""The only coordinator: hold -> pay -> confirm; cancel -> refund; late money."""

from holdfast.kernel.checkout.actions import END, open_payment, release, settle
from holdfast.kernel.checkout.cancelling import (
    CANCEL_OCCURRENCE,
    FINISH_OCCURRENCE,
    cancel,
    cancel_occurrence,
    finish_occurrence,
    quote,
    reschedule,
)
from holdfast.kernel.checkout.values import (
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
    "cancel",
    "cancel_occurrence",
    "finish_occurrence",
    "open_payment",
    "quote",
    "release",
    "reschedule",
    "settle",
    "views_of",
]
