"""One process of those that share the scripts: it plays them in a database of its own."""

import asyncio
from multiprocessing.sharedctypes import Synchronized

from holdfast.app.check import check
from holdfast.kernel.checkout import TillBatch
from holdfast.kernel.holds import Batcher
from holdfast.kit import logs, migrate
from holdfast.kit.db import Database
from tests import builders
from tests.builders import CLOCKS
from tests.proofs.holds import scripts

#: The scripts cancel an occurrence without the log that its product would write.
UNLOGGED = "inventory_state_not_logged"
_played: "Synchronized[int] | None" = None


def count_in(played: "Synchronized[int]") -> None:
    global _played  # noqa: PLW0603 - a process of the pool is handed it once, at its start
    _played = played
    logs.configure(level="ERROR")


def play(url: str, first: int, many: int) -> tuple[int, list[str]]:
    return asyncio.run(_play(url, first, many))


async def _play(url: str, first: int, many: int) -> tuple[int, list[str]]:
    """How many requests the scripts made, and what is wrong afterwards."""
    await migrate.upgrade(url)
    requests = 0
    async with (
        Database(url, test_clock=True) as database,
        Batcher(database, CLOCKS) as batcher,
        TillBatch(database) as till,
    ):
        provider_id = (await builders.provider(database)).id
        async with builders.standing_clock(database) as clock:
            for seed in range(first, first + many):
                try:
                    requests += await scripts.play(database, batcher, till, clock, provider_id=provider_id, seed=seed)
                except Exception as failed:
                    failed.add_note(f"in script {seed}")
                    raise
                if _played is not None:
                    with _played.get_lock():
                        _played.value += 1
            found = [breach for breach in await check(database) if breach.name != UNLOGGED]  # while that clock stands
    return requests, [str(breach) for breach in found]
