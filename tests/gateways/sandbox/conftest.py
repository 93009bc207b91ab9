from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from holdfast.gateways.sandbox import SandboxSettings, create_sandbox
from holdfast.gateways.sandbox.adapter import SandboxGateway
from tests.gateways.sandbox.serving import API_KEY, SECRET, SandboxWorld, Shop, serving


def settings_in(folder: Path) -> SandboxSettings:
    return SandboxSettings(
        file=folder / "books.sqlite3",
        api_key=API_KEY,
        webhook_secret=SECRET,
        fee_basis_points=150,
        late_seconds=30,
        refund_seconds=0.02,
        retry_seconds=(0.05, 0.1),
        delivery_timeout_seconds=2,
        tick_seconds=0.05,
    )


@pytest.fixture
async def world(world_of_module: SandboxWorld) -> AsyncIterator[SandboxWorld]:
    """One sandbox serves a whole file of tests; each makes its own payments and finds it without faults."""
    yield world_of_module
    world_of_module.shop.status = 200
    await world_of_module.api.delete("/v1/faults")


@pytest.fixture(scope="module")
async def world_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxWorld]:
    settings = settings_in(tmp_path_factory.mktemp("sandbox"))
    async with AsyncExitStack() as stack:
        shop = Shop()
        shop.url = await stack.enter_async_context(serving(shop.app()))
        url = await stack.enter_async_context(serving(create_sandbox(settings)))
        gateway = SandboxGateway(url, api_key=API_KEY, secrets=(SECRET,), timeout_seconds=2)
        stack.push_async_callback(gateway.close)
        headers = {"Authorization": f"Bearer {API_KEY}"}
        api = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, headers=headers))
        browser = await stack.enter_async_context(httpx2.AsyncClient())
        yield SandboxWorld(url=url, shop=shop, gateway=gateway, api=api, browser=browser)
