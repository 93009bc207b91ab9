"""Draw the tables as they are declared: docs/schema.md, one Mermaid diagram a feature."""

import sys
from collections import defaultdict
from collections.abc import Iterator

import sqlalchemy as sa

from holdfast.kit.db import Moment

_HEAD = """\
# The schema

Drawn from the models by `./run schema > docs/schema.md`; a test holds the two together. A moment is a `timestamptz` on
PostgreSQL and microseconds since 1970 on SQLite. A box without columns belongs to another feature. What the diagrams
leave out (checks, partial indexes, triggers) stands in the `models.py` of each feature and in `migrations/`.
"""


def described() -> str:
    """The whole page. Knows the tables of the features that are imported, which the application sees to."""
    rooms: defaultdict[str, list[sa.Table]] = defaultdict(list)
    for room, table in sorted(_tables(), key=lambda pair: (pair[0], pair[1].name)):
        rooms[room].append(table)
    parts = [_HEAD]
    for room, tables in sorted(rooms.items(), key=lambda pair: (_order(pair[0]), pair[0])):
        lines = [f"## {room}", "", "```mermaid", "erDiagram"]
        for table in tables:
            lines += _box(table)
        for table in tables:
            lines += _ties(table)
        parts.append("\n".join([*lines, "```"]) + "\n")
    return "\n".join(parts)


def _tables() -> Iterator[tuple[str, sa.Table]]:
    """Each table of ours with the folder that declares it (kit's: the file)."""
    seen = set()
    for name, module in sorted(sys.modules.items()):
        is_of_kit = name.startswith("holdfast.kit.")
        if is_of_kit or (name.startswith("holdfast.") and name.endswith(".models")):
            room = "kit" if is_of_kit else name.removeprefix("holdfast.").removesuffix(".models").replace(".", "/")
            for table in vars(module).values():
                if isinstance(table, sa.Table) and table.name not in seen:
                    seen.add(table.name)
                    yield room, table


def _order(room: str) -> int:
    """The kernel first, the kit last."""
    return {"kernel": 0, "kit": 2}.get(room.partition("/")[0], 1)


def _box(table: sa.Table) -> list[str]:
    keys = table.primary_key.columns
    foreign = {column.name for constraint in table.foreign_key_constraints for column in constraint.columns}
    unique = {names[0] for names in _uniques(table) if len(names) == 1}
    lines = [f"  {table.name} {{"]
    for column in table.columns:
        marks = [
            mark
            for mark, is_so in (
                ("PK", column.name in keys),
                ("FK", column.name in foreign),
                ("UK", column.name in unique and column.name not in keys),
            )
            if is_so
        ]
        note = ' "may be null"' if column.nullable else ""
        lines.append(f"    {_type(column)} {column.name}{' ' if marks else ''}{', '.join(marks)}{note}")
    return [*lines, "  }"]


def _ties(table: sa.Table) -> list[str]:
    lines = []
    for constraint in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
        names = tuple(column.name for column in constraint.columns)
        parent = "|o" if any(column.nullable for column in constraint.columns) else "||"
        child = "o|" if set(names) in [set(each) for each in _uniques(table)] else "o{"
        target = constraint.referred_table.name
        lines.append(f'  {target} {parent}--{child} {table.name} : "{", ".join(names)}"')
    return lines


def _uniques(table: sa.Table) -> list[tuple[str, ...]]:
    """Column names of the primary key and of every unique constraint and whole unique index."""
    whole = [
        table.primary_key.columns,
        *(each.columns for each in table.constraints if isinstance(each, sa.UniqueConstraint)),
        *(each.columns for each in table.indexes if each.unique and not _is_partial(each)),
    ]
    return [tuple(column.name for column in columns) for columns in whole]


def _is_partial(index: sa.Index) -> bool:
    return index.dialect_options["postgresql"].get("where") is not None


def _type(column: sa.Column[object]) -> str:
    kind = column.type
    if isinstance(kind, Moment):
        return "moment"
    if isinstance(kind, sa.JSON):
        return "json"
    if isinstance(kind, sa.Uuid):
        return "uuid"
    if isinstance(kind, sa.LargeBinary):
        return "bytes"
    return str(kind).lower().replace(" ", "_").replace(", ", "_")
