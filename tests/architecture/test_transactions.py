"""Who is handed `db` never commits: transactions begin and end at the edges alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.architecture import source

#: A file, or a folder where one file would be too long.
EDGES = {"api", "pages", "tasks"}
#: Files that stand at an edge under another name, each with the reason.
EDGES_BY_ANOTHER_NAME = {
    "kernel/identity/access.py": "tells who calls before a route is entered; notes the use of a key"
}
OPENING = {"transaction", "run"}
ENDING = {"commit", "rollback"}
#: What a database is called where it is at hand; `subprocess.run` and the like open nothing.
DATABASES = {"database", "_database"}


def test_nothing_but_an_edge_opens_or_ends_a_transaction() -> None:
    found = [
        f"{path}:{line} {call}"
        for path, tree in source.files("products", "web", "gateways", "kernel")
        if not EDGES.intersection(path.with_suffix("").parts) and str(path) not in EDGES_BY_ANOTHER_NAME
        for line, call in _calls(tree)
    ]

    assert found == []


def test_the_kit_commits_in_the_database_handle_alone() -> None:
    found = {
        path for path, tree in source.files("kit") for _, call in _calls(tree) if call.rpartition(".")[2] in ENDING
    }

    assert found <= {Path("kit/db.py")}


def test_planted_calls_are_seen() -> None:
    tree = ast.parse("db.commit()\nself.database.transaction()\ndatabase.run(work)\nsubprocess.run(words)\nrun(1)")

    assert [line for line, _ in _calls(tree)] == [1, 2, 3]


def _calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attribute, value=target)):
                of_database = ast.unparse(target).rpartition(".")[2] in DATABASES
                if attribute in ENDING or attribute == "transaction" or (attribute in OPENING and of_database):
                    yield node.lineno, ast.unparse(node.func)
            case _:
                pass
