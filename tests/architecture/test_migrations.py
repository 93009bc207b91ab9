"""Models and migrations say the same, on both databases: tables, constraints, partial indexes and triggers."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from holdfast.kit import migrate

POSTGRES_CATALOGUE = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
               pg_get_expr(d.adbin, d.adrelid), co.collname
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation co ON co.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), condeferrable, convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "indexes": """
        SELECT c.relname, pg_get_indexdef(i.indexrelid), i.indisvalid
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "triggers": """
        SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), tgenabled
        FROM pg_trigger WHERE NOT tgisinternal""",
    "functions": """
        SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
          AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = p.oid AND deptype = 'e')""",
    "views": "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
    "sequences": """
        SELECT sequencename, data_type, increment_by, start_value FROM pg_sequences WHERE schemaname = 'public'""",
    "storage": """
        SELECT relname, relkind, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace
          AND relkind IN ('r', 'p', 'v', 'm')""",
    "extensions": "SELECT extname FROM pg_extension",
}


@pytest.fixture
def empty_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A database without any table, of the same kind as `database_url`."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        yield database_url  # alone: emptied by the test before it is filled again


@pytest.mark.alone
async def test_a_migrated_database_is_one_made_from_the_models(database_url: str, empty_url: str) -> None:
    migrated = await _schema(database_url)
    if empty_url == database_url:
        await _empty(database_url)
    async with migrate.connect(empty_url) as connection:
        await connection.run_sync(migrate.declared().create_all)
    made = await _schema(empty_url)

    assert migrated - made == set(), "the migrations make what the models don't declare"
    assert made - migrated == set(), "the models declare what no migration makes"
    assert made


async def test_nothing_is_left_for_a_new_migration(database_url: str) -> None:
    """What `alembic check` asks, without its command line."""

    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, migrate.declared()))

    async with migrate.connect(database_url) as connection:
        assert await connection.run_sync(differences) == []


async def test_a_migrated_database_stands_at_the_head(database_url: str) -> None:
    assert await migrate.current(database_url) == migrate.head()


@pytest.mark.alone
async def test_processes_that_migrate_at_once_do_not_disturb_one_another(database_url: str, empty_url: str) -> None:
    if empty_url == database_url:
        await _empty(database_url)

    await asyncio.gather(*(migrate.upgrade(empty_url) for _ in range(3)))

    assert await migrate.current(empty_url) == migrate.head()


def test_history_is_one_line() -> None:
    scripts = ScriptDirectory(str(migrate.scripts().dir))

    assert len(scripts.get_bases()) <= 1
    assert scripts.get_heads() == [migrate.head()]
    assert [revision.revision for revision in scripts.walk_revisions() if revision.is_branch_point] == []


def test_every_constraint_has_a_name() -> None:
    """So that a later migration can drop it, and an error can name it."""
    tables = migrate.declared().tables.values()
    nameless = [
        f"{table.name}: {constraint}"
        for table in tables
        for constraint in table.constraints
        if not constraint.name and not isinstance(constraint, sa.PrimaryKeyConstraint)
    ]

    assert nameless == []


async def _empty(url: str) -> None:
    async with migrate.connect(url) as connection:
        for statement in ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public"):
            await connection.exec_driver_sql(statement)


async def _schema(url: str) -> set[tuple[str, ...]]:
    """All that a database knows of itself, but alembic's own table and the order of columns."""
    async with migrate.connect(url) as connection:
        read = _sqlite_schema if connection.dialect.name == "sqlite" else _postgres_schema
        rows = await connection.run_sync(read)
    return {row for row in rows if "alembic_version" not in " ".join(row)}


def _postgres_schema(connection: sa.Connection) -> set[tuple[str, ...]]:
    return {
        (kind, *(str(value) for value in row))
        for kind, query in POSTGRES_CATALOGUE.items()
        for row in connection.exec_driver_sql(query)
    }


def _sqlite_schema(connection: sa.Connection) -> set[tuple[str, ...]]:
    """SQLite keeps the text of each statement: tables are compared by their parts, since batch changes reorder them."""
    found = set[tuple[str, ...]]()
    for kind, name, table, sql in connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master"):
        if kind == "table" and not name.startswith("sqlite_"):
            found |= {("part", name, part) for part in _parts(sql)}
        elif sql:
            found.add((kind, name, table, _squeezed(sql)))
    return found


def _parts(create_table: str) -> list[str]:
    """Columns, constraints and options of a CREATE TABLE, split at its outermost commas."""
    body, parts, depth = create_table[create_table.index("(") + 1 : create_table.rindex(")")], [""], 0
    for text in re.findall(r"'(?:[^']|'')*'|[(),]|[^'(),]+", body):
        depth += {"(": 1, ")": -1}.get(text, 0)
        if text == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += text
    return [_squeezed(part) for part in [*parts, create_table[create_table.rindex(")") + 1 :]]]


def _squeezed(sql: str) -> str:
    return " ".join(sql.replace('"', "").split()).replace("( ", "(").replace(" )", ")")
