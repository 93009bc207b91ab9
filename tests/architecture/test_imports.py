"""What import-linter cannot say: others import a feature's front door, never one of its files."""

import ast
import re

import grimp
import pytest

from tests.architecture import source

FEATURE = re.compile(r"holdfast\.(?:kernel|products)\.\w+")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("holdfast", cache_dir=None)


def test_others_import_the_front_door_of_a_feature(graph: grimp.ImportGraph) -> None:
    around = sorted(
        f"{importer} imports {inner}"
        for inner in graph.modules
        if (door := FEATURE.match(inner)) and inner != door[0]
        for importer in graph.find_modules_that_directly_import(inner)
        if not f"{importer}.".startswith(f"{door[0]}.")
        and not _composes(importer, inner)
        and not _is_offered(graph, importer, inner, by=door[0])
    )

    assert around == []


def _composes(importer: str, inner: str) -> bool:
    """The composition root knows everybody: it mounts routers and pages and hands out tasks."""
    return importer.startswith("holdfast.app") and inner.split(".")[3] in {"api", "pages", "tasks", "seeds"}


def _is_offered(graph: grimp.ImportGraph, importer: str, inner: str, *, by: str) -> bool:
    """A file may be part of what the front door offers, `inventory.claims` for one, and is taken from there."""
    lines = [str(found["line_contents"]) for found in graph.get_import_details(importer=importer, imported=inner)]
    through_the_door = lines and all(line.startswith(f"from {by} import ") for line in lines)
    return bool(through_the_door) and inner.rpartition(".")[2] in _offers(by)


def _offers(feature: str) -> list[str]:
    door = source.ROOT / "src" / feature.replace(".", "/") / "__init__.py"
    for node in ast.parse(door.read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return list(ast.literal_eval(value))
            case _:
                pass
    return []


def test_a_planted_way_around_the_door_is_seen() -> None:
    graph = grimp.ImportGraph()
    for module in ("holdfast.kernel.holds", "holdfast.kernel.holds.models", "holdfast.products.bus.actions"):
        graph.add_module(module)
    graph.add_import(importer="holdfast.products.bus.actions", imported="holdfast.kernel.holds.models")

    with pytest.raises(AssertionError, match=r"bus\.actions imports holdfast\.kernel\.holds\.models"):
        test_others_import_the_front_door_of_a_feature(graph)
