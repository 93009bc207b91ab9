"""Hand out whole tables, row by row, for a data warehouse: resumable, without secrets, without personal data.

This reads tables by their names in the metadata, and decides nothing: which columns may leave is said here alone.
Every table stands in `EXPORTS`, in `KEPT_BACK` or at its product, which a test holds.

A row is handed out once it has stood for a minute: transactions commit in another order than their clocks say, so a
cursor that ran up to this very moment would step over rows that are still to be committed.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from holdfast.kernel.product import Export, Product
from holdfast.kernel.reports.values import TableUnknown
from holdfast.kit.cursors import Key
from holdfast.kit.db import Database, Reader, metadata

SETTLED_AFTER = timedelta(minutes=1)
CHUNK_ROWS = 1_000


EXPORTS: Mapping[str, Export] = {
    "activity_chain": Export(None),
    "activity_logs": Export("timestamp"),
    "booking_references": Export(None),
    "bookings": Export("updated_at"),
    "cancellations": Export("updated_at", personal=frozenset({"reason"})),
    "complaints": Export("updated_at", personal=frozenset({"note", "subject", "text"})),
    "counters": Export(None),
    "gateway_events": Export("received_at", hidden=frozenset({"body"})),
    "holds": Export("placed_at", hidden=frozenset({"digest", "key"})),
    "inventories": Export("updated_at"),
    "items": Export(None),
    "layouts": Export("created_at"),
    "ledger_accounts": Export("created_at"),
    "ledger_entries": Export("posted_at"),
    "notifications": Export("created_at"),
    "outbox": Export("at"),
    "payment_allocations": Export(None),
    "payments": Export("updated_at", hidden=frozenset({"url"})),
    "price_lines": Export(None),
    "provider_members": Export("created_at"),
    "providers": Export("updated_at"),
    "refunds": Export("updated_at"),
    "tickets": Export("updated_at", hidden=frozenset({"nonce"})),
    "user_roles": Export("granted_at"),
    "webhook_deliveries": Export("updated_at"),
    "webhook_endpoints": Export("updated_at", hidden=frozenset({"former_secret", "secret"})),
    "users": Export(
        "updated_at",
        hidden=frozenset({"password_hash"}),
        personal=frozenset(
            {
                "email",
                "email_key",
                "first_name",
                "last_name",
                "pending_email",
                "pending_phone",
                "phone_number",
                "previous_email",
                "previous_phone",
            }
        ),
    ),
}
#: Never handed out: secrets, machinery, and what is gone after a while.
KEPT_BACK = frozenset(
    {
        "activity_origins",
        "api_keys",
        "cancellation_quotes",
        "claims",
        "gateway_references",
        "idempotency_keys",
        "jobs",
        "logins",
        "quantity_claims",
        "rate_limits",
        "refresh_tokens",
        "stream_epoch",
        "test_clock",
        "ticket_numbers",
        "totp_secrets",
        "verifications",
        "worker_beats",
    }
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one request for a table reads: these columns, in that order, up to so many rows that settled by then."""

    table: sa.Table
    columns: tuple[sa.Column[Any], ...]
    order: tuple[sa.Column[Any], ...]
    moved: sa.Column[Any] | None
    until: datetime
    limit: int
    since: datetime | None


def plan(
    name: str, *, products: Iterable[Product], personal: bool, now: datetime, limit: int, since: datetime | None = None
) -> Plan:
    """TableUnknown for a table that there is none of, and for one that is never handed out."""
    export = next((each.exports[name] for each in products if name in each.exports), EXPORTS.get(name))
    if export is None:
        raise TableUnknown
    table = metadata.tables[name]
    hidden = export.hidden if personal else export.hidden | export.personal
    moved = None if export.moved is None else table.c[export.moved]
    keys = tuple(table.primary_key.columns)
    return Plan(
        table=table,
        columns=tuple(column for column in table.columns if column.name not in hidden),
        order=keys if moved is None else (moved, *keys),
        moved=moved,
        until=now - SETTLED_AFTER,
        limit=limit,
        since=since,
    )


Row = tuple[dict[str, Any], Key]


async def rows(database: Database, wanted: Plan, after: Key | None) -> AsyncIterator[Row]:
    """Row by row from `after`, each with the cursor behind it; chunk by chunk, holding nothing open."""
    left = wanted.limit
    while left > 0:
        async with database.reader() as db:
            found = await _chunk(db, wanted, after, limit=min(CHUNK_ROWS, left))
        for row in found:
            after = tuple(row[f"_{place}"] for place in range(len(wanted.order)))
            yield {column.name: row[column.name] for column in wanted.columns}, after
        left -= len(found)
        if len(found) < CHUNK_ROWS:
            return


async def _chunk(db: Reader, wanted: Plan, after: Key | None, *, limit: int) -> list[Mapping[str, Any]]:
    keys = [column.label(f"_{place}") for place, column in enumerate(wanted.order)]
    statement = sa.select(*wanted.columns, *keys).order_by(*wanted.order).limit(limit)
    if wanted.moved is not None:
        statement = statement.where(wanted.moved < wanted.until)
        if wanted.since is not None:
            statement = statement.where(wanted.moved >= wanted.since)
    if after is not None:
        values = [sa.literal(value, column.type) for value, column in zip(after, wanted.order, strict=True)]
        statement = statement.where(sa.tuple_(*wanted.order) > sa.tuple_(*values))
    return [row._mapping for row in await db.all(statement)]  # type: ignore[misc] # noqa: SLF001 - its public name
