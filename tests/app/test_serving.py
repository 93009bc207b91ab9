"""What runs until it is stopped, as processes of their own: servers, workers, the demo."""

import os
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from holdfast.app import serving
from tests.app.shell import Shell

_PATIENCE_SECONDS = 90


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def alive(pid: int) -> bool:
    """A process of that id runs; one that nobody waited for yet does not count."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(") ")[2][0] != "Z"


def wait_for(is_so: Any, what: str) -> None:
    for _ in range(_PATIENCE_SECONDS * 20):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail(what)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# What runs until it is stopped


def test_several_processes_share_a_port_and_one_that_dies_is_replaced(migrated: Shell) -> None:
    with migrated.running("serve", "--workers", "2", "--port", "0") as (parent, said):
        ready = f"{said['url']}/api/v1/health/ready"
        before = children(parent.pid)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(children(parent.pid)) == 2 and before[0] not in children(parent.pid), "no successor")
        answers = [httpx2.get(ready, timeout=60).status_code for _ in range(20)]
        everybody = children(parent.pid)

        parent.terminate()
        code = parent.wait(30)

    assert said["processes"] == len(before) == 2
    assert answers == [200] * 20
    assert code == 0
    assert not any(map(alive, everybody))


def figures_of(pid: int) -> list[Path]:
    """The folder where the processes of that parent write their figures."""
    return list(Path(tempfile.gettempdir()).glob(f"holdfast-metrics-{pid}-*"))


def figure(said: Mapping[str, Any], name: str) -> float:
    """The sum of a figure over its labels, as whichever process answers tells it."""
    lines = httpx2.get(f"{said['url']}/metrics", timeout=60).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def test_whichever_process_is_asked_tells_the_figures_of_all(migrated: Shell) -> None:
    with migrated.running("serve", "--workers", "2", "--port", "0") as (parent, said):
        for _ in range(30):  # a connection each, which the system spreads
            httpx2.get(f"{said['url']}/api/v1/health", timeout=60)
        counted = {figure(said, 'holdfast_http_requests_total{method="GET",route="/api/v1/health"') for _ in range(8)}
        before = children(parent.pid)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(children(parent.pid)) == 2 and before[0] not in children(parent.pid), "no successor")
        after = figure(said, 'holdfast_http_requests_total{method="GET",route="/api/v1/health"')

    assert counted == {30.0}
    assert after == 30.0


def test_server_processes_end_with_their_parent_even_if_it_is_killed(migrated: Shell) -> None:
    with migrated.running("serve", "--workers", "2", "--port", "0") as (parent, _):
        orphans = children(parent.pid)

        parent.kill()

        wait_for(lambda: not any(map(alive, orphans)), "the children live on")
    left_behind = figures_of(parent.pid)
    with migrated.running("serve", "--workers", "2", "--port", "0"):
        swept_up = figures_of(parent.pid)

    assert (len(left_behind), swept_up) == (1, [])


def test_a_port_that_is_taken_is_named(migrated: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = migrated.run("serve", "--port", str(taken.getsockname()[1]))

    assert (done.returncode, done.stderr.split(":")[0]) == (1, "port_taken")


def test_a_worker_stops_in_order(migrated: Shell) -> None:
    with migrated.running("worker") as (process, said):
        process.terminate()
        code = process.wait(30)

    assert (said, code) == ({"working": True}, 0)


def test_a_worker_tells_of_itself_where_it_is_given_a_port(migrated: Shell) -> None:
    with migrated.running("worker", worker_port="0") as (process, said):
        url = f"http://127.0.0.1:{said['port']}"
        wait_for(lambda: httpx2.get(f"{url}/api/v1/health/ready").json()["worker"] == "beating", "no beat")
        metrics = httpx2.get(f"{url}/metrics")
        nothing_else = httpx2.get(f"{url}/api/v1/users/me")
        at_work = migrated.told("doctor")
        process.terminate()
        code = process.wait(30)
    gone = migrated.told("doctor")

    assert "holdfast_workers_alive 1.0" in metrics.text
    assert (nothing_else.status_code, code) == (404, 0)
    workers = [
        next(finding for finding in told["findings"] if finding["name"] == "workers") for told in (at_work, gone)
    ]
    assert workers[0]["detail"].startswith("1 at work")
    assert (workers[1]["state"], workers[1]["detail"]) == ("note", "0 at work; the last beat was never")


def sign_in(said: Mapping[str, Any]) -> list[str]:
    """The roles of everybody the demo names."""
    roles = []
    for account in said["accounts"]:
        body = {"email": account["email"], "password": account["password"]}
        answer = httpx2.post(f"{said['api']}/users/login", json=body, timeout=30)
        assert answer.status_code == 200, answer.text
        roles.append(account["role"])
    return roles


def test_the_demo_needs_no_configuration_and_keeps_its_data(shell: Shell) -> None:
    port = str(free_port())
    with shell.running("demo", "--port", port) as (_, first):
        roles = sign_in(first)
        ready = httpx2.get(f"{first['api']}/health/ready", timeout=30)
        checkout = httpx2.get(f"{first['sandbox']}/checkout/none", timeout=30)
    with shell.running("demo", "--port", port) as (_, second):
        kept = sign_in(second)

    assert {"admin", "operator", "customer", "owner", "clerk", "scanner", "finance"} <= set(roles)
    assert (ready.status_code, checkout.status_code) == (200, 404)
    assert kept == roles
    assert second["products"]["bus"]["schedules added"] < first["products"]["bus"]["schedules added"]
    assert (shell.folder / ".holdfast" / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_the_demo_runs_on_a_postgresql_of_its_own(shell: Shell, run_folder: Path) -> None:
    folder = run_folder / f"demo-{os.getpid()}"  # where a server that is not root can reach its data
    folder.mkdir(mode=0o755)

    with shell.running(
        "demo", "--database", "embedded", "--port", str(free_port()), data_folder=str(folder), demo_fast="1"
    ) as (process, said):
        ready = httpx2.get(f"{said['api']}/health/ready", timeout=30).json()
        server = children(process.pid)

    assert ready["database"] == "postgresql"
    assert server
    wait_for(lambda: not any(map(alive, server)), "PostgreSQL lives on")


def test_the_demo_starts_over_when_told_and_takes_the_next_port_where_its_own_is_taken(migrated: Shell) -> None:
    letter = migrated.folder / ".holdfast" / "letters" / "old.json"
    letter.parent.mkdir()
    letter.touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with migrated.running("demo", "--fresh", "--port", str(port)) as (_, said):
            answer = httpx2.get(f"{said['api']}/health", timeout=30)

    assert said["url"] != f"http://127.0.0.1:{port}"
    assert answer.status_code == 200
    assert not letter.exists()


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux cuts off who never reads")
def test_every_connection_is_cut_off_once_its_client_takes_nothing_for_long() -> None:
    (listener,) = serving.listen("127.0.0.1", 0)

    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            patience = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

    assert patience == serving.UNREAD_SECONDS_MAX * 1000
