from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import structlog
from sqlalchemy.schema import CreateTable

from holdfast.kit.clock import test_clock
from holdfast.kit.db import Database
from holdfast.kit.idempotency import idempotency_keys
from holdfast.kit.ratelimit import rate_limits
from tests.kit import bakery


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> Iterator[None]:
    """structlog's own default draws every local variable of a trace, which takes seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
    yield
    structlog.reset_defaults()


@pytest.fixture
async def kitchen(database: Database) -> Database:
    """A database with the tables of the edge and of the bakery, whatever the migrations have by now."""
    async with database.transaction() as db:
        for table in (test_clock, idempotency_keys, rate_limits, bakery.loaves):
            await db.execute(CreateTable(table, if_not_exists=True))
    return database


@pytest.fixture
async def client(kitchen: Database) -> AsyncIterator[httpx2.AsyncClient]:
    async with bakery.client(bakery.application(kitchen)) as client:
        yield client
