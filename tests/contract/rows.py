"""What a row of the table says."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One thing the seed asks for. `test`: file::function; None where another page of the specification has it."""

    title: str
    test: str | None
    spec: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """An entity. `fields`: name -> kind (`shapes.py`), each a case of `test`; `spec`: by field, what overrides it."""

    title: str
    test: str
    fields: Mapping[str, str]
    spec: Mapping[str, str] = field(default_factory=dict)


def rows(file: str, *named: tuple[str, ...]) -> tuple[Row, ...]:
    """(title, name of the test, what the specification says instead) of one file."""
    return tuple(Row(row[0], f"{file}::test_{row[1]}", *row[2:]) for row in named)
