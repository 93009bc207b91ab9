"""Where a provider wants to be told of facts, and what became of each telling."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from holdfast.kit.errors import Conflict, Invalid, NotFound
from holdfast.kit.outbox import Fact

EndpointState = Literal["active", "disabled"]
ENDPOINT_STATES: tuple[EndpointState, ...] = get_args(EndpointState)
#: By its owner, because nothing arrived for days, because the receiver said that it is gone (410).
DisabledBecause = Literal["owner", "failing", "gone"]
DISABLED_BECAUSE: tuple[DisabledBecause, ...] = get_args(DisabledBecause)
DeliveryState = Literal["waiting", "delivered", "failed"]
DELIVERY_STATES: tuple[DeliveryState, ...] = get_args(DeliveryState)

#: What is sent to see whether an endpoint hears; no fact of anything.
TEST = "webhook.test"
SECRET_PREFIX = "whsec_"  # noqa: S105 - as Standard Webhooks writes it
FORMER_SECRET_KEPT = timedelta(hours=24)
#: So long without any success, and an endpoint is disabled.
FAILING_AT_MOST = timedelta(days=3)
FACTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`provider_id` None: the platform's own, which hears everything. `facts` None: every kind there is."""

    id: UUID
    provider_id: UUID | None
    url: str
    description: str | None
    facts: tuple[str, ...] | None
    state: EndpointState
    disabled_because: DisabledBecause | None
    disabled_at: datetime | None
    #: since when every attempt has failed
    failing_since: datetime | None
    #: until when deliveries are signed with the secret of before as well
    former_secret_until: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What somebody asks for; `facts` None: every kind."""

    provider_id: UUID | None
    url: str
    description: str | None = None
    facts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One fact for one endpoint. `attempts`: since it was last asked for; `last_status`: what the receiver answered.

    `last_reason`: why it is not delivered, in a stable word.
    """

    id: UUID
    endpoint_id: UUID
    provider_id: UUID | None
    fact_id: UUID
    fact: str
    version: int
    payload: Mapping[str, Any]
    fact_at: datetime
    state: DeliveryState
    attempts: int
    resends: int
    next_at: datetime | None
    last_status: int | None
    last_reason: str | None
    first_attempt_at: datetime | None
    last_attempt_at: datetime | None
    delivered_at: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery that somebody has begun: what to send where, signed with `secrets`, the newest first."""

    delivery_id: UUID
    endpoint_id: UUID
    provider_id: UUID | None
    url: str
    secrets: tuple[str, ...]
    fact_id: UUID
    fact: str
    version: int
    payload: Mapping[str, Any]
    fact_at: datetime
    #: which attempt it is, from one on, and when it began
    number: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt. `reason` None: it was delivered."""

    status: int | None
    reason: str | None
    retry_after: timedelta | None = None

    @property
    def is_gone(self) -> bool:
        return self.status == 410  # noqa: PLR2004 - a status


@dataclass(eq=False)
class EndpointNotFound(NotFound):
    """There is no such webhook endpoint."""


@dataclass(eq=False)
class DeliveryNotFound(NotFound):
    """There is no such webhook delivery."""


@dataclass(eq=False)
class EndpointAmbiguous(Invalid):
    """You manage several providers: say in provider_id whose endpoint this is."""


@dataclass(eq=False)
class UnknownFact(Invalid):
    """There are no such facts: {names}."""

    names: list[str]


@dataclass(eq=False)
class TooManyEndpoints(Conflict):
    """There are {most} webhook endpoints already; delete one first."""

    most: int


@dataclass(eq=False)
class EndpointDisabled(Conflict):
    """This webhook endpoint is disabled; enable it first."""


@dataclass(eq=False)
class WebhookTestWaiting(Conflict):
    """A test of this webhook endpoint is on its way already."""


@dataclass(frozen=True, slots=True)
class WebhookEndpointDisabled(Fact):
    """An endpoint gets nothing any more: `because` it was failing for days, is gone, or its owner wanted it so."""

    endpoint_id: UUID
    provider_id: UUID | None
    because: str
