from collections.abc import AsyncIterator

import pytest

from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time


@pytest.fixture
async def time(database: Database) -> AsyncIterator[Time]:
    """The database's clock, standing still until the test moves it."""
    async with builders.standing_clock(database) as time:
        yield time
