"""holdfast doctor: look at everything that could be wrong here, and say what to do about it."""

import shutil
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal

import typer

from holdfast.app import health
from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kit import beats, clock, jobs, outbox
from holdfast.kit.errors import Error, Unavailable

PYTHON_MIN = (3, 11)
SQLITE_MIN = (3, 35)
FREE_BYTES_MIN = 500_000_000
SKEW_SECONDS_MAX = 1.0
_MARKS = {"good": "ok", "note": "--", "bad": "!!"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `bad` is what keeps the platform from working here."""

    name: str
    state: Literal["good", "note", "bad"]
    detail: str


@dataclass(eq=False)
class ClockSkewed(Unavailable):
    """This machine's clock is {seconds} s from the database's: nothing expires wrongly, but tokens and logs suffer."""

    seconds: float


def add_to(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(*, database: DatabaseUrl = None, json: Json = False) -> None:
    """Look at Python, SQLite, disk, settings, database, clocks and workers; exit code 1 where something is bad."""
    screen = Screen(is_json=json)
    with settings_for(database) as settings:
        findings = [_python(), _sqlite(), _disk(settings)]
        findings += [_settings(settings)] if settings.environment != "production" else _production(settings)
        if not any(finding.name == "settings" and finding.state == "bad" for finding in findings):
            findings += _database(settings)
    rows = [asdict(finding) for finding in findings]
    if json:
        screen.value({"findings": rows})
    else:
        shown = [{"": _MARKS[finding.state], "what": finding.name, "finding": finding.detail} for finding in findings]
        screen.table("", shown, columns=("", "what", "finding"))
    if any(finding.state == "bad" for finding in findings):
        raise typer.Exit(1)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "good" if sys.version_info >= PYTHON_MIN else "bad", version)


def _sqlite() -> Finding:
    return Finding("sqlite", "good" if sqlite3.sqlite_version_info >= SQLITE_MIN else "bad", sqlite3.sqlite_version)


def _disk(settings: Settings) -> Finding:
    folder = settings.data_folder.absolute()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    return Finding("disk", "good" if free >= FREE_BYTES_MIN else "bad", f"{free // 1_000_000} MB free at {existing}")


def _settings(settings: Settings) -> Finding:
    refused = settings.refused_in_production()
    words = "production would refuse: " + "; ".join(refused) if refused else "fit for production"
    return Finding("settings", "note" if refused else "good", f"environment {settings.environment}; {words}")


def _production(settings: Settings) -> list[Finding]:
    refused = settings.refused_in_production()
    return [Finding("settings", "bad", reason) for reason in refused] or [
        Finding("settings", "good", "fit for production")
    ]


def _database(settings: Settings) -> list[Finding]:
    try:
        return work(settings, _of_database)
    except Error as error:
        return [Finding("database", "bad", error.detail)]


async def _of_database(house: House) -> list[Finding]:
    looks: tuple[tuple[str, Callable[[House], Awaitable[str]]], ...] = (
        ("database", _reach),
        ("migrations", _migrations),
        ("clock", _clock),
    )
    findings = []
    for name, look in looks:
        try:
            findings.append(Finding(name, "good", await look(house)))
        except Error as error:
            findings.append(Finding(name, "bad", f"{error.code}: {error.detail}"))
            break
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            findings.append(Finding(name, "bad", f"{type(error).__name__}"))
            break
    if all(finding.state == "good" for finding in findings):
        findings += await _work(house)
    return findings


async def _work(house: House) -> list[Finding]:
    """Nobody at work is a note: the platform may be stopped on purpose."""
    async with house.database.reader() as db:
        now = await clock.moment(db)
        pulse = await beats.pulse(db, now=now)
        facts, late = await outbox.backlog(db, now=now)
        waiting = await jobs.backlog(db, now=now)
    silence = "never" if pulse.silence is None else f"{pulse.silence.total_seconds():.0f} s ago"
    queue = f"{waiting.due} due, {waiting.later} later, {waiting.dead} failed for good"
    return [
        Finding("workers", "good" if pulse.alive else "note", f"{pulse.alive} at work; the last beat was {silence}"),
        Finding("relay", "note" if late > health.RELAY_LATE else "good", f"{facts} facts wait, {late.seconds} s"),
        Finding("jobs", "note" if waiting.dead else "good", queue),
    ]


async def _reach(house: House) -> str:
    url = house.database.url
    began = time.perf_counter()
    async with house.database.reader() as db:
        await clock.moment(db)
    return f"{url.render_as_string(hide_password=True)} answers in {(time.perf_counter() - began) * 1000:.0f} ms"


async def _migrations(house: House) -> str:
    await health.check_ready(house.database)
    return "the newest"


async def _clock(house: House) -> str:
    async with house.database.reader() as db:
        theirs = await clock.moment(db)
    skew = abs((theirs - datetime.now(UTC)).total_seconds())
    if skew > SKEW_SECONDS_MAX and not house.settings.has_test_clock:
        raise ClockSkewed(round(skew, 1))
    return f"{skew * 1000:.0f} ms from the database's, which decides"
