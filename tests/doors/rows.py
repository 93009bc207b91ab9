"""Everything a database holds, so that it can be seen whether a request changed anything."""

import hashlib
from collections.abc import Collection

import sqlalchemy as sa

from holdfast.kit import migrate
from holdfast.kit.db import Database

#: What a refused request may write: how often it was tried, and that a program's key was used.
COUNTING = frozenset({"rate_limits", "idempotency_keys"})


async def digests(database: Database, *, besides: Collection[str] = COUNTING) -> dict[str, str]:
    """Table -> how many rows it has and a hash over all of them."""
    found = {}
    async with database.snapshot() as db:
        for name, table in sorted(migrate.declared().tables.items()):
            if name not in besides:
                rows = sorted(repr(tuple(row)) for row in await db.all(sa.select(table)))
                found[name] = f"{len(rows)} rows, {hashlib.sha256(''.join(rows).encode()).hexdigest()[:16]}"
    return found
