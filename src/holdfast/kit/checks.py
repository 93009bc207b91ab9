"""Look at a live database for what must never be: a check is a query that returns no row.

Features bring their checks, as `CHECKS` at their front doors; `holdfast check` runs them all in one snapshot.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from holdfast.kit.db import Dialect, Moment, Reader

ROWS_MAX = 100  # of one check: whoever sees a hundred knows enough
#: Rows of the outbox stay seven days; what is younger than this is there for sure.
OUTBOX_KEPT = timedelta(days=6)
_LATE = timedelta(minutes=5)

#: The moment of the snapshot, and the one since which nothing has left the outbox.
NOW = sa.bindparam("now", type_=Moment())
OUTBOX_SINCE = sa.bindparam("outbox_since", type_=Moment())
#: What is older has been seen by every chore of a worker, however late its transaction committed.
LATE_BEFORE = sa.bindparam("late_before", type_=Moment())


@dataclass(frozen=True, slots=True)
class Check:
    """`line` of the safety contract (spec, kernel); each row of `statement` is a breach, named by its columns.

    The statement may use NOW, OUTBOX_SINCE and LATE_BEFORE. `only`: for one kind of database.
    """

    line: int
    name: str
    statement: sa.Select[Any] | sa.TextClause
    only: Dialect | None = None


@dataclass(frozen=True, slots=True)
class Breach:
    """One row that must not be."""

    line: int
    name: str
    row: Mapping[str, Any]

    def __str__(self) -> str:
        named = ", ".join(f"{column} {_plain(value)}" for column, value in self.row.items())
        return f"line {self.line}: {self.name}: {named}"


async def breaches(db: Reader, check: Check, *, now: datetime) -> list[Breach]:
    """What this check finds, at most ROWS_MAX of it. `db` is a snapshot that all checks of a run share."""
    if check.only not in {None, db.dialect}:
        return []
    statement = check.statement.limit(ROWS_MAX) if isinstance(check.statement, sa.Select) else check.statement
    rows = await db.all(statement, {"now": now, "outbox_since": now - OUTBOX_KEPT, "late_before": now - _LATE})
    return [Breach(check.line, check.name, dict(row._mapping)) for row in rows]  # noqa: SLF001 - its public name


def elements(column: sa.ColumnElement[Any]) -> sa.TableValuedAlias:
    """The integers of a JSON array, one row each in column `value`; join it ON true."""
    return _elements(column).table_valued(sa.column("value", sa.Integer))


def append_only_stands(table: str, *, line: int) -> tuple[Check, ...]:
    """The triggers that refuse UPDATE and DELETE on this table are there and enabled."""
    name = "append_only_trigger_missing"
    postgres = sa.text(
        f"SELECT '{table}' AS \"table\" WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'append_only' "  # noqa: S608 - a name of ours
        f"AND tgrelid = to_regclass('{table}') AND tgenabled IN ('O', 'A'))"
    )
    sqlite = sa.text(
        f"SELECT '{table}' AS \"table\" WHERE (SELECT count(*) FROM sqlite_master WHERE type = 'trigger' "  # noqa: S608 - a name of ours
        f"AND name IN ('{table}_append_only_update', '{table}_append_only_delete')) < 2"
    )
    return (Check(line, name, postgres, only="postgresql"), Check(line, name, sqlite, only="sqlite"))


def unlogged(
    table: sa.Table, *, entity_type: str, state: sa.ColumnElement[str], actions: Mapping[str, tuple[str, ...]]
) -> sa.Select[Any]:
    """Rows whose present state no row of the activity log tells of. `actions`: those that lead to a state."""
    logs = sa.table("activity_logs", sa.column("entity_type"), sa.column("entity_id"), sa.column("action_type"))
    says_so = [sa.and_(state == word, logs.c.action_type.in_(actions_of_it)) for word, actions_of_it in actions.items()]
    told = sa.exists().where(logs.c.entity_type == entity_type, logs.c.entity_id == table.c.id, sa.or_(*says_so))
    return sa.select(table.c.id.label(f"{entity_type}_id"), state.label("state")).where(
        state.in_(list(actions)), ~told.correlate(table)
    )


class _elements(FunctionElement[Any]):  # noqa: N801 - a function of SQL
    inherit_cache = True
    name = "elements"


@compiles(_elements, "postgresql")
def _postgres_elements(element: _elements, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    return f"jsonb_array_elements_text({compiler.process(element.clauses, **options)})"


@compiles(_elements, "sqlite")
def _sqlite_elements(element: _elements, compiler: Any, **options: Any) -> str:  # noqa: ANN401 - SQLAlchemy's own
    return f"json_each({compiler.process(element.clauses, **options)})"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else repr(value) if isinstance(value, str) else str(value)
