"""The rush: its command beside a running server, and what refuses it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.app.shell import Shell

CLIENTS = 30


@pytest.fixture
def url(migrated: Shell) -> Iterator[str]:
    """A server with something on sale."""
    migrated.told("seed", "--product", "bus")
    with migrated.running("serve", "--port", "0", "--no-worker") as (_, said):
        yield said["url"]


@pytest.mark.timeout(180)
def test_many_reach_for_the_same_places_and_none_is_sold_twice(migrated: Shell, url: str) -> None:
    told: dict[str, Any] = migrated.told("rush", "--clients", str(CLIENTS), "--url", url, "--keep")
    again = migrated.run("rush", "--clients", str(CLIENTS), "--url", url, "--inventory", told["inventory_id"])

    assert told["held"] > 0
    assert (told["errors"], told["oversold"], told["breaches"]) == (0, 0, [])
    assert told["held"] <= min(CLIENTS, told["places"])
    assert again.returncode == 0, again.stderr
    assert again.stdout.endswith("oversold: 0\n")
    assert migrated.told("check") == {"breaches": []}


def test_without_a_server_a_rush_says_how_to_start_one(migrated: Shell) -> None:
    migrated.told("seed", "--product", "bus")

    done = migrated.run("rush", "--clients", "2", "--url", "http://127.0.0.1:1")

    assert done.returncode == 1
    assert done.stderr.startswith("nobody_answers: No server answers at http://127.0.0.1:1")


def test_where_nothing_is_on_sale_there_is_nothing_to_rush_for(migrated: Shell) -> None:
    done = migrated.run("rush", "--clients", "2", "--json")

    assert done.returncode == 1
    assert json.loads(done.stderr)["code"] == "nothing_to_rush_for"
