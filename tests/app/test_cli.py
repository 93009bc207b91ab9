"""The command: what it prints, and with which code it ends."""

import contextlib
import json
import sqlite3
import time
from uuid import uuid4

import pytest

from tests.app.shell import Shell

# What is done to a database


def test_a_database_is_migrated_checked_and_ready_for_use(shell: Shell) -> None:
    missing = shell.run("migrate", "--check", "--json")
    done = shell.told("migrate")
    again = shell.told("migrate")
    whole = shell.told("migrate", "--check")

    assert missing.returncode == 1
    assert json.loads(missing.stdout)["missing"] == done["done"] != []
    assert (again["done"], whole["missing"]) == ([], [])
    assert shell.told("check") == {"breaches": []}
    assert shell.told("ledger") == {"balances": [], "balances_to_zero": True}
    assert (shell.folder / ".holdfast" / ".gitignore").read_text() == "*\n"
    assert (shell.folder / ".holdfast").stat().st_mode & 0o777 == 0o700


def test_a_breach_of_the_contract_is_named_and_told_by_the_exit_code(migrated: Shell) -> None:

    file = migrated.folder / ".holdfast" / "holdfast.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as db:
        db.execute(
            "INSERT INTO claims (inventory_id, slot, hold_id, kind) VALUES (?, 0, ?, 'sale')",
            (uuid4().hex, uuid4().hex),
        )
        db.commit()

    done = migrated.run("check")

    assert done.returncode == 1
    assert done.stdout.startswith("line 4: claimed_for_good_by_no_booking: ")


def test_an_account_is_opened_once(migrated: Shell) -> None:
    who = ("--email", "boss@example.org", "--phone", "01001234567", "--first-name", "Amal", "--last-name", "Hassan")
    words = ("user", "create", *who, "--role", "admin", "--verified")

    made = migrated.told(*words)
    again = migrated.run(*words)
    as_json = migrated.run(*words, "--json")

    assert made["roles"] == ["admin", "customer"]
    assert len(made["password"]) >= 16
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("email_taken: ")
    assert json.loads(as_json.stderr)["code"] == "email_taken"


def test_a_key_belongs_to_a_provider_and_is_shown_once(migrated: Shell) -> None:
    migrated.told("migrate")  # makes the platform's own provider

    made = migrated.told("key", "create", "--name", "the till", "--scope", "scanner", "--days", "30")
    unknown = migrated.run("key", "create", "--name", "the till", "--provider", "nobody")

    assert made["key"].startswith("hf_")
    assert made["expires_at"] is not None
    assert (unknown.returncode, unknown.stderr.split(":")[0]) == (1, "provider_not_found")


# What it says no with


@pytest.mark.parametrize(
    ("words", "changes", "code", "said"),
    [
        (("serve", "--nonsense"), {}, 2, "No such option"),
        (("seed", "--product", "trains"), {}, 2, "there is no product"),
        (("doctor",), {"port": "x"}, 2, "bad_settings: HOLDFAST_PORT"),
        (("doctor",), {"root_product": "trains"}, 2, "there are: bus"),
        (("migrate",), {"database_url": "mysql://nowhere"}, 2, "not on mysql"),
        (("serve",), {"environment": "production"}, 2, "unfit_for_production: "),
        (("serve",), {}, 1, "not_migrated: "),
        (("check",), {}, 1, "run holdfast migrate"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(
    shell: Shell, words: tuple[str, ...], changes: dict[str, str], code: int, said: str
) -> None:
    done = shell.run(*words, **changes)

    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert done.returncode == code


def test_production_is_told_everything_that_is_unsafe_at_once(shell: Shell) -> None:
    done = shell.run("worker", environment="production", demo_fast="1")

    assert done.stderr.count("\n- ") == 6


def test_the_doctor_finds_what_is_missing_and_what_production_would_refuse(shell: Shell) -> None:
    ill = shell.run("doctor", "--json", environment="development")
    shell.told("migrate")
    well = {finding["name"]: finding for finding in shell.told("doctor", environment="development")["findings"]}

    assert ill.returncode == 1
    assert json.loads(ill.stdout)["findings"][-1]["state"] == "bad"
    of_the_machine, of_the_work = {"python", "sqlite", "disk", "settings"}, {"workers", "relay", "jobs"}
    assert set(well) == of_the_machine | {"database", "migrations", "clock"} | of_the_work
    assert well["workers"] == {"name": "workers", "state": "note", "detail": "0 at work; the last beat was never"}
    assert well["settings"]["state"] == "note"
    assert "sandbox" in well["settings"]["detail"]


def test_nothing_is_coloured_where_no_person_looks(migrated: Shell) -> None:
    done = migrated.run("doctor")

    assert "\x1b" not in done.stdout + done.stderr


def test_the_description_of_the_api_is_printed(shell: Shell) -> None:
    readable = shell.run("openapi")

    assert readable.stdout.startswith('{\n  "openapi": "3.1')
    assert json.loads(readable.stdout) == shell.told("openapi")
    assert list(shell.folder.iterdir()) == []


def test_what_is_over_is_put_away_on_demand(migrated: Shell) -> None:
    file = migrated.folder / ".holdfast" / "holdfast.sqlite3"
    with contextlib.closing(sqlite3.connect(file)) as db:
        _plant_an_inventory(db, ended_hours_ago=3)
        db.commit()

    early = migrated.told("archive")
    done = migrated.told("archive", "--hours", "2")
    again = migrated.run("archive", "--hours", "0")

    assert early == {"archived": 0, "claims_deleted": 0, "pending": 0}
    assert done == {"archived": 1, "claims_deleted": 2, "pending": 0}
    assert again.stdout == "Archived 0, 0 claims deleted; 0 wait for money\n"


def test_how_long_what_is_kept_is_printed(shell: Shell) -> None:
    assert "| `activity_origins` | 90 days |" in shell.run("retention").stdout


def _plant_an_inventory(db: sqlite3.Connection, *, ended_hours_ago: int) -> None:
    """Over, with two places blocked by staff."""
    ended = int((time.time() - ended_hours_ago * 3600) * 1_000_000)
    provider, layout, inventory = uuid4().hex, uuid4().hex, uuid4().hex
    db.execute(
        "INSERT INTO providers (id, name, name_key, currency, zone, is_default, version, created_at, updated_at)"
        " VALUES (?, 'P', 'p', 'EGP', 'Africa/Cairo', 0, 1, 0, 0)",
        (provider,),
    )
    db.execute(
        "INSERT INTO layouts (id, product, version, slots_per_place, next_number, places, created_at)"
        " VALUES (?, 'bus', 1, 1, 0, '[]', 0)",
        (layout,),
    )
    db.execute(
        "INSERT INTO inventories (id, serial, product, occurrence_id, provider_id, state, starts_at, ends_at, zone,"
        " currency, prices, limits, terms, layout_id, created_at, updated_at)"
        " VALUES (?, 1, 'bus', ?, ?, 'over', ?, ?, 'Africa/Cairo', 'EGP', '{}',"
        """ '{"items_max": 6, "hold_seconds": 900}',"""
        """ '{"version": 1, "steps": [], "closed_within": null, "fees_refundable": false}', ?, 0, 0)""",
        (inventory, inventory, provider, ended, ended, layout),
    )
    for slot in (0, 1):
        db.execute(
            "INSERT INTO claims (inventory_id, slot, hold_id, kind) VALUES (?, ?, ?, 'block')",
            (inventory, slot, uuid4().hex),
        )
