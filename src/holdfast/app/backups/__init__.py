"""Put the whole database into one file, and make a database of such a file again.

SQLite: its own online backup, looked through afterwards. PostgreSQL: pg_dump's custom format, one snapshot; the
programs are those of HOLDFAST_PG_BIN, of the wheel, or installed. Sales go on meanwhile. Files of the data folder
(letters, uploads) are not in it.
"""

import os
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from holdfast.kit.errors import Conflict, Invalid, Unavailable
from holdfast.kit.launcher import postgres_program

_SQLITE_HEAD = b"SQLite format 3\x00"
_POSTGRES_HEAD = b"PGDMP"
_REASON_CHARACTERS = 500


@dataclass(eq=False)
class FileExists(Conflict):
    """{path} is there already, and nothing is written over."""

    path: str


@dataclass(eq=False)
class DatabaseNotEmpty(Conflict):
    """The database has tables already; a backup is restored into an empty one."""


@dataclass(eq=False)
class BackupUnreadable(Invalid):
    """{path} is no whole backup of this kind of database."""

    path: str


@dataclass(eq=False)
class BackupFailed(Unavailable):
    """{program} gave up: {reason}."""

    program: str
    reason: str


def back_up(url: sa.URL, path: Path) -> int:
    """Write the file, for its owner alone to read; its bytes.

    FileExists, BackupFailed, BackupUnreadable, ServerNotFound.
    """
    if path.exists():
        raise FileExists(str(path))
    draft = path.with_name(f".{path.name}.part")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        if url.get_backend_name() == "sqlite":
            _copy_sqlite(_file_of(url), draft)
        else:
            _run(url, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={draft}")
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    return path.stat().st_size


def restore(url: sa.URL, path: Path) -> None:
    """Fill an empty database, all or nothing. BackupUnreadable, DatabaseNotEmpty, FileExists, BackupFailed."""
    is_sqlite = url.get_backend_name() == "sqlite"
    with path.open("rb") as file:
        head = _SQLITE_HEAD if is_sqlite else _POSTGRES_HEAD
        if file.read(len(head)) != head:
            raise BackupUnreadable(str(path))
    if is_sqlite:
        target = _file_of(url)
        if target.exists():
            raise FileExists(str(target))
        draft = target.with_name(f".{target.name}.part")
        draft.unlink(missing_ok=True)
        try:
            _copy_sqlite(path, draft)
            draft.chmod(0o600)
            draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)
    else:
        tables = _run(url, "psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--command={_COUNT_TABLES}")
        if tables.strip() != "0":
            raise DatabaseNotEmpty
        words = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges", str(path))
        _run(url, "pg_restore", *words)


_COUNT_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"


def _copy_sqlite(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as there,
        closing(sqlite3.connect(target)) as here,
    ):
        try:
            there.backup(here)
            (verdict,) = here.execute("PRAGMA integrity_check").fetchone()
        except sqlite3.DatabaseError as error:
            raise BackupUnreadable(str(source)) from error
        if verdict != "ok":
            raise BackupUnreadable(str(source))


def _file_of(url: sa.URL) -> Path:
    assert url.database, "a database in memory has no backup"
    return Path(url.database)


def _run(url: sa.URL, program: str, *words: str) -> str:
    """The password goes by the environment: `ps` shows the words of a command to everybody."""
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    env = {**os.environ, "PGPASSWORD": url.password or os.environ.get("PGPASSWORD", "")}
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL's own
        [postgres_program(program), f"--dbname={plain}", *words], env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailed(program, done.stderr.strip()[-_REASON_CHARACTERS:].rstrip("."))
    return done.stdout
