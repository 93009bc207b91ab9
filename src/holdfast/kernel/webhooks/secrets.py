"""Make, seal and open what an endpoint is signed with."""

import base64
import os
from uuid import UUID

from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import SECRET_PREFIX
from holdfast.kit import secrets

_BYTES = 32
_PURPOSE = "webhook-endpoint"


def fresh() -> str:
    """A secret as Standard Webhooks writes it."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def sealed(settings: WebhookSettings, secret: str, *, endpoint_id: UUID) -> bytes:
    return secrets.seal(settings.secrets[0], _PURPOSE, secret.encode(), about=endpoint_id.bytes)


def opened(settings: WebhookSettings, sealed_secret: bytes, *, endpoint_id: UUID) -> str | None:
    """None where it was sealed under a platform secret that is not configured any more."""
    plain = secrets.unseal(settings.secrets, _PURPOSE, sealed_secret, about=endpoint_id.bytes)
    return None if plain is None else plain.decode()
