"""Where the proof of realtime runs: PostgreSQL that writes through to the disk and keeps the moment of each commit."""

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import sqlalchemy as sa

from holdfast.kit import migrate
from holdfast.kit.launcher import start_postgres
from tests.journeys.sites import RAISED, Site, open_site

SERVERS = 2
_TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def proving_site() -> Iterator[Site]:
    """Two servers that share a database, and a sandbox; no worker. Every clock of a booking runs ten times as fast."""
    folder = Path(tempfile.mkdtemp(prefix="holdfast-proof-"))
    folder.chmod(0o755)  # PostgreSQL runs as nobody where this runs as root
    os.environ.setdefault("HOLDFAST_TEST_RUN_FOLDER", str(folder))
    try:
        with start_postgres(folder / "postgres", durable=True) as server:
            asyncio.run(_execute(server.url, "ALTER SYSTEM SET track_commit_timestamp = on"))
        with start_postgres(folder / "postgres", durable=True) as server:  # it is read at the start
            asyncio.run(migrate.upgrade(server.url))
            raised = {"sockets_max": RAISED, "sockets_per_address_max": RAISED}
            with open_site("postgresql", server.url, folder, servers=SERVERS, demo_fast=True, **raised) as site:
                yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def processor_seconds(site: Site) -> float | None:
    """What the servers have used so far; None where the system does not tell."""
    used = 0
    for server in site.servers:
        try:
            fields = Path(f"/proc/{server.pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            return None
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(
        sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    )
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
