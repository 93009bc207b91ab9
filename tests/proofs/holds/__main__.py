"""Prove that the batch holds as a transaction a hold does: `./run prove holds [--scripts 10000] [--seconds 60]`.

Two parts. Scripts: random holds, replacements, releases, expiries, money in time, late and of another amount, and
cancelled occurrences, played on both ways on each database; after every step both must look the same. Torture, on
PostgreSQL: processes with clients and sweepers on several inventories, holds of 50 to 200 ms, connections ended by
`pg_terminate_backend` in the midst, and a trigger that writes down every change of a claim.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from holdfast.app.check import check
from holdfast.kernel.inventory import Limits
from holdfast.kernel.inventory.models import inventories
from holdfast.kit import logs, migrate
from holdfast.kit.db import Database
from holdfast.kit.launcher import start_postgres
from tests import builders
from tests.proofs.holds import auditing, playing

PROCESSES = 3
#: Between two lines of progress in a log.
LINE_SECONDS = 10.0
CLIENTS = 40
LIMITS = Limits(items_max=6, hold_seconds=4, second_hold="allow")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run prove holds", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scripts", type=int, default=10_000, help="how many, on each database; 0: none")
    parser.add_argument("--seconds", type=float, default=60.0, help="of torture; 0: none")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that share the scripts")
    parser.add_argument("--first", type=int, default=0, help="the number of the first script")
    parser.add_argument("--on", choices=("postgresql", "sqlite"), help="scripts on this database alone")
    asked = parser.parse_args()
    logs.configure(level="ERROR")
    with tempfile.TemporaryDirectory(prefix="holdfast-proof-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as nobody where this runs as root
        server = start_postgres(folder / "postgres", durable=False)
        try:
            is_right = True
            shares = _shares(asked.first, asked.scripts, asked.processes)
            if shares and asked.on != "sqlite":
                urls = [asyncio.run(_another(server.url, f"scripts{first}")) for first, _ in shares]
                is_right &= _scripts("postgresql", urls, shares)
            if shares and asked.on != "postgresql":
                files = [f"sqlite:///{folder / str(first)}.sqlite3" for first, _ in shares]
                is_right &= _scripts("sqlite", files, shares)
            if asked.seconds:
                is_right &= asyncio.run(_torture(asyncio.run(_another(server.url, "torture")), seconds=asked.seconds))
        finally:
            server.stop()
    return 0 if is_right else 1


def _shares(first: int, many: int, processes: int) -> list[tuple[int, int]]:
    """(first, how many) of each process; none that has nothing to do."""
    each = -(-many // processes) if many else 1
    return [(begin, min(each, first + many - begin)) for begin in range(first, first + many, each)]


def _scripts(dialect: str, urls: Sequence[str], shares: Sequence[tuple[int, int]]) -> bool:
    """Each process plays its share in a database of its own: the clock, which stands, is the database's."""
    spawned = multiprocessing.get_context("spawn")
    played, began, many = spawned.Value("i", 0), time.monotonic(), sum(share for _, share in shares)
    with ProcessPoolExecutor(len(shares), spawned, initializer=playing.count_in, initargs=(played,)) as processes:
        works = [processes.submit(playing.play, url, *share) for url, share in zip(urls, shares, strict=True)]
        told, told_at = 0, began
        try:
            while wait(works, timeout=0.5).not_done:
                if failed := next((work for work in works if work.done() and work.exception()), None):
                    failed.result()
                is_due = time.monotonic() - told_at >= LINE_SECONDS
                if played.value != told and (is_due or sys.stderr.isatty()):
                    told, told_at = played.value, time.monotonic()
                    _progress(f"{dialect}: {told:,} of {many:,} scripts, {told_at - began:.0f} s")
        except BaseException:  # one failed, or somebody has seen enough: what the others would find is not waited for
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        _progress_ends()
        found = [work.result() for work in works]
    seconds = time.monotonic() - began
    requests = sum(each for each, _ in found)
    _say(f"{dialect}: {many:,} scripts, {requests:,} requests, {seconds:.0f} s: the same on both ways")
    breaches = [breach for _, some in found for breach in some]
    for breach in breaches:
        _say(f"  {breach}")
    return not breaches


async def _another(server_url: str, name: str) -> str:
    """A database of its own on the same server: what scripts left behind is nobody's torture."""
    plain = sa.make_url(server_url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    return sa.make_url(server_url).set(database=name).render_as_string(hide_password=False)


async def _torture(url: str, *, seconds: float) -> bool:
    await migrate.upgrade(url)
    async with Database(url) as database:
        provider_id = (await builders.provider(database)).id
        rooms = [
            await builders.room(database, provider_id=provider_id, price=0, limits=LIMITS, **wish)
            for wish in ({"places": 30}, {"places": 60}, {"places": 8}, {"shape": "standing", "places": 25})
        ]
        async with database.transaction() as db:  # places that count against a total are sold twice, so to say
            await db.execute(sa.update(inventories).values(capacity=inventories.c.capacity * 2))
        await auditing.watch(database)
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "tests.proofs.holds.torture", url, str(seed), str(seconds), str(CLIENTS)),
                *(str(room.inventory.id) for room in rooms),
                stdout=asyncio.subprocess.PIPE,
            )
            for seed in range(PROCESSES)
        ]
        killed: list[int] = []
        killing = asyncio.create_task(_kill(database, killed))
        seen: Counter[str] = Counter()
        for process in processes:
            out, _ = await process.communicate()
            seen.update(json.loads(out))
        killing.cancel()
        await asyncio.wait([killing])
        wrong: dict[str, Any] = {**await auditing.answers(database)}
        wrong |= {f"check: {breach.name}": 1 for breach in await check(database)}
        _say(f"torture: {PROCESSES} processes x {CLIENTS} clients, {seconds:.0f} s, {len(killed)} connections ended")
        _say(f"  answered: {dict(sorted(seen.items()))}")
        _say(f"  claims: {await auditing.figures(database)}")
        for name, many in wrong.items():
            _say(f"  {name}: {many}")
    return not any(wrong.values())


async def _kill(database: Database, killed: list[int]) -> None:
    """End connections, whatever they do, but never our own; until nobody wants it any more."""
    dice = random.Random(1)
    victim = sa.text(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast' "
        "AND pid <> pg_backend_pid() AND datname = current_database() ORDER BY random() LIMIT 1"
    )
    while True:
        await asyncio.sleep(dice.uniform(0.05, 0.2))
        async with database.reader() as db:
            killed += [row.pid for row in await db.all(victim)]


def _progress(text: str) -> None:
    """On a terminal in one line that changes; else a line now and then."""
    sys.stderr.write(f"\r{text}\x1b[K" if sys.stderr.isatty() else f"{text}\n")
    sys.stderr.flush()


def _progress_ends() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\n")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it started, as ^C does
    sys.exit(main())
