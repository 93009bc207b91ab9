"""docs/schema.md shows the tables as they are."""

import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
REGENERATE = "if the change is meant: ./run schema > docs/schema.md"


@pytest.fixture(scope="module")
def described() -> str:
    importlib.import_module("holdfast.app.main")
    page: str = importlib.import_module("holdfast.app.schema").described()
    return page


def test_the_page_is_drawn_from_the_models_of_today(described: str) -> None:
    assert PAGE.read_text() == described, REGENERATE


def test_every_table_stands_in_exactly_one_room(described: str) -> None:
    names = re.findall(r"^  (\w+) {$", described, re.MULTILINE)
    modules = Path(__file__).parents[2].glob("src/holdfast/**/*.py")
    declared = {name for path in modules for name in re.findall(r'sa\.Table\(\s*"(\w+)",\s*metadata', path.read_text())}

    assert len(names) == len(set(names))
    assert set(names) == declared
