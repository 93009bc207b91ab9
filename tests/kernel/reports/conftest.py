from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kit.db import Database
from tests.builders_identity import SECRET


@pytest.fixture
def app(database: Database, tmp_path: Path) -> FastAPI:
    settings = Settings(
        _env_file=None, environment="test", data_folder=tmp_path, bcrypt_cost=4, secret=SecretStr(SECRET)
    )
    return create_app(settings, database=database)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client
