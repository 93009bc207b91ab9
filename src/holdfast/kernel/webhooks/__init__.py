"""Tell the programs of providers what happened: signed, again and again until they have it."""

from holdfast.kernel.webhooks.checks import CHECKS
from holdfast.kernel.webhooks.deliveries import forget
from holdfast.kernel.webhooks.hearing import hear
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
    "CHECKS",
    "ENDPOINTS_PER_PROVIDER_MAX",
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
    "forget",
    "hear",
]
