"""The server: every router under one application, with the parts of its house at `app.state`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import holdfast
from holdfast import web
from holdfast.app import docs_ui, figures, health, house, worker
from holdfast.app.house import API, House
from holdfast.app.products import PRODUCTS
from holdfast.app.rush import Rush
from holdfast.app.settings import Settings
from holdfast.gateways.sandbox import SandboxSettings, create_sandbox, running
from holdfast.kernel import identity, realtime, retention
from holdfast.kernel.audit import Actor
from holdfast.kernel.audit import api as audit_api
from holdfast.kernel.checkout import Till
from holdfast.kernel.checkout import api as checkout_api
from holdfast.kernel.complaints import api as complaints_api
from holdfast.kernel.identity import api as identity_api
from holdfast.kernel.notifications import api as notifications_api
from holdfast.kernel.payments import Gateway
from holdfast.kernel.product import Product
from holdfast.kernel.realtime import api as realtime_api
from holdfast.kernel.reports import api as reports_api
from holdfast.kernel.tickets import api as tickets_api
from holdfast.kernel.webhooks import api as webhooks_api
from holdfast.kit import express, http, openapi, problems, quick_reads, switchboard
from holdfast.kit.db import Database
from holdfast.kit.headers import networks
from holdfast.kit.letters import FileSender, Sender
from holdfast.web import pages as web_pages
from holdfast.web.pages import general as general_pages
from holdfast.web.pages import letters, rush, styleguide

SANDBOX_PATH = "/sandbox"
OPENAPI_PATH = "/openapi.json"
#: What the kernel answers for every product, in the order in which paths are compared.
SHARED = (
    health.router,
    identity_api.router,
    realtime_api.reading,
    checkout_api.router,
    tickets_api.router,
    audit_api.router,
    reports_api.router,
    notifications_api.router,
    complaints_api.router,
    webhooks_api.router,
)


def create_app(
    settings: Settings,
    *,
    database: Database | None = None,
    gateways: Mapping[str, Gateway] | None = None,
    sender: Sender | None = None,
    products: tuple[Product, ...] = PRODUCTS,
) -> FastAPI:
    """The whole platform as one ASGI application. A database that is handed in stays its owner's to close.

    While its lifespan lasts, it also does the jobs where the settings say `with_worker`, and runs the sandbox that is
    mounted in it. UnfitForProductionError.
    """
    ours = house.build(settings, database=database, gateways=gateways, sender=sender, products=products)
    app = FastAPI(
        title="Holdfast",
        version=holdfast.__version__,
        summary="Booking that never sells the same place twice.",
        license_info={"name": "MIT", "identifier": "MIT"},
        openapi_url=OPENAPI_PATH,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # else it is asked for at each request
    )
    _hand_over(app, ours)
    app.state.frame = _frame(ours)
    http.install(
        app,
        database=ours.database,
        secret=settings.secrets[0],
        former_secrets=settings.secrets[1:],
        authenticate=identity.Authenticator(ours.identity, ours.database),
        owner_of=identity.owner_of,
        trusted_proxies=networks(settings.trusted_proxies),
        body_max=settings.body_bytes_max,
        locale=settings.locale,
        is_test=settings.environment == "test",
    )
    if settings.cors_origins:
        _let_pages_call(app, settings.cors_origins)
    _mount(app, ours)
    openapi.install(app)
    express.install(
        app, app.state.authenticate, is_full=ours.batcher.is_full, trusted_proxies=networks(settings.trusted_proxies)
    )
    quick_reads.install(app, trusted_proxies=networks(settings.trusted_proxies))
    return app


def create_worker_app(ours: House) -> FastAPI:
    """What a worker tells of itself: its health and its metrics."""
    app = FastAPI(title="Holdfast worker", version=holdfast.__version__, openapi_url=None)
    app.state.house = ours
    settings = ours.settings
    trusted = networks(settings.trusted_proxies)
    http.install(app, database=ours.database, secret=settings.secrets[0], trusted_proxies=trusted)
    app.include_router(health.router, prefix=API)
    app.include_router(figures.router)
    http.check_routes(app, besides=frozenset({figures.PATH}))
    return app


def from_environment() -> FastAPI:
    """For a server that makes its own processes: `uvicorn --factory holdfast.app.main:from_environment`."""
    settings = Settings()
    house.speak(settings)
    return create_app(settings)


def _hand_over(app: FastAPI, ours: House) -> None:
    """What routes find at `app.state`; each feature says in its `api` what it reads there."""
    app.state.house = ours
    app.state.till = ours.till
    app.state.batcher = ours.batcher
    app.state.products = ours.products
    app.state.ticket_keys = ours.ticket_keys
    app.state.return_addresses = ours.settings.return_addresses
    app.state.hold_bucket = ours.hold_bucket
    app.state.webhooks = ours.webhooks
    app.state.has_unfinished_business = retention.unfinished_business
    app.state.wind_up = partial(_wind_up, ours.till)
    app.state.blank = retention.blank
    app.state.personal_data = retention.PERSONAL_DATA
    app.state.lookout = realtime.Lookout(ours.database)
    app.state.hub = realtime.Hub(
        ours.database,
        realtime.RealtimeSettings(
            sockets_max=ours.settings.sockets_max, sockets_per_address_max=ours.settings.sockets_per_address_max
        ),
    )
    app.state.own_origin = ours.settings.origin
    app.state.socket_origins = frozenset({ours.settings.origin, *ours.settings.cors_origins})
    app.state.sandbox_inside = None


async def _wind_up(till: Till, database: Database, user_id: UUID, actor: Actor) -> None:
    await retention.wind_up(database, till, user_id, actor=actor)


def _mount(app: FastAPI, ours: House) -> None:
    settings = ours.settings
    is_sandbox_allowed = settings.environment != "production" and "sandbox" in ours.till.gateways
    for router in SHARED:
        app.include_router(router, prefix=API)
    if is_sandbox_allowed:
        app.include_router(checkout_api.simulation, prefix=API)
    for product in ours.products.all:
        app.include_router(product.api, prefix=f"{API}/{product.name}")
    root = ours.products.named(ours.products.root) if ours.products.root else None
    if root is not None:  # the same operations again: described once, under the product's own name
        app.include_router(root.api, prefix=API, include_in_schema=False)
    app.include_router(identity_api.well_known)
    app.include_router(realtime_api.router, prefix=API)
    app.include_router(realtime_api.router)
    for product in ours.products.all:
        if product.sockets is not None:
            app.include_router(product.sockets, prefix=f"{API}/{product.name}")
    if root is not None and root.sockets is not None:
        app.include_router(root.sockets, prefix=API)
        app.include_router(root.sockets)
    _mount_pages(app, ours)
    app.include_router(docs_ui.router)
    app.include_router(figures.router)
    http.check_routes(app, besides=frozenset({OPENAPI_PATH, figures.PATH}))
    switchboard.install(app)
    if is_sandbox_allowed and settings.has_sandbox_inside:
        app.state.sandbox_inside = create_sandbox(sandbox_settings(settings))
        app.mount(SANDBOX_PATH, app.state.sandbox_inside)


def _frame(ours: House) -> web.Frame:
    settings = ours.settings
    shown = [product for product in ours.products.all if product.pages is not None]
    payment_pages = urlsplit(settings.sandbox)
    return web.build(
        identity_settings=ours.identity,
        origin=settings.origin,
        product_templates={product.name: product.templates for product in shown if product.templates is not None},
        product_links=[web.Link(f"/{product.name}", product.title) for product in shown],
        pay_origins=(f"{payment_pages.scheme}://{payment_pages.netloc}",) if "sandbox" in settings.gateways else (),
        is_demo=settings.environment == "demo",
    )


def _mount_pages(app: FastAPI, ours: House) -> None:
    app.include_router(general_pages.files)
    app.include_router(web_pages.router)
    for product in ours.products.all:
        if product.pages is not None:
            app.include_router(product.pages)
    if ours.settings.environment != "production":
        app.include_router(styleguide.router)
    if ours.settings.environment in {"demo", "development"}:
        app.state.letters = FileSender(ours.settings.letters)
        app.include_router(letters.router)
    if ours.settings.environment == "demo":
        app.state.rush = Rush(ours, url=ours.settings.origin)
        app.include_router(rush.router)
    app.add_exception_handler(HTTPException, _nothing_there)


async def _nothing_there(request: Request, error: Exception) -> Response:
    """An address that no route knows: a page for who looks, a problem for who calls the API."""
    assert isinstance(error, HTTPException)
    is_page = not request.url.path.startswith(("/api", SANDBOX_PATH)) and request.method in {"GET", "HEAD"}
    if is_page and error.status_code == 404 and "text/html" in request.headers.get("accept", ""):  # noqa: PLR2004
        return await web.failure_page(request, web.PageNotFound())
    return await problems.of_the_framework(request, error)


def sandbox_settings(settings: Settings) -> SandboxSettings:
    """The sandbox that stands inside the server, with its books beside the platform's."""
    return SandboxSettings(
        file=Path(settings.data_folder) / "sandbox.sqlite3",
        api_key=settings.sandbox_api_key.get_secret_value(),
        webhook_secret=settings.sandbox_webhook_secrets[0].get_secret_value(),
        public_url=settings.sandbox,
        late_seconds=90.0 / settings.pace,
    )


def _let_pages_call(app: FastAPI, origins: tuple[str, ...]) -> None:
    """The API takes no cookie but for refreshing, so other origins get no credentials."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_credentials=False,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id"],
        expose_headers=["ETag", "Idempotent-Replayed", "Retry-After", "X-Request-Id"],
        max_age=600,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    ours: House = app.state.house
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(ours.close)
        await stack.enter_async_context(app.state.hub.running())
        if ours.settings.environment == "demo":
            stack.push_async_callback(app.state.rush.stop)
        if app.state.sandbox_inside is not None:
            await stack.enter_async_context(running(app.state.sandbox_inside))
        if ours.settings.with_worker:
            await stack.enter_async_context(_working(ours))
        yield


@contextlib.asynccontextmanager
async def _working(ours: House) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(ours, stop))
    try:
        yield
    finally:
        stop.set()
        await task
