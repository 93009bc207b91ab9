"""The chain of the activity log is broken by hand, and `holdfast check` names it."""

import pytest

from holdfast.app import worker
from tests import builders
from tests.app.test_check import World, database_url, made_on_postgresql, made_on_sqlite, world

__all__ = ["database_url", "made_on_postgresql", "made_on_sqlite", "world"]
pytestmark = pytest.mark.alone


@pytest.fixture
async def chained(world: World) -> World:
    await world.time.forward(minutes=1)
    assert await worker.chain(world.database) > 2
    assert await world.names() == set()
    return world


async def test_a_row_that_was_changed(chained: World) -> None:
    await chained.without("activity_logs")
    await chained.plant("UPDATE activity_logs SET request_id = 'x' WHERE action_type = 'booking_confirmed'")

    assert await chained.names() == {(8, "activity_chain_broken"), (8, "append_only_trigger_missing")}


async def test_a_hash_that_was_changed(chained: World) -> None:
    await chained.without("activity_chain")
    await chained.plant(f"UPDATE activity_chain SET hash = '{'0' * 64}' WHERE n = 1")

    assert await chained.names() == {(8, "activity_chain_broken"), (8, "append_only_trigger_missing")}


async def test_a_link_that_was_removed(chained: World) -> None:
    await builders.release(chained.database, chained.held)
    await chained.time.forward(minutes=1)
    assert await worker.chain(chained.database) > 0
    await chained.without("activity_chain")
    await chained.plant("DELETE FROM activity_chain WHERE n = 1")

    assert (8, "gap_in_activity_chain") in await chained.names()
    await chained.time.forward(minutes=10)
    assert (8, "unchained_row_before_a_chained_one") in await chained.names()
