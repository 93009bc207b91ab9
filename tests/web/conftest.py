from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kit.db import Database

ORIGIN = "http://test"


@pytest.fixture
def app(database: Database, tmp_path: Path) -> FastAPI:
    settings = Settings(
        _env_file=None,
        environment="test",
        data_folder=tmp_path,
        bcrypt_cost=4,
        public_url=ORIGIN,
    )
    return create_app(settings, database=database)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Keeps cookies and says, as browsers do, that what it sends comes from our own pages."""
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}
    async with app.state.batcher, httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as client:
        yield client
