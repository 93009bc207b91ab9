"""Decide whose catalogue somebody runs: an admin (and the system) all, a member that of the provider."""

from uuid import UUID

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor, RoleNeeded
from holdfast.kernel.identity import Provider, ProviderNotFound
from holdfast.kit.db import Reader
from holdfast.kit.words import mark
from holdfast.products.bus.values import ProviderAmbiguous

MANAGING = ("owner", "manager")
_ALLOWED = mark("admins, owners and managers of its provider")


def manages(actor: Actor, provider_id: UUID) -> bool:
    return actor.is_admin or actor.kind == "system" or actor.is_member(provider_id, *MANAGING)


def refuse_unless_manager(actor: Actor, provider_id: UUID) -> None:
    """For what anybody may read: RoleNeeded (403)."""
    if not manages(actor, provider_id):
        raise RoleNeeded(_ALLOWED)


def managed(actor: Actor) -> list[UUID] | None:
    """The providers whose catalogue this is; None for all of them."""
    if actor.is_admin or actor.kind == "system":
        return None
    return sorted(provider_id for provider_id in actor.members if actor.is_member(provider_id, *MANAGING))


async def provider_for(db: Reader, actor: Actor, wanted: UUID | None) -> Provider:
    """To whom belongs what somebody creates: the provider they name, else their own, else (admins) the default one.

    Raises ProviderNotFound (also for one that is not theirs), ProviderAmbiguous, RoleNeeded.
    """
    own = managed(actor)
    if own == []:
        raise RoleNeeded(_ALLOWED)
    if wanted is not None:
        if not manages(actor, wanted):
            raise ProviderNotFound
        return await identity.provider(db, wanted)
    if own is None:
        return await identity.default_provider(db)
    if len(own) > 1:
        raise ProviderAmbiguous
    return await identity.provider(db, own[0])
