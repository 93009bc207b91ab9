"""Put the sandbox together: an ASGI application that shares nothing with the platform but HTTP."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse

from holdfast.gateways.sandbox import api, pages
from holdfast.gateways.sandbox.courier import Courier
from holdfast.gateways.sandbox.settings import SandboxSettings
from holdfast.gateways.sandbox.state import Sandbox
from holdfast.gateways.sandbox.store import Store
from holdfast.kit.errors import Error


def create_sandbox(settings: SandboxSettings) -> FastAPI:
    """The whole gateway. Webhooks leave and refunds settle while its lifespan, or `running`, lasts."""
    store = Store(settings.file)
    sandbox = Sandbox(settings=settings, store=store, courier=Courier(settings, store))
    app = FastAPI(title="Holdfast sandbox gateway", openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.sandbox = sandbox
    app.include_router(api.router)
    app.include_router(pages.router)
    app.add_exception_handler(Error, _problem)
    return app


@contextlib.asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Run a mounted sandbox: the application it is mounted in enters this in its own lifespan."""
    async with _lifespan(app):
        yield


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    sandbox: Sandbox = app.state.sandbox
    try:
        async with sandbox.courier.running():
            yield
    finally:
        await sandbox.store.close()


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Error)
    fields: dict[str, Any] = jsonable_encoder(error.fields)
    body = {**fields, "title": error.title, "status": error.status, "code": error.code, "detail": error.detail}
    return JSONResponse(body, status_code=error.status, media_type="application/problem+json")
