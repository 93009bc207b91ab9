"""Webhook endpoints over HTTP: their provider's owners and managers run them, admins all and the platform's own."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller
from holdfast.kernel.webhooks import access, actions, deliveries, queries, schemas
from holdfast.kernel.webhooks.settings import WebhookSettings
from holdfast.kernel.webhooks.values import (
    Delivery,
    DeliveryNotFound,
    DeliveryState,
    Endpoint,
    EndpointNotFound,
    NewEndpoint,
)
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.fields import IdField
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, path_id, unkeyed, versioned
from holdfast.kit.versions import etag, expect_version

router = Router(tags=["webhooks"])


async def _settings(request: Request) -> WebhookSettings:
    settings = request.app.state.webhooks
    assert isinstance(settings, WebhookSettings)
    return settings


async def own_endpoint(request: Request, caller: Actor) -> Endpoint:
    """For its provider's owners and managers, and admins."""
    return await _endpoint(request, path_id(request, "endpoint_id"), caller)


async def own_delivery(request: Request, caller: Actor) -> Delivery:
    """The same for what was sent to it."""
    return await _delivery(request, path_id(request, "delivery_id"), caller)


#: How the application is set up, at `app.state.webhooks`.
Settings: TypeAlias = Annotated[WebhookSettings, Depends(_settings)]
OneEndpoint: TypeAlias = Annotated[Endpoint, Found]
OneDelivery: TypeAlias = Annotated[Delivery, Found]


async def _with_secret(request: Request, endpoint_id: UUID) -> schemas.EndpointWithSecret:
    """A lost answer is told again, to whom it was told before."""
    endpoint = await _endpoint(request, endpoint_id, request.state.principal)
    settings = await _settings(request)
    async with _database(request).reader() as db:
        return schemas.EndpointWithSecret.with_secret(
            endpoint, await queries.reveal(db, endpoint.id, settings=settings)
        )


async def _delivery_again(request: Request, delivery_id: UUID) -> schemas.DeliveryView:
    return schemas.DeliveryView.of(await _delivery(request, delivery_id, request.state.principal))


@router.post("/webhook-endpoints", status_code=201)
@allow(access.managers)
@idempotent(replay=_with_secret)
async def create_webhook_endpoint(
    *, body: schemas.NewEndpointBody, response: Response, caller: Caller, database: Db, settings: Settings, key: Key
) -> schemas.EndpointWithSecret:
    """Have facts sent to an address; its secret is told in this answer alone. An admin's own hears every provider."""

    async def create(db: Transaction) -> schemas.EndpointWithSecret:
        provider_id = await access.provider_for(db, caller, body.provider_id)
        facts = None if body.facts is None else tuple(body.facts)
        new = NewEndpoint(provider_id, body.url, body.description, facts)
        endpoint = await actions.create(db, new, settings=settings, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=endpoint.id, status=201)
        secret = await queries.reveal(db, endpoint.id, settings=settings)
        return schemas.EndpointWithSecret.with_secret(endpoint, secret)

    created = await database.run(create)
    response.headers["ETag"] = etag(created.version)
    return created


@router.get("/webhook-endpoints")
@allow(access.managers)
async def list_webhook_endpoints(
    *, caller: Caller, database: Db, page: Paged, provider_id: Annotated[IdField | None, Query()] = None
) -> Listed[schemas.EndpointView]:
    """One's providers' endpoints, newest first; for an admin all, the platform's own among them."""
    statement = queries.endpoints_of(access.managed(caller), only=provider_id)
    async with database.reader() as db:
        rows = await db.all(page.select(statement, *queries.ENDPOINT_ORDER))
    found = [queries.as_endpoint(row) for row in rows]
    return page.listed(found, schemas.EndpointView.of, lambda endpoint: (endpoint.created_at, endpoint.id))


@router.get("/webhook-endpoints/{endpoint_id}")
@allow(access.managers, find=own_endpoint)
async def show_webhook_endpoint(*, endpoint: OneEndpoint, response: Response) -> schemas.EndpointView:
    """One endpoint; whether it is disabled, and why."""
    response.headers["ETag"] = etag(endpoint.version)
    return schemas.EndpointView.of(endpoint)


@router.patch("/webhook-endpoints/{endpoint_id}")
@allow(access.managers, find=own_endpoint)
@versioned
async def change_webhook_endpoint(
    *,
    endpoint: OneEndpoint,
    body: schemas.EndpointChange,
    request: Request,
    response: Response,
    caller: Caller,
    database: Db,
    settings: Settings,
) -> schemas.EndpointView:
    """Another address, other facts, on or off. What waits when it is switched off fails, and can be sent again."""

    async def change(db: Transaction) -> Endpoint:
        return await actions.change(
            db,
            endpoint.id,
            body.changes(),
            expected=expect_version(request),
            settings=settings,
            actor=caller,
            now=await clock.moment(db),
        )

    changed = await database.run(change)
    response.headers["ETag"] = etag(changed.version)
    return schemas.EndpointView.of(changed)


@router.delete("/webhook-endpoints/{endpoint_id}", status_code=204)
@allow(access.managers, find=own_endpoint)
@versioned
async def delete_webhook_endpoint(*, endpoint: OneEndpoint, request: Request, caller: Caller, database: Db) -> None:
    """Nothing is sent there any more, and its deliveries are shown no more."""

    async def delete(db: Transaction) -> None:
        now = await clock.moment(db)
        await actions.delete(db, endpoint.id, expected=expect_version(request), actor=caller, now=now)

    await database.run(delete)


@router.post("/webhook-endpoints/{endpoint_id}/rotate-secret")
@allow(access.managers, find=own_endpoint)
@idempotent(replay=_with_secret)
@versioned
async def rotate_webhook_secret(
    *,
    endpoint: OneEndpoint,
    body: schemas.Rotation | None = None,
    request: Request,
    caller: Caller,
    database: Db,
    settings: Settings,
    key: Key,
) -> schemas.EndpointWithSecret:
    """A new secret, told in this answer alone; for 24 hours deliveries are signed with the one of before as well."""
    wanted = body or schemas.Rotation()

    async def rotate(db: Transaction) -> schemas.EndpointWithSecret:
        rotated = await actions.rotate_secret(
            db,
            endpoint.id,
            keep_former=wanted.keep_former,
            expected=expect_version(request),
            settings=settings,
            actor=caller,
            now=await clock.moment(db),
        )
        await key.remember(db, subject=endpoint.id, status=200)
        secret = await queries.reveal(db, endpoint.id, settings=settings)
        return schemas.EndpointWithSecret.with_secret(rotated, secret)

    return await database.run(rotate)


@router.post("/webhook-endpoints/{endpoint_id}/test", status_code=202)
@allow(access.managers, find=own_endpoint)
@idempotent(replay=_delivery_again)
async def test_webhook_endpoint(
    *, endpoint: OneEndpoint, caller: Caller, database: Db, key: Key
) -> schemas.DeliveryView:
    """Send `webhook.test` there, once; look at the delivery to see whether it arrived."""

    async def ask(db: Transaction) -> Delivery:
        now = await clock.moment(db)
        asked = await deliveries.ask_test(db, await queries.find(db, endpoint.id), actor=caller, now=now)
        await key.remember(db, subject=asked.id, status=202)
        return asked

    return schemas.DeliveryView.of(await database.run(ask))


@router.post("/webhook-endpoints/{endpoint_id}/resend-failed", status_code=202)
@allow(access.managers, find=own_endpoint)
@unkeyed("what is sent again has not failed any more, so a repeat finds nothing")
async def resend_failed_webhooks(
    *, endpoint: OneEndpoint, body: schemas.ResendFailed, caller: Caller, database: Db
) -> schemas.Resent:
    """Send again all that failed for good since a moment: after an outage of the receiver."""

    async def resend(db: Transaction) -> int:
        now = await clock.moment(db)
        standing = await queries.find(db, endpoint.id)
        return await deliveries.resend_failed(db, standing, since=body.since, actor=caller, now=now)

    return schemas.Resent(resent=await database.run(resend))


@router.get("/webhook-endpoints/{endpoint_id}/deliveries")
@allow(access.managers, find=own_endpoint)
async def list_webhook_deliveries(
    *,
    endpoint: OneEndpoint,
    database: Db,
    page: Paged,
    state: Annotated[DeliveryState | None, Query()] = None,
    fact: Annotated[str | None, Query(min_length=1, max_length=60)] = None,
) -> Listed[schemas.DeliveryView]:
    """What was and is to be sent there, newest first."""
    statement = queries.deliveries_of(endpoint.id, state=state, fact=fact)
    async with database.reader() as db:
        rows = await db.all(page.select(statement, *queries.DELIVERY_ORDER))
    found = [queries.as_delivery(row) for row in rows]
    return page.listed(found, schemas.DeliveryView.of, lambda delivery: (delivery.created_at, delivery.id))


@router.get("/webhook-deliveries/{delivery_id}")
@allow(access.managers, find=own_delivery)
async def show_webhook_delivery(*, delivery: OneDelivery) -> schemas.DeliveryView:
    """One delivery."""
    return schemas.DeliveryView.of(delivery)


@router.post("/webhook-deliveries/{delivery_id}/resend", status_code=202)
@allow(access.managers, find=own_delivery)
@idempotent(replay=_delivery_again)
async def resend_webhook_delivery(
    *, delivery: OneDelivery, caller: Caller, database: Db, key: Key
) -> schemas.DeliveryView:
    """Send it again whatever became of it, or now if it waits; the receiver knows it by its id."""

    async def resend(db: Transaction) -> Delivery:
        again = await deliveries.resend(db, delivery.id, actor=caller, now=await clock.moment(db))
        await key.remember(db, subject=again.id, status=202)
        return again

    return schemas.DeliveryView.of(await database.run(resend))


async def _endpoint(request: Request, endpoint_id: UUID, caller: Actor) -> Endpoint:
    async with _database(request).reader() as db:
        found = await queries.find(db, endpoint_id)
    if not access.manages(caller, found.provider_id):
        raise EndpointNotFound
    return found


async def _delivery(request: Request, delivery_id: UUID, caller: Actor) -> Delivery:
    async with _database(request).reader() as db:
        found = await queries.find_delivery(db, delivery_id)
    if not access.manages(caller, found.provider_id):
        raise DeliveryNotFound
    return found


def _database(request: Request) -> Database:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database
