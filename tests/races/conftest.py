from collections.abc import AsyncIterator

import pytest

from tests.journeys import shared
from tests.journeys.sites import Site
from tests.journeys.world import World, open_world


@pytest.fixture(params=shared.DIALECTS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site that journeys share too: two servers on PostgreSQL, one on SQLite."""
    return shared.site(request, tmp_path_factory, request.param)


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    """It, as one test uses it."""
    async with open_world(site) as world:
        yield world
