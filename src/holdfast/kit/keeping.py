"""How long rows are kept: what each feature promises of its tables, and how much of it is dropped at once."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

import sqlalchemy as sa

from holdfast.kit.db import Transaction

#: Rows dropped in one transaction: few enough that nobody waits for it, SQLite's one writer included.
AT_ONCE = 500


class Forget(Protocol):
    """Drops what was over before that moment, at most `limit` rows; how many."""

    def __call__(self, db: Transaction, /, *, before: datetime, limit: int) -> Awaitable[int]: ...


Erasure = Literal["deleted", "blanked", "stays"]


@dataclass(frozen=True, slots=True)
class Kept:
    """One table: how long its rows stand there, why, what of them is personal, and what erasing a person does.

    `after` and `forget`: what was over so long ago is dropped by the worker. Both are None where nothing goes by age.
    """

    table: str
    how_long: str
    why: str
    personal: str = ""
    erasure: Erasure = "stays"
    after: timedelta | None = None
    forget: Forget | None = None


async def drop(
    db: Transaction,
    table: sa.Table,
    *which: sa.ColumnElement[bool],
    first: Sequence[sa.ColumnElement[object]] = (),
    limit: int = AT_ONCE,
) -> int:
    """Delete at most `limit` of these rows, those `first` by these columns; how many."""
    key = list(table.primary_key.columns)
    found = sa.select(*key).where(*which).order_by(*first).limit(limit)
    return await db.execute(sa.delete(table).where(sa.tuple_(*key).in_(found)))
