"""Let the database itself refuse to change or delete what is only ever added."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def statements(table: str, dialect: str) -> list[str]:
    """The DDL that makes a table append-only; the same in the models and in migrations."""
    if dialect == "postgresql":
        return [
            POSTGRES_FUNCTION,
            (
                f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            ),
        ]
    return [
        f"CREATE TRIGGER {table}_append_only_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def append_only(table: sa.Table) -> sa.Table:
    """Declare a table append-only."""

    @event.listens_for(table, "after_create")
    def create(target: sa.Table, connection: sa.Connection, **_: Any) -> None:  # noqa: ANN401 - SQLAlchemy's own
        for statement in statements(target.name, connection.dialect.name):
            connection.exec_driver_sql(statement)

    return table
