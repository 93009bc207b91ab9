"""A receiver as a provider would write it, and the platform's side of telling it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook

from holdfast.kernel import webhooks
from holdfast.kernel.audit import Actor
from holdfast.kernel.webhooks import Courier, Endpoint, NewEndpoint, WebhookSettings, actions, queries
from holdfast.kernel.webhooks.models import webhook_deliveries, webhook_endpoints
from holdfast.kit import clock, outbox
from holdfast.kit.db import Database
from holdfast.kit.outgoing import Calls
from tests.builders_identity import SECRET
from tests.gateways.sandbox.serving import serving

#: The tests' receivers stand on this machine.
SETTINGS = WebhookSettings(secrets=(SECRET,), endpoints_max=3, calls=Calls(are_private_allowed=True, seconds=2.0))
SYSTEM = Actor.system()


@dataclass
class Receiver:
    """Takes messages down as they come; answers `answers` one after the other, then 200."""

    url: str = ""
    answers: list[int | tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    #: answers nothing until it is set
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/hook")
        async def hear(request: Request) -> Response:
            self.got.append((dict(request.headers), await request.body()))
            await self.released.wait()
            answer = self.answers.pop(0) if self.answers else 200
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            return Response(status_code=status, headers=headers)

        return app

    @property
    def messages(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]

    @property
    def told(self) -> list[str]:
        return [message["type"] for message in self.messages]

    def verified(self, secret: str, place: int = -1) -> Any:
        """What it got, if the library of Standard Webhooks believes it."""
        headers, body = self.got[place]
        return Webhook(secret).verify(body, headers)


@asynccontextmanager
async def receiving(*answers: int | tuple[int, dict[str, str]], is_slow: bool = False) -> AsyncIterator[Receiver]:
    receiver = Receiver(answers=list(answers))
    if not is_slow:
        receiver.released.set()
    async with serving(receiver.app()) as address:
        receiver.url = f"{address}/hook"
        yield receiver
        receiver.released.set()


async def endpoint(
    database: Database,
    url: str,
    *,
    provider_id: UUID | None = None,
    facts: tuple[str, ...] | None = None,
    settings: WebhookSettings = SETTINGS,
) -> Endpoint:
    async with database.transaction() as db:
        new = NewEndpoint(provider_id, url, None, facts)
        return await actions.create(db, new, settings=settings, actor=SYSTEM, now=await clock.moment(db))


async def secret_of(database: Database, endpoint_id: UUID) -> str:
    async with database.reader() as db:
        return await queries.reveal(db, endpoint_id, settings=SETTINGS)


async def seen(database: Database, endpoint_id: UUID) -> Endpoint:
    """The endpoint as it is now, deleted or not."""
    async with database.reader() as db:
        row = await db.one(sa.select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id))
    return queries.as_endpoint(row)


async def deliveries(database: Database, endpoint_id: UUID) -> list[sa.Row[Any]]:
    """Its deliveries as the rows have them, in the order in which they were noted."""
    statement = sa.select(webhook_deliveries).where(webhook_deliveries.c.endpoint_id == endpoint_id)
    async with database.reader() as db:
        return list(await db.all(statement.order_by(webhook_deliveries.c.id)))


async def publish(database: Database, fact: outbox.Fact, *, inventory_id: UUID | None = None) -> None:
    async with database.transaction() as db:
        await outbox.publish(db, fact, now=await clock.moment(db), inventory_id=inventory_id)


async def relay(database: Database) -> int:
    """What the worker does with facts that wait."""
    return await outbox.relay_waiting(database, listeners={}, hearers=(webhooks.hear,))


async def deliver(database: Database, settings: WebhookSettings = SETTINGS) -> int:
    """Every attempt that is due now; how many."""
    return await Courier(database, settings).deliver_due()


async def tell(database: Database) -> int:
    await relay(database)
    return await deliver(database)
