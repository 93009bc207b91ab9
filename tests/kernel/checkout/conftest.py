"""A till whose gateway is the sandbox, on a port of its own, telling us by webhooks over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from holdfast.gateways.sandbox import SandboxSettings, create_sandbox
from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel import checkout, refunds
from holdfast.kernel.bookings import Booking
from holdfast.kernel.checkout import Till, TillBatch, tasks
from holdfast.kernel.holds import Hold
from holdfast.kernel.payments import Method, Payment
from holdfast.kit import jobs
from holdfast.kit.db import Database
from tests import builders
from tests.gateways.sandbox.serving import serving

API_KEY, SECRET = "key-of-the-shop", "secret-of-the-webhooks"
CARDS = {"success": "4242 4242 4242 4242", "decline": "4000 0000 0000 0002"}
_WAIT_SECONDS, _LOOK_SECONDS = 10.0, 0.02


@dataclass
class Shop:
    """The kernel behind a door that takes webhooks; `is_deaf` answers 503 to all of them."""

    database: Database
    till: Till
    sandbox: httpx2.AsyncClient
    is_deaf: bool = False
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def gateway(self) -> SandboxGateway:
        gateway = self.till.first
        assert isinstance(gateway, SandboxGateway)
        return gateway

    async def webhook(self, request: Request) -> Response:
        body = await request.body()
        self.got.append((dict(request.headers), body))
        if self.is_deaf:
            return Response(status_code=503)
        await self.receive(dict(request.headers), body)
        return Response(status_code=200)

    async def receive(self, headers: dict[str, str], body: bytes) -> None:
        await tasks.receive(self.database, self.till, gateway="sandbox", headers=headers, body=body)

    async def pay(self, held: Hold, *, method: Method = "credit_card") -> Payment:
        """Its owner goes to the till and is shown where to pay."""
        _, payment = await tasks.pay(
            self.database,
            self.till,
            held.id,
            method=method,
            amount=None,
            return_url=None,
            actor=builders.user_actor(held.owner_id),
        )
        assert payment is not None
        return payment

    async def enter(self, payment: Payment, card: str = "success") -> None:
        """The customer enters a card on the gateway's page."""
        await self.sandbox.post(f"/checkout/{payment.gateway_reference}", data={"card": CARDS[card], "action": "pay"})

    async def tell(self, **faults: Any) -> None:
        """Make the gateway faulty."""
        answer = await self.sandbox.post("/v1/faults", json=faults)
        assert answer.status_code == 200, answer.text

    async def books(self) -> Any:
        """The gateway's own books."""
        return (await self.sandbox.get("/v1/books")).json()

    async def work(self) -> None:
        """Do the jobs that are due."""
        handlers: dict[str, jobs.Handler] = {
            checkout.END: partial(tasks.end_payment, self.database, self.till),
            refunds.SEND: partial(tasks.send_refund, self.database, self.till),
            checkout.CANCEL_OCCURRENCE: partial(tasks.cancel_occurrence, self.database),
            checkout.FINISH_OCCURRENCE: partial(tasks.finish_occurrence, self.database),
        }
        await jobs.drain(self.database, handlers)

    async def until(self, booking_id: UUID, state: str) -> Booking:
        """The booking once it is in that state."""
        for _ in range(round(_WAIT_SECONDS / _LOOK_SECONDS)):
            booked = await builders.booking_of(self.database, booking_id)
            if booked.state == state:
                return booked
            await asyncio.sleep(_LOOK_SECONDS)
        message = f"it does not become {state}"
        raise AssertionError(message)

    async def until_payment(self, payment_id: UUID, status: str) -> None:
        """Return once the payment is in that status."""
        for _ in range(round(_WAIT_SECONDS / _LOOK_SECONDS)):
            if (await builders.payment_of(self.database, payment_id)).status == status:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        message = f"it does not become {status}"
        raise AssertionError(message)

    async def until_told(self, kind: str) -> tuple[dict[str, str], bytes]:
        """The first webhook of that kind."""
        for _ in range(round(_WAIT_SECONDS / _LOOK_SECONDS)):
            for headers, body in self.got:
                if f'"{kind}"'.encode() in body:
                    return headers, body
            await asyncio.sleep(_LOOK_SECONDS)
        message = f"no {kind} came"
        raise AssertionError(message)


@pytest.fixture(params=["plain", "batched"], autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Whatever becomes of money is tried on both ways: a transaction a payment, and the batch that servers use."""
    with builders.batched() if request.param == "batched" else nullcontext():
        yield request.param


@pytest.fixture
async def shop(database: Database, tmp_path: Path, way: str) -> AsyncIterator[Shop]:
    settings = SandboxSettings(
        file=tmp_path / "books.sqlite3",
        api_key=API_KEY,
        webhook_secret=SECRET,
        fee_basis_points=150,
        refund_seconds=0.02,
        retry_seconds=(0.05, 0.1),
        delivery_timeout_seconds=5,
        tick_seconds=0.05,
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(create_sandbox(settings)))
        gateway = SandboxGateway(url, api_key=API_KEY, secrets=(SECRET,), timeout_seconds=5)
        stack.push_async_callback(gateway.close)
        headers = {"Authorization": f"Bearer {API_KEY}"}
        sandbox = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, headers=headers))
        shop = Shop(database, Till({}, builders.CLOCKS, ""), sandbox)
        door = await stack.enter_async_context(
            serving(Starlette(routes=[Route("/webhook/sandbox", shop.webhook, methods=["POST"])]))
        )
        batch = await stack.enter_async_context(TillBatch(database)) if way == "batched" else None
        shop.till = Till({"sandbox": gateway}, builders.CLOCKS, f"{door}/webhook", batch=batch)
        yield shop
