"""Tell the programs of providers what happened: signed, again and again until they have it."""

from holdfast.kernel.webhooks.access import managed, managers, manages, provider_for
from holdfast.kernel.webhooks.actions import change, create, delete, rotate_secret
from holdfast.kernel.webhooks.checks import CHECKS
from holdfast.kernel.webhooks.deliveries import ask_test, forget, resend, resend_failed
from holdfast.kernel.webhooks.hearing import hear
from holdfast.kernel.webhooks.queries import (
    DELIVERY_ORDER,
    ENDPOINT_ORDER,
    as_delivery,
    as_endpoint,
    deliveries_of,
    endpoints_of,
    find,
    find_delivery,
    reveal,
)
from holdfast.kernel.webhooks.rules import ATTEMPTS_MAX
from holdfast.kernel.webhooks.settings import ENDPOINTS_PER_PROVIDER_MAX, WebhookSettings
from holdfast.kernel.webhooks.tasks import Courier
from holdfast.kernel.webhooks.values import (
    TEST,
    Delivery,
    DeliveryNotFound,
    Endpoint,
    EndpointAmbiguous,
    EndpointDisabled,
    EndpointNotFound,
    NewEndpoint,
    TooManyEndpoints,
    UnknownFact,
    WebhookEndpointDisabled,
    WebhookTestWaiting,
)

__all__ = [
    "ATTEMPTS_MAX",
    "CHECKS",
    "DELIVERY_ORDER",
    "ENDPOINTS_PER_PROVIDER_MAX",
    "ENDPOINT_ORDER",
    "TEST",
    "Courier",
    "Delivery",
    "DeliveryNotFound",
    "Endpoint",
    "EndpointAmbiguous",
    "EndpointDisabled",
    "EndpointNotFound",
    "NewEndpoint",
    "TooManyEndpoints",
    "UnknownFact",
    "WebhookEndpointDisabled",
    "WebhookSettings",
    "WebhookTestWaiting",
    "as_delivery",
    "as_endpoint",
    "ask_test",
    "change",
    "create",
    "delete",
    "deliveries_of",
    "endpoints_of",
    "find",
    "find_delivery",
    "forget",
    "hear",
    "managed",
    "managers",
    "manages",
    "provider_for",
    "resend",
    "resend_failed",
    "reveal",
    "rotate_secret",
]
