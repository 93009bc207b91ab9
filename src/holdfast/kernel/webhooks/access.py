"""Decide whose endpoints somebody runs: an admin all and the platform's own, an owner or manager their provider's."""

from uuid import UUID

from holdfast.kernel import audit, identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import ProviderNotFound
from holdfast.kernel.webhooks.values import EndpointAmbiguous
from holdfast.kit.db import Reader

MANAGING = ("owner", "manager")
#: Who may call these routes at all; of whose endpoint, the look-up decides. Read again each time: it is about secrets.
managers = audit.policy(
    "admin+manager",
    allowed="owners and managers of a provider, admins",
    test=lambda actor: actor.is_admin or any(role in MANAGING for role in actor.members.values()),
    fresh=True,
)


def manages(actor: Actor, provider_id: UUID | None) -> bool:
    return actor.is_admin or (provider_id is not None and actor.is_member(provider_id, *MANAGING))


def managed(actor: Actor) -> list[UUID] | None:
    """The providers whose endpoints these are; None for all."""
    if actor.is_admin:
        return None
    return sorted(provider_id for provider_id in actor.members if manages(actor, provider_id))


async def provider_for(db: Reader, actor: Actor, wanted: UUID | None) -> UUID | None:
    """Whose a new endpoint is: who is named, else one's own, else (admins) the platform's, None.

    ProviderNotFound (also for one that is not theirs), EndpointAmbiguous.
    """
    own = managed(actor)
    if wanted is not None:
        if not manages(actor, wanted):
            raise ProviderNotFound
        return (await identity.provider(db, wanted)).id
    if own is None:
        return None
    if len(own) != 1:
        raise EndpointAmbiguous
    return own[0]
