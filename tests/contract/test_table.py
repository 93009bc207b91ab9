"""The table is whole: everything on the list of the seed stands in it once, and is tested by a test of its own."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.contract import bus

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent


def _listed() -> dict[str, list[str]]:
    """Chapter -> what the seed asks for in it."""
    chapters: dict[str, list[str]] = {}
    for line in (_HERE / "seed_004.txt").read_text().splitlines():
        if line.startswith("["):
            chapters[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            next(reversed(chapters.values())).append(line)
    return chapters


LISTED = _listed()


@pytest.mark.parametrize(
    ("chapter", "count"),
    {
        "5 roles": 3,
        "6 records": 13,
        "7 enums": 11,
        "8 relationships": 18,
        "9 endpoints": 54,
        "9 sockets": 1,
        "10 workflows": 8,
        "11 business": 25,
        "12 validation": 28,
    }.items(),
)
def test_the_list_is_as_long_as_the_chapter_of_the_seed(chapter: str, count: int) -> None:
    listed = LISTED[chapter]

    different = set(listed)

    assert (len(listed), len(different)) == (count, count)


@pytest.mark.parametrize("chapter", bus.CHAPTERS)
def test_everything_listed_stands_in_the_table_once_and_nothing_else_does(chapter: str) -> None:
    listed = [line.split(":")[0] if chapter == "7 enums" else line for line in LISTED[chapter]]

    titles = [row.title for row in bus.CHAPTERS[chapter]]

    assert titles == listed


def test_every_field_of_every_record_stands_in_the_table() -> None:
    listed = dict(line.split(": ") for line in LISTED["6 records"])

    fields = {record.title: " ".join(record.fields) for record in bus.RECORDS}

    assert fields == listed
    assert sum(len(record.fields) for record in bus.RECORDS) == 114


def test_what_overrides_a_field_names_a_field() -> None:
    unknown = [(record.title, record.spec.keys() - record.fields.keys()) for record in bus.RECORDS]

    assert [found for found in unknown if found[1]] == []


def test_only_the_socket_has_no_test_and_a_reason_instead() -> None:
    untested = [row for rows in bus.CHAPTERS.values() for row in rows if row.test is None]

    assert [row.title for row in untested] == LISTED["9 sockets"]
    assert all(row.spec for row in untested)


def test_each_row_has_a_test_of_its_own() -> None:
    named = Counter(row.test for rows in bus.CHAPTERS.values() for row in rows if row.test is not None)
    named.update(record.test for record in bus.RECORDS)

    shared = [test for test, rows in named.items() if rows > 1]

    assert shared == []


@pytest.fixture(scope="module")
def collected(request: pytest.FixtureRequest) -> set[str]:
    """file::function[case] of every test beside this file: of this run if it is a whole one, else of another."""
    ours = {item.nodeid for item in request.session.items if item.path.parent == _HERE}
    files = {item.path for item in request.session.items if item.path.parent == _HERE}
    chosen = request.config.option
    is_whole = files == set(_HERE.glob("test_*.py")) and not (chosen.keyword or chosen.markexpr or chosen.deselect)
    if not is_whole:
        ours = _collect()
    return {node.removeprefix("tests/contract/").partition("@")[0] for node in ours}


def _collect() -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(_HERE)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HOLDFAST_"))}
    found = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return {line for line in found.stdout.splitlines() if "::" in line}


def test_the_test_of_each_row_is_collected_on_both_databases(collected: set[str]) -> None:
    wanted = {
        f"{row.test}[{database}]"
        for rows in bus.CHAPTERS.values()
        for row in rows
        if row.test is not None
        for database in ("sqlite", "postgresql")
    }

    missing = wanted - collected

    assert missing == set()


def test_each_field_is_a_case_of_its_own_on_both_databases(collected: set[str]) -> None:
    wanted = {
        f"{record.test}[{database}-{name}]"
        for record in bus.RECORDS
        for name in record.fields
        for database in ("sqlite", "postgresql")
    }

    missing = wanted - collected

    assert missing == set()


def test_every_test_against_a_site_answers_for_a_row(collected: set[str]) -> None:
    named = {row.test for rows in bus.CHAPTERS.values() for row in rows} | {record.test for record in bus.RECORDS}
    ours = {test.partition("[")[0] for test in collected if not test.startswith(Path(__file__).name)}

    assert ours - named == set()
