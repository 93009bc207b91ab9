from pathlib import Path

import pytest

from holdfast.kit.db import Database
from tests.builders import Time
from tests.kernel.notifications.world import World, open_world


@pytest.fixture
def world(database: Database, tmp_path: Path, time: Time) -> World:
    """A platform whose letters are kept for the test to read."""
    return open_world(database, tmp_path, time)
