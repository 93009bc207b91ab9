"""Serve the sandbox, and the shop that its webhooks go to, on real ports."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI, Request, Response
from typing_extensions import override

from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel.payments import CheckoutSession
from tests.gateways.port_contract import request

API_KEY = "key-of-the-shop"
SECRET = "secret-of-the-webhooks"
_WAIT_SECONDS = 10.0
_LOOK_SECONDS = 0.01


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are the test runner's

    @override
    async def main_loop(self) -> None:
        await self.stopping.wait()  # the original looks ten times a second


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an application on a free port of this process; gives its address."""
    # Named as TCP, or asyncio leaves Nagle's delay on, and every answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1)
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            assert not task.done(), "the server did not start"
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        server.stopping.set()
        await task


@contextlib.contextmanager
def sandbox_process(file: Path, *options: str, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the sandbox as a process of its own; gives the process and its address once it answers."""
    command = [sys.executable, "-m", "holdfast.gateways.sandbox", "--file", str(file), "--port", str(port), *options]
    secrets = {"HOLDFAST_SANDBOX_API_KEY": API_KEY, "HOLDFAST_SANDBOX_WEBHOOK_SECRET": SECRET}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **secrets}) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("sandbox ready at "), line
            yield process, line.split()[-1]
        finally:
            process.terminate()


@dataclass
class Shop:
    """Takes webhooks down as they come, and answers them as told."""

    url: str = ""
    status: int = 200
    got: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    tries: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/webhook")
        async def webhook(request: Request) -> Response:
            body = await request.body()
            self.tries[json.loads(body)["id"]] += 1
            self.got.append((dict(request.headers), body))
            return Response(status_code=self.status)

        return app

    def told(self, reference: str) -> list[str]:
        """The kinds of the webhooks about this payment or refund, in the order they came."""
        events = [json.loads(body) for _, body in self.got]
        return [event["type"] for event in events if event["data"]["reference"] == reference]

    async def waits_for(self, reference: str, kinds: list[str]) -> None:
        """Return once these were told, in this order and first; fail when they don't come."""
        for _ in range(round(_WAIT_SECONDS / _LOOK_SECONDS)):
            if len(self.told(reference)) >= len(kinds):
                break
            await asyncio.sleep(_LOOK_SECONDS)
        assert self.told(reference)[: len(kinds)] == kinds


@dataclass
class SandboxWorld:
    """The sandbox on a port, its adapter, a shop, and a browser."""

    url: str
    shop: Shop
    gateway: SandboxGateway
    api: httpx2.AsyncClient
    browser: httpx2.AsyncClient

    @property
    def webhook_url(self) -> str:
        return f"{self.shop.url}/webhook"

    def now(self) -> datetime:
        return datetime.now(UTC)

    def nowhere(self) -> SandboxGateway:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        return SandboxGateway(f"http://127.0.0.1:{port}", api_key=API_KEY, secrets=(SECRET,))

    def body(self, *, return_url: str | None = None, **wish: Any) -> dict[str, Any]:
        """What a shop sends to open a checkout."""
        wanted = request(self, **wish)
        return {
            "key": wanted.key,
            "amount": wanted.amount.amount,
            "currency": wanted.amount.currency,
            "description": wanted.description,
            "method": wanted.method,
            "expires_at": wanted.expires_at.isoformat(),
            "webhook_url": wanted.webhook_url,
            "return_url": return_url,
        }

    async def opened(self, *, return_url: str | None = None, **wish: Any) -> CheckoutSession:
        answer = await self.api.post("/v1/checkouts", json=self.body(return_url=return_url, **wish))
        assert answer.status_code == 201, answer.text
        return CheckoutSession(reference=answer.json()["reference"], url=answer.json()["url"])

    async def tell(self, **faults: Any) -> None:
        answer = await self.api.post("/v1/faults", json=faults)
        assert answer.status_code == 200, answer.text

    async def tell_time_passes(self, **by: float) -> None:
        await self.tell(clock_offset_seconds=timedelta(**by).total_seconds())

    async def enter(self, reference: str, card: str) -> httpx2.Response:
        return await self.enter_at(self.url, reference, card)

    async def enter_at(self, url: str, reference: str, card: str) -> httpx2.Response:
        return await self.browser.post(f"{url}/checkout/{reference}", data={"card": card, "action": "pay"})

    async def pay(self, reference: str) -> None:
        await self.enter(reference, "4242 4242 4242 4242")

    async def decline(self, reference: str) -> None:
        await self.enter(reference, "4000 0000 0000 0002")

    async def webhook(self, reference: str, kind: str) -> tuple[Mapping[str, str], bytes]:
        await self.shop.waits_for(reference, [kind])
        return next(
            (headers, body) for headers, body in self.shop.got if json.loads(body)["data"]["reference"] == reference
        )

    async def refund_settled(self, key: str) -> None:
        for _ in range(round(_WAIT_SECONDS / _LOOK_SECONDS)):
            refund = await self.gateway.refund_state(key=key)
            if refund is not None and refund.status != "pending":
                return
            await asyncio.sleep(_LOOK_SECONDS)
        message = f"the refund {key} does not settle"
        raise AssertionError(message)

    async def books(self) -> Any:
        return (await self.api.get("/v1/books")).json()
