"""How migrations run: on a connection handed over by `holdfast.kit.migrate`, or by the alembic command on its own.

`alembic -x url=sqlite:///some.sqlite3 revision --autogenerate -m "tickets"` compares that database with the models.
"""

import asyncio
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from holdfast.kit import db, migrate


def run(connection: sa.Connection, tables: sa.MetaData | None = None) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_server_default=True,
        render_item=in_our_words,
    )
    with context.begin_transaction():
        context.run_migrations()


def in_our_words(kind: str, item: Any, autogenerate: Any) -> str | Literal[False]:  # noqa: ANN401 - alembic's own
    """A new migration writes what stands for another thing on each database as the models do."""
    if kind == "server_default" and isinstance(item.arg, sa.False_ | sa.True_):
        return "sa.false()" if isinstance(item.arg, sa.False_) else "sa.true()"
    name = {db.Moment: "Moment", sa.Uuid: "Id", sa.JSON: "Json"}.get(type(item)) if kind == "type" else None
    if name is None:
        return False
    autogenerate.imports.add(f"from holdfast.kit.db import {name}")
    return name


async def run_on_own_connection() -> None:
    arguments = context.get_x_argument(as_dictionary=True)
    assert "url" in arguments, "say which database: alembic -x url=… <command>"
    async with migrate.connect(arguments["url"]) as connection:
        await connection.run_sync(run, migrate.declared())


if (handed := context.config.attributes.get("connection")) is not None:
    run(handed)
else:
    asyncio.run(run_on_own_connection())
