from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from tests import builders


@pytest.fixture(params=["plain", "batched"], autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Every rule of holds is tried on both ways: a transaction a hold, and the batch that servers use."""
    with builders.batched() if request.param == "batched" else nullcontext():
        yield request.param
