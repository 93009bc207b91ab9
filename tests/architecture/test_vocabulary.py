"""The kernel books whatever is booked: the words of one product are no names in it."""

import ast
import re
from collections.abc import Iterator

import sqlalchemy as sa

from holdfast.kit import migrate
from tests.architecture import source

FORBIDDEN = {"seat", "night", "film", "movie", "bus", "room", "trip", "driver", "host"}
PLURALS = {f"{word}s" for word in FORBIDDEN} | {"buses"}
#: Names that others gave: the host of a URL, and the driver of a database.
OF_OTHERS = {"host", "drivername", "driver_connection"}


def test_no_name_in_the_kernel_is_a_word_of_one_product() -> None:
    found = [
        f"{path}:{line} {name}"
        for path, tree in source.files("kernel")
        for line, name in [(0, path.stem), *_names(tree)]
        if _is_forbidden(name)
    ]

    assert found == []


def test_no_table_or_column_of_the_kernel_is_named_by_one_product() -> None:
    migrate.declared()
    tables = [value for path, tree in source.files("kernel") for value in _tables(tree)]
    columns = [f"{table}.{column.name}" for table in tables for column in _declared(table).columns]

    assert tables
    assert [name for name in [*tables, *columns] if _is_forbidden(name)] == []


def test_words_are_found_within_names() -> None:
    names = ["seat_map", "SeatMap", "freeSeats", "bus_id", "tickets.room", "HOST_KEY", "_night"]
    innocent = ["business", "busy", "filming", "strip", "mushroom", "overnight", "seating"]

    assert [name for name in names if not _is_forbidden(name)] == []
    assert [name for name in innocent if _is_forbidden(name)] == []


def _is_forbidden(name: str) -> bool:
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return name not in OF_OTHERS and any(word.lower() in FORBIDDEN | PLURALS for word in words)


def _names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What is defined here, and what is asked for by name; strings and comments may speak of examples."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)):
                yield node.value.lineno, name
            case _:
                pass


def _tables(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="Table"), args=[ast.Constant(value=str(name)), *_]):
                yield name
            case _:
                pass


def _declared(table: str) -> sa.Table:
    return migrate.declared().tables[table]
