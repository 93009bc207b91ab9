"""Keep the sandbox's own rows: one SQLite file, one connection, one thread, so that its writes have an order.

Several processes may share the file (one mounted sandbox a worker): BEGIN IMMEDIATE orders them too.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS payments (
    reference TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    description TEXT NOT NULL,
    method TEXT NOT NULL,
    return_url TEXT,
    webhook_url TEXT NOT NULL,
    expires_us INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'processing', 'completed', 'failed', 'expired')),
    captured_minor INTEGER NOT NULL DEFAULT 0,
    captured_currency TEXT NOT NULL,
    fee_minor INTEGER NOT NULL DEFAULT 0,
    fee_basis_points INTEGER NOT NULL,
    reason TEXT,
    late_us INTEGER,
    silent INTEGER NOT NULL DEFAULT 0,
    changed_us INTEGER NOT NULL,
    CHECK ((status = 'completed') = (captured_minor > 0))
);
CREATE INDEX IF NOT EXISTS payments_changed ON payments (changed_us, reference);
CREATE INDEX IF NOT EXISTS payments_undecided ON payments (expires_us) WHERE status IN ('open', 'processing');
CREATE TABLE IF NOT EXISTS refunds (
    reference TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    payment_reference TEXT NOT NULL REFERENCES payments,
    minor INTEGER NOT NULL CHECK (minor > 0),
    currency TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'processed', 'failed')),
    settle_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_reference);
CREATE INDEX IF NOT EXISTS refunds_pending ON refunds (settle_us) WHERE status = 'pending';
CREATE TABLE IF NOT EXISTS entries (
    serial INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('capture', 'refund')),
    payment_reference TEXT NOT NULL REFERENCES payments,
    source TEXT NOT NULL,
    key TEXT NOT NULL,
    minor INTEGER NOT NULL CHECK (minor > 0),
    fee_minor INTEGER NOT NULL,
    currency TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    UNIQUE (kind, source)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT NOT NULL,
    body BLOB NOT NULL,
    url TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'held', 'lost', 'delivered', 'given_up')),
    attempts INTEGER NOT NULL DEFAULT 0,
    outcomes INTEGER NOT NULL DEFAULT 0,
    answered INTEGER,
    created_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_us) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event_id);
CREATE INDEX IF NOT EXISTS deliveries_subject ON deliveries (subject);
CREATE TABLE IF NOT EXISTS faults (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);
"""


class Store:
    """The file. `run` hands work the connection inside a transaction: all of it happens, or nothing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-store")
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in the store's thread, in one transaction, and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def close(self) -> None:
        """Close the file; a later `run` opens it again."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        db = self._connection or self._connect()
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        return result

    def _connect(self) -> sqlite3.Connection:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA foreign_keys = ON")
        db.executescript(_SCHEMA)
        self._connection = db
        return db

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
