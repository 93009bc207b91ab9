"""One server for each database, for all contract tests of a worker, with bus standing at the root.

The server does the jobs as well and has the sandbox inside, so that a site is one process. Everybody but its two
admins is made by the tests themselves; the tests of a site run one after another (`xdist_group`), so one of them may
move its clock.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from _pytest.nodeid import NodeId

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.conftest import cloned_database
from tests.contract import bus
from tests.contract.site import Site

ADMIN_EMAIL = "admin@example.org"
SECOND_ADMIN_EMAIL = "second-admin@example.org"
_SECRET = "of the contract tests: long enough, and nobody else's 0123456789"
_SANDBOX_KEY = "key of the contract's sandbox"
_WEBHOOK_SECRET = "secret of the contract's webhooks"
_HASH = "$2b$04$ugxzZBvJUsOvN6vd2jWMtesClAblKU5Vki3ZLUNVUgj.HjVR9qkcu"  # of site.PASSWORD, cost 4
_ENDPOINT_OF = {row.test: row.title for row in bus.ENDPOINTS}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the groups for `--dist loadgroup`: xdist 3.8 writes them where pytest 9.2 no longer reads them."""
    for item in items:
        named = getattr(item, "_nodeid", "")
        if "@contract-" in named and item.nodeid != named:
            item._id = NodeId.parse(named)  # noqa: SLF001


@pytest.fixture(
    params=[
        pytest.param("sqlite", marks=pytest.mark.xdist_group("contract-sqlite")),
        pytest.param("postgresql", marks=pytest.mark.xdist_group("contract-postgresql")),
    ]
)
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The platform; a test that answers for an endpoint of the seed has to have called it."""
    found: Site = request.getfixturevalue(f"_site_on_{request.param}")
    found.begin()
    failed_before = request.session.testsfailed
    yield found
    if request.session.testsfailed > failed_before:
        return
    file_and_name = f"{request.path.name}::{request.node.originalname}"
    endpoint = _ENDPOINT_OF.get(file_and_name)
    if endpoint is not None:
        method, path = endpoint.split()
        pattern = re.compile(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", path))
        assert any(said == method and pattern.fullmatch(asked) for said, asked in found.calls), (
            f"{file_and_name} never asked {endpoint}"
        )


@pytest.fixture(scope="session")
def _site_on_sqlite(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("contract")
    url = f"sqlite:///{shutil.copy(_sqlite_template, folder / 'holdfast.sqlite3')}"
    with _site(url, folder) as site:
        yield site


@pytest.fixture(scope="session")
def _site_on_postgresql(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("contract")
    with cloned_database(postgres_url) as url, _site(url, folder) as site:
        yield site


@contextmanager
def _site(database_url: str, folder: Path) -> Iterator[Site]:
    asyncio.run(_open(database_url))
    with (
        (folder / "server.log").open("w") as log,
        _serving(database_url, folder, log.fileno()) as url,
        httpx2.Client(base_url=url, timeout=20) as http,
    ):
        site = Site(http, database_url, sandbox_key=_SANDBOX_KEY, webhook_secret=_WEBHOOK_SECRET)
        site.admin = site.sign_in(ADMIN_EMAIL)
        site.second_admin = site.sign_in(SECOND_ADMIN_EMAIL)
        yield site
    told = (folder / "server.log").read_text()
    assert "Traceback" not in told, f"the server met a bug:\n{told[-8_000:]}"


@contextmanager
def _serving(database_url: str, folder: Path, log: int) -> Iterator[str]:
    """`holdfast serve` on a free port, until the end."""
    settings = {
        "ENVIRONMENT": "test",
        "ROOT_PRODUCT": "bus",
        "DATABASE_URL": database_url,
        "DATA_FOLDER": str(folder),
        "SECRET": _SECRET,
        "SANDBOX_API_KEY": _SANDBOX_KEY,
        "SANDBOX_WEBHOOK_SECRETS": _WEBHOOK_SECRET,
        "BCRYPT_COST": "4",
        "SIGN_INS_PER_ACCOUNT": "1000",
        "HOLDS_PER_USER_AND_MINUTE": "10000",
        "LETTERS_PER_ADDRESS_AND_HOUR": "100000",
        "LOG_LEVEL": "WARNING",
        "PORT": "0",
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    environment |= {f"HOLDFAST_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-c", "from holdfast.app.cli import main; main()", "serve", "--with-worker", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=folder
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the server did not start:\n{(folder / 'server.log').read_text()}"
            yield json.loads(line)["url"]
        finally:
            process.terminate()


async def _open(database_url: str) -> None:
    """The default provider, to whom belongs what admins create, and two admins: nobody becomes one over HTTP alone."""
    settings = identity.IdentitySettings(secret=_SECRET, roles=("customer", "operator", "admin"))
    async with Database(database_url, pool_size=1, test_clock=True) as database, database.transaction() as db:
        now = await clock.moment(db)
        await identity.create_provider(
            db, name="Nile Coaches", currency="EGP", zone="Africa/Cairo", is_default=True, actor=Actor.system(), now=now
        )
        for number, email in enumerate((ADMIN_EMAIL, SECOND_ADMIN_EMAIL)):
            await identity.create_user(
                db,
                settings=settings,
                email=email,
                password_hash=_HASH,
                phone_number=f"+20100000000{number}",
                first_name="Adel",
                last_name="Fahmy",
                roles=("admin",),
                is_verified=True,
                actor=Actor.system(),
                now=now,
            )
