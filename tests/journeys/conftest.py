from collections.abc import AsyncIterator

import pytest

from tests.journeys import shared
from tests.journeys.sites import Site
from tests.journeys.world import World, open_world


@pytest.fixture(params=shared.DIALECTS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site of this kind of database that the tests of this process share."""
    return shared.site(request, tmp_path_factory, request.param)


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    """It, as one test uses it."""
    async with open_world(site) as world:
        yield world


def pytest_sessionfinish() -> None:
    shared.close_all()
