"""What tests/conftest.py promises to every other test."""

import asyncio
import socket

import pytest
import sqlalchemy as sa

from holdfast.kit import clock
from holdfast.kit.db import Database


async def _tables(database: Database) -> set[str]:
    catalogue = "sqlite_master WHERE type = 'table'" if database.dialect == "sqlite" else "pg_tables"
    column = "name" if database.dialect == "sqlite" else "tablename"
    async with database.reader() as db:
        return {row[0] for row in await db.all(sa.text(f"SELECT {column} FROM {catalogue}"))}


async def test_a_database_is_open_and_migrated(database: Database) -> None:
    async with database.reader() as db:
        now = await clock.moment(db)

    assert now.tzinfo is not None
    assert "alembic_version" in await _tables(database)


@pytest.mark.alone
@pytest.mark.parametrize("_again", [1, 2])
async def test_a_test_alone_finds_nothing_of_another(database: Database, _again: int) -> None:
    before = await _tables(database)
    async with database.transaction() as db:
        await db.execute(sa.text("CREATE TABLE left_behind (id INTEGER)"))

    assert "left_behind" not in before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_test_may_ask_for_one_kind(database: Database) -> None:
    assert database.dialect == "postgresql"


async def test_nothing_leaves_the_machine() -> None:
    with socket.socket() as connection, pytest.raises(Exception, match=r"reaches for 192\.0\.2\.1"):
        connection.connect(("192.0.2.1", 80))
    with pytest.raises(Exception, match=r"reaches for holdfast\.example"):
        await asyncio.open_connection("holdfast.example", 443)
