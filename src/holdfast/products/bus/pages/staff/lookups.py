"""Find what a page for staff is about: known to its provider's members and admins, changed by managers and admins."""

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Provider
from holdfast.kit.db import Reader
from holdfast.kit.http import path_id
from holdfast.kit.words import mark, say
from holdfast.products.bus import access, queries
from holdfast.products.bus.offers import Offer
from holdfast.products.bus.records import Bus, Route
from holdfast.products.bus.values import BusNotFound, RouteNotFound, ScheduleNotFound
from holdfast.web import viewer_of
from holdfast.web.forms import UNFIT

B = TypeVar("B", bound=BaseModel)

STATUSES = {
    "scheduled": (mark("scheduled"), ""),
    "in_transit": (mark("on its way"), "warn"),
    "completed": (mark("arrived"), "good"),
    "cancelled": (mark("cancelled"), "bad"),
}
#: What a schedule is not sold for, by the state of its inventory.
SALES = {
    "draft": (mark("no seats yet"), "warn"),
    "on_sale": (mark("on sale"), "good"),
    "sold_out": (mark("sold out"), "good"),
    "closed": (mark("off sale"), "warn"),
    "cancelled": (mark("cancelled"), "bad"),
    "over": (mark("over"), ""),
}
SEAT_STATUSES = {
    "available": mark("free"),
    "reserved": mark("held or blocked"),
    "booked": mark("sold"),
}


def _is_known(actor: Actor, provider_id: UUID) -> bool:
    return actor.is_admin or actor.is_member(provider_id)


async def schedule(request: Request, caller: Actor) -> Offer:
    async with request.app.state.database.reader() as db:
        found = await queries.offer(db, path_id(request, "schedule_id"))
    if not _is_known(caller, found.schedule.provider_id):
        raise ScheduleNotFound
    return found


async def schedule_to_edit(request: Request, caller: Actor) -> Offer:
    """RoleNeeded (403) for members who do not manage."""
    found = await schedule(request, caller)
    access.refuse_unless_manager(caller, found.schedule.provider_id)
    return found


async def bus(request: Request, caller: Actor) -> Bus:
    async with request.app.state.database.reader() as db:
        found = await queries.bus(db, path_id(request, "bus_id"))
    if not _is_known(caller, found.provider_id):
        raise BusNotFound
    return found


async def bus_to_edit(request: Request, caller: Actor) -> Bus:
    found = await bus(request, caller)
    access.refuse_unless_manager(caller, found.provider_id)
    return found


async def route(request: Request, caller: Actor) -> Route:
    async with request.app.state.database.reader() as db:
        found = await queries.route(db, path_id(request, "route_id"))
    if not _is_known(caller, found.provider_id):
        raise RouteNotFound
    return found


async def route_to_edit(request: Request, caller: Actor) -> Route:
    found = await route(request, caller)
    access.refuse_unless_manager(caller, found.provider_id)
    return found


def known_providers(caller: Actor) -> list[UUID] | None:
    """Whose catalogue somebody may look at; None for all."""
    return None if caller.is_admin else sorted(caller.members)


async def managed_providers(db: Reader, caller: Actor) -> list[Provider]:
    """For whom somebody may enter a route or a bus, the default one first."""
    own = access.managed(caller)
    found = [each for each in await identity.all_providers(db) if own is None or each.id in own]
    return sorted(found, key=lambda provider: not provider.is_default)


async def provider_names(db: Reader) -> dict[UUID, str]:
    return {provider.id: provider.name for provider in await identity.all_providers(db)}


async def read_body(
    request: Request, body: type[B], values: dict[str, object], *, at: Iterable[str] = ()
) -> tuple[B | None, dict[str, str]]:
    """What the API would be sent, and by field what does not fit; what is wrong elsewhere stands above the form."""
    known = set(at)
    try:
        return body.model_validate({name: value for name, value in values.items() if value is not None}), {}
    except ValidationError as wrong:
        locale = (await viewer_of(request)).locale
        places = {str(found["loc"][0]) if found["loc"] else "" for found in wrong.errors()}
        return None, {place if place in known else "": say(UNFIT, locale) for place in places}
