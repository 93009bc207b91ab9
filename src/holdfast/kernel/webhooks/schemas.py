"""How endpoints and deliveries travel."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from holdfast.kernel.webhooks.rules import ATTEMPTS_MAX
from holdfast.kernel.webhooks.values import FACTS_MAX, Delivery, Endpoint
from holdfast.kit.fields import Answer, Body, IdField, MomentField, ShortText
from holdfast.kit.outgoing import URL_CHARACTERS_MAX

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=URL_CHARACTERS_MAX)]
FactName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,60}$")]
Facts = Annotated[list[FactName], Field(min_length=1, max_length=FACTS_MAX)]


class NewEndpointBody(Body):
    """`facts`: the names of those that are wanted, all where it is left out; `provider_id`: whose endpoint it is."""

    url: Url
    facts: Facts | None = None
    description: ShortText | None = None
    provider_id: IdField | None = None


class EndpointChange(Body):
    """What is left out stays; `facts` null: all."""

    url: Url | None = None
    facts: Facts | None = None
    description: ShortText | None = None
    state: Literal["active", "disabled"] | None = None

    def changes(self) -> dict[str, Any]:
        """What was sent; null means nothing for an address and a state, which every endpoint has."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        if sent.get("facts") is not None:
            sent["facts"] = tuple(sent["facts"])
        return {name: value for name, value in sent.items() if value is not None or name in {"facts", "description"}}


class Rotation(Body):
    """`keep_former`: sign with the secret of before too for 24 hours. False where somebody else got to know it."""

    keep_former: bool = True


class ResendFailed(Body):
    """What failed for good and was noted since that moment."""

    since: MomentField


class EndpointView(Answer):
    id: UUID
    provider_id: UUID | None
    url: str
    description: str | None
    facts: list[str] | None
    state: Literal["active", "disabled"]
    disabled_because: Literal["owner", "failing", "gone"] | None
    disabled_at: datetime | None
    failing_since: datetime | None
    former_secret_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> "EndpointView":
        return cls(**_fields(endpoint))


class EndpointWithSecret(EndpointView):
    """The secret is told here and nowhere else."""

    secret: str

    @classmethod
    def with_secret(cls, endpoint: Endpoint, secret: str) -> "EndpointWithSecret":
        return cls(**_fields(endpoint), secret=secret)


class DeliveryView(Answer):
    """`attempts` were made since it was last asked for, `attempts_max` are made; `payload` is what `data` holds."""

    id: UUID
    endpoint_id: UUID
    fact_id: UUID
    fact: str
    version: int
    payload: dict[str, Any]
    fact_at: datetime
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    attempts_max: int
    resends: int
    next_at: datetime | None
    last_status: int | None
    last_reason: str | None
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return cls(
            id=delivery.id,
            endpoint_id=delivery.endpoint_id,
            fact_id=delivery.fact_id,
            fact=delivery.fact,
            version=delivery.version,
            payload=dict(delivery.payload),
            fact_at=delivery.fact_at,
            state=delivery.state,
            attempts=delivery.attempts,
            attempts_max=ATTEMPTS_MAX,
            resends=delivery.resends,
            next_at=delivery.next_at,
            last_status=delivery.last_status,
            last_reason=delivery.last_reason,
            first_attempt_at=delivery.first_attempt_at,
            last_attempt_at=delivery.last_attempt_at,
            delivered_at=delivery.delivered_at,
            created_at=delivery.created_at,
            updated_at=delivery.updated_at,
        )


class Resent(Answer):
    """How many are on their way again."""

    resent: int


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "provider_id": endpoint.provider_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "facts": None if endpoint.facts is None else list(endpoint.facts),
        "state": endpoint.state,
        "disabled_because": endpoint.disabled_because,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "former_secret_until": endpoint.former_secret_until,
        "version": endpoint.version,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
    }
