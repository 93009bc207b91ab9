"""What the ORM peer sells in the bench, and who buys there."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from bench.peers import orm
from bench.site import SECRET, plain


@dataclass(frozen=True, slots=True)
class PeerCaller:
    id: uuid.UUID
    token: str


async def make_tables(url: str) -> None:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(orm.Base.metadata.create_all)
    await engine.dispose()


async def callers(url: str, count: int) -> list[PeerCaller]:
    found = [uuid.uuid4() for _ in range(count)]
    connection = await asyncpg.connect(plain(url))
    try:
        await connection.copy_records_to_table(
            "users",
            records=[(each, f"{each.hex}@example.org", True) for each in found],
            columns=["id", "email", "is_active"],
        )
    finally:
        await connection.close()
    return [PeerCaller(each, orm.token_for(SECRET, each)) for each in found]


async def occurrences(url: str, count: int, *, seats: Sequence[str], left: int = 0) -> list[uuid.UUID]:
    """So many occurrences with these seats each, and `left` places of the counted kind."""
    found = [uuid.uuid4() for _ in range(count)]
    starts_at = datetime.now(UTC) + timedelta(days=7)
    connection = await asyncpg.connect(plain(url))
    try:
        await connection.copy_records_to_table(
            "occurrences",
            records=[(each, "Aton - Beset", "on_sale", starts_at, 15_000, "EGP", left) for each in found],
            columns=["id", "title", "state", "starts_at", "price", "currency", "left"],
        )
        await connection.execute(
            """INSERT INTO seats (occurrence_id, number, "row", "column", tier, status)
               SELECT o.id, s.number, (s.at - 1) / 50, (s.at - 1) % 50, 'standard', 'free'
               FROM unnest($1::uuid[]) o(id), unnest($2::text[]) WITH ORDINALITY s(number, at)""",
            found,
            list(seats),
            timeout=600,
        )
        await connection.execute("VACUUM ANALYZE seats")
    finally:
        await connection.close()
    return found
