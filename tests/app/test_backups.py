"""The whole database in one file, and back: what sells on is what was sold."""

import asyncio
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import sqlalchemy as sa

from tests.app.shell import Shell

CUSTOMER = (
    "--email",
    "amal@example.org",
    "--phone",
    "+201001234567",
    "--first-name",
    "Amal",
    "--last-name",
    "Hassan",
    "--verified",
)


@pytest.fixture
def empty_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """An address of the same kind with nothing at it."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.sqlite3'}"
        return
    server, name = request.getfixturevalue("postgres_url"), f"restored_{uuid.uuid4().hex}"
    asyncio.run(_execute(server, f"CREATE DATABASE {name}"))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    asyncio.run(_execute(server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.mark.alone
def test_what_was_backed_up_is_there_again_and_whole(shell: Shell, database_url: str, empty_url: str) -> None:
    file = shell.folder / "today.backup"
    made = shell.told("user", "create", *CUSTOMER, database_url=database_url)

    wrote = shell.told("backup", "--to", str(file), database_url=database_url)
    shell.told(
        "user",
        "create",
        *CUSTOMER[:1],
        "later@example.org",
        *CUSTOMER[2:3],
        "+201001234568",
        *CUSTOMER[4:],
        database_url=database_url,
    )
    restored = shell.told("restore", "--from", str(file), database_url=empty_url)
    again = shell.run("user", "create", *CUSTOMER, database_url=empty_url)
    checked = shell.told("check", database_url=empty_url)

    assert made["email"] == "amal@example.org"
    assert wrote["bytes"] == file.stat().st_size > 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert restored["breaches"] == 0
    assert restored["revision"] == restored["head"]
    assert again.returncode == 1  # the account is there
    assert checked == {"breaches": []}
    assert not list(shell.folder.glob(".*.part"))


@pytest.mark.alone
def test_nothing_is_written_over(shell: Shell, database_url: str) -> None:
    file = shell.folder / "today.backup"
    shell.told("backup", "--to", str(file), database_url=database_url)
    before = file.read_bytes()

    again = shell.run("backup", "--to", str(file), database_url=database_url)
    onto = shell.run("restore", "--from", str(file), database_url=database_url)

    assert (again.returncode, again.stderr.split(":")[0]) == (1, "file_exists")
    assert onto.returncode == 1
    assert onto.stderr.split(":")[0] in {"file_exists", "database_not_empty"}
    assert file.read_bytes() == before


def test_a_file_that_is_no_backup_is_refused(shell: Shell, database_url: str, empty_url: str) -> None:
    text, broken = shell.folder / "letter.txt", shell.folder / "broken.backup"
    text.write_text("Dear customer")
    shell.told("backup", "--to", str(broken), database_url=database_url)
    os.truncate(broken, broken.stat().st_size // 2)

    for file in (text, broken):
        refused = shell.run("restore", "--from", str(file), database_url=empty_url)
        assert refused.returncode == 1
        assert refused.stderr.split(":")[0] in {"backup_unreadable", "backup_failed"}
    assert shell.run("migrate", "--check", database_url=empty_url).returncode == 1  # nothing was restored


def test_a_database_that_cannot_be_reached_leaves_no_file(shell: Shell) -> None:
    file = shell.folder / "today.backup"

    done = shell.run("backup", "--to", str(file), database_url="postgresql://me:secret-word@127.0.0.1:9/none")

    assert (done.returncode, done.stderr.split(":")[0]) == (1, "backup_failed")
    assert "secret-word" not in done.stderr
    assert list(shell.folder.iterdir()) == []


async def _execute(url: str, statement: str) -> None:
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
