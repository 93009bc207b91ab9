"""`holdfast archive` as operators run it: it may be killed anywhere, and goes on where it was."""

import contextlib
import json
import sqlite3
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import pytest

from holdfast.app.cli.screen import Screen
from tests.app.shell import HOLDFAST, Shell

MANY = 200
CLAIMS_EACH = 3
_PATIENCE_SECONDS = 60.0


def test_killed_in_the_midst_it_goes_on_where_it_was(migrated: Shell) -> None:
    file = migrated.folder / ".holdfast" / "holdfast.sqlite3"
    plant(file)

    process = subprocess.Popen([str(HOLDFAST), "archive"], cwd=migrated.folder, env=migrated.environment({}))
    try:
        wait_until_some_are_archived(file)
    finally:
        process.kill()
        process.wait()
    halfway = counts(file)
    again = subprocess.run(
        [str(HOLDFAST), "archive"],
        cwd=migrated.folder,
        env=migrated.environment({}),
        capture_output=True,
        text=True,
        check=True,
    )

    assert 0 < halfway["emptied"] < MANY
    assert halfway["claims"] >= (MANY - halfway["archived"]) * CLAIMS_EACH > 0
    assert again.stdout.startswith(f"Archived {MANY - halfway['archived']}, {halfway['claims']} claims deleted;")
    assert counts(file) == {"archived": MANY, "emptied": MANY, "claims": 0}


def test_a_log_is_told_now_and_then_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(is_json=False).steps("Archiving", 2_000, line_seconds=0) as step:
        step("one")
        step("another")

    assert capsys.readouterr().err.splitlines() == ["Archiving: 1 of 2,000", "Archiving: 2 of 2,000"]


def test_a_program_is_told_nothing_but_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen(is_json=True).steps("Archiving", 2, line_seconds=0) as step:
        step("one")

    assert capsys.readouterr().err == ""


def plant(file: Path) -> None:
    """What is over since days, with places blocked by staff."""
    ended = int((time.time() - 3 * 86_400) * 1_000_000)
    provider, layout = uuid4().hex, uuid4().hex
    limits = json.dumps({"items_max": 6, "hold_seconds": 900})
    terms = json.dumps({"version": 1, "steps": [], "closed_within": None, "fees_refundable": False})
    inventories = [uuid4().hex for _ in range(MANY)]
    with contextlib.closing(sqlite3.connect(file)) as db:
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
        db.executemany(
            "INSERT INTO inventories (id, serial, product, occurrence_id, provider_id, state, starts_at, ends_at, zone,"
            " currency, prices, limits, terms, layout_id, created_at, updated_at)"
            " VALUES (?, ?, 'bus', ?, ?, 'over', ?, ?, 'Africa/Cairo', 'EGP', '{}', ?, ?, ?, 0, 0)",
            [
                (each, serial, each, provider, ended + serial, ended + serial, limits, terms, layout)
                for serial, each in enumerate(inventories, 1)
            ],
        )
        db.executemany(
            "INSERT INTO claims (inventory_id, slot, hold_id, kind) VALUES (?, ?, ?, 'block')",
            [(each, slot, uuid4().hex) for each in inventories for slot in range(CLAIMS_EACH)],
        )
        db.commit()


def counts(file: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(file, timeout=10)) as db:
        row = db.execute(
            "SELECT count(archived_at), count(emptied_at), (SELECT count(*) FROM claims) FROM inventories"
        ).fetchone()
    return dict(zip(("archived", "emptied", "claims"), row, strict=True))


def wait_until_some_are_archived(file: Path) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while counts(file)["emptied"] < MANY // 20:
        assert time.monotonic() < ends, "nothing is archived"
        time.sleep(0.01)
