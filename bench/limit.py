"""The database's own limit: pgbench on Holdfast's tables, without any web layer. The program comes with the wheel."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa

from bench import processors
from bench.ground import Bench
from bench.measure import Measured
from bench.site import execute, fetch, plain
from bench.world import Caller, Schedule

_SCRIPTS = Path(__file__).with_name("pgbench")
#: More clients were not faster on two cores; this was the best of 8, 16, 32 and 64.
_CLIENTS = 32
#: The platform makes its ids itself, ascending; the database from here on.
_KNOWS_UUIDV7 = 180_000


def pgbench(bench: Bench, script: str, variables: Mapping[str, object], *, database: str) -> Measured:
    """One script by many clients, as prepared statements, for as long as a measurement lasts."""
    site = bench.site
    url = sa.make_url(plain(site.database(database)))
    clients = min(_CLIENTS, bench.scale.clients)
    words = [
        *(str(site.program("pgbench")), "-n", "-M", "prepared", "-c", str(clients), "-j", "2"),
        *("-T", str(max(int(bench.scale.seconds), 1)), "-f", str(_SCRIPTS / f"{script}.sql")),
        *("-h", str(url.host), "-p", str(url.port), "-U", str(url.username)),
        *(word for name, value in variables.items() for word in ("-D", f"{name}={value}")),
        str(url.database),
    ]
    before, own = site.postgres_processor, processors.of_ended()
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={"PGPASSWORD": str(url.password or "")}
    )
    used, own = site.postgres_processor - before, processors.of_ended() - own
    rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
    many = re.search(r"transactions actually processed: (\d+)", done.stdout)
    latency = re.search(r"latency average = ([\d.]+)", done.stdout)
    assert rate is not None, done.stderr[-2000:]
    assert many is not None
    each = 1_000_000 / max(int(many[1]), 1)
    mean = float(latency[1]) if latency else 0.0
    found = Measured(rate=float(rate[1]), p50=mean, p99=mean, postgres=used * each, load=own * each)
    found.wrong.update({line: 1 for line in done.stderr.splitlines() if "ERROR" in line})
    return found


async def prepare_holds(url: str, schedules: list[Schedule], callers: list[Caller]) -> None:
    """The places that the script takes one after the other, and who takes them."""
    (version,) = (await fetch(url, "SELECT current_setting('server_version_num')::int"))[0]
    ascending = "uuidv7" if version >= _KNOWS_UUIDV7 else "gen_random_uuid"
    await execute(
        url,
        "DROP TABLE IF EXISTS bench_inventories, bench_people",
        "DROP SEQUENCE IF EXISTS bench_hold",
        f"CREATE OR REPLACE FUNCTION bench_id() RETURNS uuid LANGUAGE sql VOLATILE AS 'SELECT {ascending}()'",
        "CREATE SEQUENCE bench_hold MINVALUE 0 START 0 CACHE 1",
        "CREATE TABLE bench_inventories (n bigint PRIMARY KEY, id uuid NOT NULL)",
        "CREATE TABLE bench_people (n bigint PRIMARY KEY, id uuid NOT NULL)",
        _numbered("bench_inventories", [str(each.id) for each in schedules]),
        _numbered("bench_people", [str(each.id) for each in callers]),
        "VACUUM ANALYZE bench_inventories, bench_people",
    )


def _numbered(table: str, ids: list[str]) -> str:
    rows = ", ".join(f"({number}, '{each}')" for number, each in enumerate(ids))
    return f"INSERT INTO {table} VALUES {rows}"
