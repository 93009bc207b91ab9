import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from pydantic import SecretStr

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kit.db import Database
from tests.builders_identity import SECRET
from tests.journeys import shared

RAISED = 1_000_000


def application(database: Database, folder: Path, **changes: object) -> FastAPI:
    """The whole platform on this database, with limits that no test meets by accident."""
    values = {
        "environment": "test",
        "data_folder": folder,
        "secret": SecretStr(SECRET),
        "bcrypt_cost": 4,
        "holds_per_user_and_minute": RAISED,
        "sign_ins_per_account": RAISED,
        "letters_per_contact": RAISED,
        "letters_per_contact_and_day": RAISED,
        "letters_per_address_and_hour": RAISED,
    }
    return create_app(Settings(_env_file=None, **(values | changes)), database=database)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _few_words() -> Iterator[None]:
    """Thousands of requests, of which nobody reads the access lines: writing them takes as long as answering."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.configure(**before)


@pytest.fixture
async def app(database: Database, tmp_path: Path) -> AsyncIterator[FastAPI]:
    app = application(database, tmp_path)
    async with app.state.batcher:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def pytest_sessionfinish() -> None:
    shared.close_all()
