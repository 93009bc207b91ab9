"""docs/operations.md tells the truth: its commands exist, its settings too, and every alert is explained."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from holdfast.app.settings import variables
from tests.app.shell import Shell

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
_SPANS = [*re.findall(r"```\n(.*?)```", PAGE, re.DOTALL), *re.findall(r"(?<!`)`([^`\n]+)`", PAGE)]
COMMANDS = sorted(
    {
        match.strip()
        for span in _SPANS
        for line in span.splitlines()
        for match in re.findall(r"(?:^|\s|/bin/)holdfast ((?:[a-z-]+)(?: [^#&|>]+)?)", line.split("#")[0])
    }
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"HOLDFAST_ENVIRONMENT": "test"})


def test_the_page_tells_of_the_main_commands() -> None:
    told = {command.split()[0] for command in COMMANDS}

    assert {"serve", "worker", "migrate", "check", "ledger", "doctor", "backup", "restore", "user", "key"} <= told


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_is_one_of_the_program(command: str, shell: Shell) -> None:
    words = shlex.split(command)
    name = [word for word in words[:2] if word.isalpha()] if words[0] in {"user", "key"} else words[:1]

    help_text = shell.run(*name, "--help", COLUMNS="200")

    assert help_text.returncode == 0, help_text.stderr
    assert [word for word in words if word.startswith("--") and word not in help_text.stdout] == []


def test_every_setting_of_the_page_is_one_of_the_program() -> None:
    assert set(re.findall(r"\bHOLDFAST_[A-Z_]+\b", PAGE)) - set(variables()) == set()


def test_every_alert_is_explained() -> None:
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]

    assert re.findall(r"^\*\*(Holdfast\w+)\*\*: ", PAGE, re.MULTILINE) == [rule["alert"] for rule in rules]


def test_every_file_of_the_page_is_there() -> None:
    named = set(re.findall(r"\b((?:deploy|docs|tests)/[\w./@-]+\.\w+)", PAGE))

    made_by_hand = {"deploy/holdfast.env"}
    assert {name for name in named - made_by_hand if not (ROOT / name).exists()} == set()
    assert len(named) > 5
