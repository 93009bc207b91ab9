"""Page through a list that grows meanwhile: by the key of the last row seen, never by an offset.

A cursor is opaque and signed, bound to the list and its filters, so that nobody makes one up or moves it elsewhere.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeAlias, TypeVar
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends, Query
from starlette.requests import Request

from holdfast.kit.errors import Unreadable
from holdfast.kit.fields import Answer
from holdfast.kit.secrets import sign

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
CURSOR_LENGTH_MAX = 1_000
_PURPOSE = "cursor"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAC_BYTES = 16

T = TypeVar("T")
Key: TypeAlias = tuple[datetime | UUID | int | str, ...]


@dataclass(eq=False)
class BadCursor(Unreadable):
    """This cursor is not one that was given for this list."""


class Listed(Answer, Generic[T]):
    """A page of a list; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for: at most `limit` rows after the row whose key is `after`."""

    limit: int
    after: Key | None
    #: what the cursor is bound to
    list_name: str
    secrets: tuple[str, ...]

    def select(
        self, statement: sa.Select[Any], *columns: sa.ColumnElement[Any], descending: bool = True
    ) -> sa.Select[Any]:
        """The statement for this page, ordered by `columns`, of which the last is unique; one row more than asked."""
        if self.after is not None:
            if len(self.after) != len(columns):
                raise BadCursor
            left, right = sa.tuple_(*columns), sa.tuple_(*_literals(columns, self.after))
            statement = statement.where(left < right if descending else left > right)
        order = [column.desc() if descending else column.asc() for column in columns]
        return statement.order_by(*order).limit(self.limit + 1)

    def listed(self, rows: Sequence[Any], present: Callable[[Any], T], key: Callable[[Any], Key]) -> Listed[T]:
        """The answer out of what `select` found."""
        shown, more = rows[: self.limit], len(rows) > self.limit
        return Listed[Any](
            items=[present(row) for row in shown],
            next_cursor=self.cursor(key(shown[-1])) if more else None,
        )

    def cursor(self, after: Key) -> str:
        body = json.dumps([_out(part) for part in after], separators=(",", ":")).encode()
        return _text(_mac(self.secrets[0], self.list_name, body) + body)


def read_cursor(cursor: str, *, list_name: str, secrets: Sequence[str]) -> Key:
    """The key of the row it stands for. BadCursor."""
    if len(cursor) > CURSOR_LENGTH_MAX:
        raise BadCursor
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raise BadCursor from None
    given, body = content[:_MAC_BYTES], content[_MAC_BYTES:]
    known = [hmac.compare_digest(given, _mac(secret, list_name, body)) for secret in secrets]
    if not any(known) or _text(content) != cursor:
        raise BadCursor
    return tuple(_in(part) for part in json.loads(body))


async def _page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> Page:
    """Bound to the route, its path and its filters: all of the query but limit and cursor."""
    filters = sorted((k, v) for k, v in request.query_params.multi_items() if k not in {"limit", "cursor"})
    path: Mapping[str, Any] = request.path_params
    endpoint = request.scope["endpoint"]
    list_name = json.dumps([endpoint.__module__, endpoint.__qualname__, sorted(map(list, path.items())), filters])
    secrets = request.app.state.edge.secrets
    after = None if cursor is None else read_cursor(cursor, list_name=list_name, secrets=secrets)
    return Page(limit, after, list_name, tuple(secrets))


#: `page: Paged` in the handler.
Paged: TypeAlias = Annotated[Page, Depends(_page)]


def _mac(secret: str, list_name: str, body: bytes) -> bytes:
    return sign(secret, _PURPOSE, list_name.encode(), body)[:_MAC_BYTES]


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _out(part: datetime | UUID | int | str) -> list[Any]:
    """Moments in microseconds, so that nothing is lost on the way."""
    if isinstance(part, datetime):
        return ["m", (part - _EPOCH) // timedelta(microseconds=1)]
    if isinstance(part, UUID):
        return ["u", str(part)]
    return ["i" if isinstance(part, int) else "s", part]


def _in(part: list[Any]) -> datetime | UUID | int | str:
    kind, value = part
    if kind == "m":
        return _EPOCH + timedelta(microseconds=value)
    return UUID(value) if kind == "u" else value


def _literals(columns: Sequence[sa.ColumnElement[Any]], after: Key) -> list[sa.ColumnElement[Any]]:
    return [sa.literal(value, column.type) for column, value in zip(columns, after, strict=True)]
