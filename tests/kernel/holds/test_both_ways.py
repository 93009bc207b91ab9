"""The batch answers and leaves what a transaction a hold would; `./run prove holds` plays ten thousand such scripts."""

import pytest

from holdfast.app.check import check
from holdfast.kernel.checkout import TillBatch
from holdfast.kernel.holds import Batcher
from holdfast.kit.db import Database
from tests import builders
from tests.builders import CLOCKS, Time
from tests.proofs.holds import scripts

SCRIPTS = 12
#: The scripts cancel an occurrence without the log that its product would write.
UNLOGGED = "inventory_state_not_logged"


@pytest.fixture
def way() -> str:
    """Both, one beside the other."""
    return "both"


@pytest.mark.alone
async def test_random_scripts_end_the_same_on_both_ways(database: Database, time: Time) -> None:
    provider_id = (await builders.provider(database)).id
    async with Batcher(database, CLOCKS) as batcher, TillBatch(database) as till:
        played = [
            await scripts.play(database, batcher, till, time, provider_id=provider_id, seed=seed)
            for seed in range(SCRIPTS)
        ]

    assert sum(played) > SCRIPTS
    assert [breach for breach in await check(database) if breach.name != UNLOGGED] == []
