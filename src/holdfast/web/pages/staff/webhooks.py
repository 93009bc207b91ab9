"""Webhook endpoints of providers: opened and changed, with what was sent to each and what became of it."""

from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import identity, webhooks
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller
from holdfast.kernel.webhooks import (
    Delivery,
    DeliveryNotFound,
    Endpoint,
    EndpointNotFound,
    NewEndpoint,
    WebhookSettings,
    managers,
)
from holdfast.kit import clock, outbox
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.kit.words import say
from holdfast.web import forms
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form
from holdfast.web.frame import viewer_of
from holdfast.web.routing import Pages
from holdfast.web.staff import show_staff

router = Pages()

#: What failed for good within so many days is sent again at once: as long as the receiver may have been out.
RESENT_DAYS = 7
OneEndpoint: TypeAlias = Annotated[Endpoint, Found]


class EndpointForm(Form):
    url: Annotated[str, Field(max_length=2_000)]
    description: Annotated[str, Field(max_length=200)] | None = None
    provider_id: UUID | None = None
    #: none chosen: every kind
    facts: Annotated[tuple[Annotated[str, Field(max_length=60)], ...], Field(max_length=100)] = ()
    version: Annotated[int, Field(ge=0, le=10**9)] | None = None


class ActForm(Form):
    act: Literal["test", "resend_failed", "switch_on", "switch_off", "new_secret", "delete"]
    version: Annotated[int, Field(ge=0, le=10**9)]


class DeliveryFilter(Form):
    state: Literal["waiting", "delivered", "failed"] | None = None


async def own_endpoint(request: Request, caller: Actor) -> Endpoint:
    """For its provider's owners and managers, and admins; EndpointNotFound for all others."""
    async with request.app.state.database.reader() as db:
        found = await webhooks.find(db, path_id(request, "endpoint_id"))
    if not webhooks.manages(caller, found.provider_id):
        raise EndpointNotFound
    return found


async def own_delivery(request: Request, caller: Actor) -> Delivery:
    async with request.app.state.database.reader() as db:
        found = await webhooks.find_delivery(db, path_id(request, "delivery_id"))
    if not webhooks.manages(caller, found.provider_id):
        raise DeliveryNotFound
    return found


@router.get("/staff/webhooks")
@allow(managers)
async def webhooks_page(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """Newest first."""
    return await _listed(request, database, caller, page)


@router.post("/staff/webhooks")
@allow(managers)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("an endpoint more does no harm: it can be deleted, and there are only so many")
async def open_endpoint(request: Request, database: Db, caller: Caller, page: Paged) -> Response:
    """Its secret is told on the page that answers, and nowhere else."""
    filled = await forms.read(request, EndpointForm)
    said = filled.said
    if said is None:
        return await _listed(request, database, caller, page, filled=filled, status=422)

    async def create(db: Transaction) -> tuple[Endpoint, str]:
        settings = _settings(request)
        provider_id = await webhooks.provider_for(db, caller, said.provider_id)
        new = NewEndpoint(provider_id, said.url, said.description, said.facts or None)
        made = await webhooks.create(db, new, settings=settings, actor=caller, now=await clock.moment(db))
        return made, await webhooks.reveal(db, made.id, settings=settings)

    try:
        endpoint, secret = await database.run(create)
    except Error as error:
        at = "url" if error.code == "url_refused" else ""
        filled = await forms.refused(request, filled, error, at=at)
        return await _listed(request, database, caller, page, filled=filled, status=error.status)
    return await show_staff(request, "web/staff/webhook_secret.html", endpoint=endpoint, secret=secret, status=201)


@router.get("/staff/webhooks/{endpoint_id}")
@allow(managers, find=own_endpoint)
async def endpoint_page(request: Request, endpoint: OneEndpoint, database: Db, page: Paged) -> Response:
    return await _shown(request, database, endpoint, page)


@router.post("/staff/webhooks/{endpoint_id}")
@allow(managers, find=own_endpoint)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def change_endpoint(
    request: Request, endpoint: OneEndpoint, database: Db, caller: Caller, page: Paged
) -> Response:
    filled = await forms.read(request, EndpointForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, endpoint, page, filled=filled, status=422)
    changes: dict[str, Any] = {"description": said.description, "facts": said.facts or None}
    if said.url != endpoint.url:
        changes["url"] = said.url
    try:
        await _change(request, database, endpoint, changes, version=said.version, caller=caller)
    except Error as error:
        filled = await forms.refused(request, filled, error, at="url" if error.code == "url_refused" else "")
        return await _shown(request, database, endpoint, page, filled=filled, status=error.status)
    return RedirectResponse(f"/staff/webhooks/{endpoint.id}?done=saved", status_code=303)


@router.post("/staff/webhooks/{endpoint_id}/act")
@allow(managers, find=own_endpoint)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat of what changes it harmless; of a test there is one at a time")
async def act_on_endpoint(
    request: Request, endpoint: OneEndpoint, database: Db, caller: Caller, page: Paged
) -> Response:
    """Test it, send what failed again, switch it on or off, give it another secret, delete it."""
    filled = await forms.read(request, ActForm)
    said = filled.said
    if said is None:
        unfit = say(forms.UNFIT, (await viewer_of(request)).locale)
        return await _shown(request, database, endpoint, page, trouble=unfit, status=422)
    try:
        match said.act:
            case "test":
                await database.run(lambda db: _test(db, endpoint, caller))
                done = "tested"
            case "resend_failed":
                await database.run(lambda db: _resend_failed(db, endpoint, caller))
                done = "resent"
            case "switch_on" | "switch_off":
                state = "active" if said.act == "switch_on" else "disabled"
                await _change(request, database, endpoint, {"state": state}, version=said.version, caller=caller)
                done = "saved"
            case "delete":
                await database.run(lambda db: _delete(db, endpoint, said.version, caller))
                return RedirectResponse("/staff/webhooks?done=deleted", status_code=303)
            case "new_secret":
                secret = await database.run(lambda db: _rotate(db, request, endpoint, said.version, caller))
                return await show_staff(
                    request, "web/staff/webhook_secret.html", endpoint=endpoint, secret=secret, is_again=True
                )
    except Error as error:
        trouble = told(error, (await viewer_of(request)).locale)
        return await _shown(request, database, endpoint, page, trouble=trouble, status=error.status)
    return RedirectResponse(f"/staff/webhooks/{endpoint.id}?done={done}", status_code=303)


@router.post("/staff/webhooks/deliveries/{delivery_id}/resend")
@allow(managers, find=own_delivery)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the receiver knows it by its id, however often it comes")
async def resend(
    request: Request, delivery: Annotated[Delivery, Found], database: Db, caller: Caller, page: Paged
) -> Response:
    """Send one again whatever became of it, or now if it waits."""

    async def again(db: Transaction) -> None:
        await webhooks.resend(db, delivery.id, actor=caller, now=await clock.moment(db))

    try:
        await database.run(again)
    except Error as error:
        async with database.reader() as db:
            endpoint = await webhooks.find(db, delivery.endpoint_id)
        trouble = told(error, (await viewer_of(request)).locale)
        return await _shown(request, database, endpoint, page, trouble=trouble, status=error.status)
    return RedirectResponse(f"/staff/webhooks/{delivery.endpoint_id}?done=resent", status_code=303)


async def _test(db: Transaction, endpoint: Endpoint, caller: Actor) -> None:
    standing = await webhooks.find(db, endpoint.id)
    await webhooks.ask_test(db, standing, actor=caller, now=await clock.moment(db))


async def _resend_failed(db: Transaction, endpoint: Endpoint, caller: Actor) -> None:
    standing, now = await webhooks.find(db, endpoint.id), await clock.moment(db)
    await webhooks.resend_failed(db, standing, since=now - timedelta(days=RESENT_DAYS), actor=caller, now=now)


async def _delete(db: Transaction, endpoint: Endpoint, version: int, caller: Actor) -> None:
    await webhooks.delete(db, endpoint.id, expected=version, actor=caller, now=await clock.moment(db))


async def _rotate(db: Transaction, request: Request, endpoint: Endpoint, version: int, caller: Actor) -> str:
    settings, now = _settings(request), await clock.moment(db)
    await webhooks.rotate_secret(
        db, endpoint.id, keep_former=True, expected=version, settings=settings, actor=caller, now=now
    )
    return await webhooks.reveal(db, endpoint.id, settings=settings)


async def _change(
    request: Request,
    database: Database,
    endpoint: Endpoint,
    changes: dict[str, Any],
    *,
    version: int | None,
    caller: Actor,
) -> None:
    async def write(db: Transaction) -> None:
        await webhooks.change(
            db,
            endpoint.id,
            changes,
            expected=version,
            settings=_settings(request),
            actor=caller,
            now=await clock.moment(db),
        )

    await database.run(write)


async def _listed(
    request: Request,
    database: Database,
    caller: Actor,
    page: Paged,
    *,
    filled: Filled[EndpointForm] | None = None,
    status: int = 200,
) -> Response:
    own = webhooks.managed(caller)
    async with database.reader() as db:
        rows = await db.all(page.select(webhooks.endpoints_of(own), *webhooks.ENDPOINT_ORDER))
        providers = await identity.all_providers(db)
    listed = page.listed(rows, webhooks.as_endpoint, lambda row: (row.created_at, row.id))
    return await show_staff(
        request,
        "web/staff/webhooks.html",
        endpoints=listed.items,
        next_cursor=listed.next_cursor,
        names={each.id: each.name for each in providers},
        providers=[(each.id, each.name) for each in providers if own is None or each.id in own],
        kinds=_kinds(),
        filled=filled or Filled(),
        chosen=_chosen(filled),
        status=status,
    )


async def _shown(
    request: Request,
    database: Database,
    endpoint: Endpoint,
    page: Paged,
    *,
    filled: Filled[EndpointForm] | None = None,
    trouble: str = "",
    status: int = 200,
) -> Response:
    asked = await forms.asked(request, DeliveryFilter)
    state = asked.said.state if asked.said is not None else None
    async with database.reader() as db:
        endpoint = await webhooks.find(db, endpoint.id)
        statement = webhooks.deliveries_of(endpoint.id, state=state)
        rows = await db.all(page.select(statement, *webhooks.DELIVERY_ORDER))
        names = {each.id: each.name for each in await identity.all_providers(db)}
    listed = page.listed(rows, webhooks.as_delivery, lambda row: (row.created_at, row.id))
    return await show_staff(
        request,
        "web/staff/webhook.html",
        home=f"/staff/webhooks/{endpoint.id}",
        endpoint=endpoint,
        provider=names.get(endpoint.provider_id) if endpoint.provider_id is not None else None,
        deliveries=listed.items,
        next_cursor=listed.next_cursor,
        attempts_max=webhooks.ATTEMPTS_MAX,
        resent_days=RESENT_DAYS,
        state=state,
        kinds=_kinds(),
        filled=filled or Filled(),
        chosen=_chosen(filled) if filled is not None else set(endpoint.facts or ()),
        trouble=trouble,
        status=status,
    )


def _chosen(filled: Filled[EndpointForm] | None) -> set[str]:
    """The facts that were ticked, whether or not the rest of the form fits."""
    return set() if filled is None else set(filled.lists.get("facts", ()))


def _kinds() -> list[str]:
    return sorted({kind.name() for kind in outbox.kinds()})


def _settings(request: Request) -> WebhookSettings:
    settings = request.app.state.webhooks
    assert isinstance(settings, WebhookSettings)
    return settings
