"""What the peer on SQLite sells, and who buys there."""

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt

from bench.peers.sqlite import ISSUER, KEY

_TABLES = """
CREATE TABLE users (id TEXT PRIMARY KEY, is_active INTEGER NOT NULL);
CREATE TABLE occurrences (id TEXT PRIMARY KEY, state TEXT NOT NULL, price INTEGER NOT NULL);
CREATE TABLE seats (
  occurrence_id TEXT NOT NULL REFERENCES occurrences, number TEXT NOT NULL, reservation_id TEXT, held_until REAL,
  PRIMARY KEY (occurrence_id, number)) WITHOUT ROWID;
CREATE TABLE reservations (
  id TEXT PRIMARY KEY, occurrence_id TEXT NOT NULL REFERENCES occurrences, user_id TEXT NOT NULL REFERENCES users,
  key TEXT NOT NULL, digest TEXT NOT NULL, answer TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL,
  expires_at REAL NOT NULL, UNIQUE (user_id, key));
CREATE INDEX ix_reservations_expires ON reservations (expires_at) WHERE status = 'active';
CREATE TABLE reservation_items (
  reservation_id TEXT NOT NULL REFERENCES reservations, number TEXT NOT NULL, price INTEGER NOT NULL);
CREATE INDEX ix_reservation_items ON reservation_items (reservation_id);
CREATE TABLE activity_logs (
  id INTEGER PRIMARY KEY, user_id TEXT, action TEXT NOT NULL, entity_id TEXT NOT NULL, details TEXT, at REAL NOT NULL);
CREATE INDEX ix_activity_logs_entity ON activity_logs (entity_id);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, payload TEXT NOT NULL, at REAL NOT NULL);
"""
OVERSOLD = """
SELECT count(*) FROM (
  SELECT r.occurrence_id, i.number FROM reservation_items i JOIN reservations r ON r.id = i.reservation_id
  GROUP BY 1, 2 HAVING count(*) > 1)
"""


@dataclass(frozen=True, slots=True)
class Caller:
    id: str
    token: str


def make_tables(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_TABLES)
    connection.close()


def fill(file: Path, *, occurrences: int, seats: list[str], people: int) -> tuple[list[str], list[Caller]]:
    """Occurrences with these seats each, and people with tokens."""
    made = [str(uuid.uuid4()) for _ in range(occurrences)]
    now = datetime.now(UTC)
    callers = []
    for _ in range(people):
        user_id = str(uuid.uuid4())
        claims = {"iss": ISSUER, "sub": user_id, "iat": now, "exp": now + timedelta(minutes=30)}
        callers.append(Caller(user_id, jwt.encode(claims, KEY, "EdDSA")))
    with sqlite3.connect(file) as connection:
        connection.executemany("INSERT INTO users VALUES (?, 1)", [(each.id,) for each in callers])
        connection.executemany("INSERT INTO occurrences VALUES (?, 'on_sale', 15000)", [(each,) for each in made])
        connection.executemany(
            "INSERT INTO seats VALUES (?, ?, NULL, NULL)", [(each, seat) for each in made for seat in seats]
        )
    connection.close()
    return made, callers
