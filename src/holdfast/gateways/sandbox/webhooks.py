"""Remember what the shop is to be told: a webhook is a row until the shop has answered it with a 2xx."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from holdfast.gateways.sandbox import faults, rules
from holdfast.gateways.sandbox.values import NoSuchWebhook, from_us

_REORDER_GAP_US = 300_000
_LIST_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt to be made now. `sent_us` is the sandbox's own moment, for the signature."""

    id: int
    body: bytes
    url: str
    attempts: int
    created_us: int
    sent_us: int


def enqueue(db: sqlite3.Connection, *, kind: str, subject: str, url: str, data: dict[str, Any]) -> None:
    """Tell the shop at `url` of something, in the transaction in which it happened.

    `subject` is the reference of the payment or refund. Faults in force decide whether and when it leaves.
    """
    told = faults.read(db)
    event_id = f"evt_{token_hex(12)}"
    body = json.dumps(
        {"id": event_id, "type": kind, "created_at": from_us(faults.now_us(db)).isoformat(), "data": data},
        ensure_ascii=False,
    ).encode()
    now = faults.real_us()
    due = now + round(told.delay_seconds * 1_000_000)
    state = "waiting"
    if faults.take_loss(db):
        state = "lost"
    elif told.hold or told.reorder:
        state = "held"
    db.executemany(
        "INSERT INTO deliveries (event_id, type, subject, body, url, state, created_us, due_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(event_id, kind, subject, body, url, state, now, due)] * (1 + told.duplicate),
    )
    if told.reorder and not told.hold and state == "held":
        _count_reordered(db)


def release(db: sqlite3.Connection) -> None:
    """Let every held webhook leave now."""
    db.execute("UPDATE deliveries SET state = 'waiting', due_us = ? WHERE state = 'held'", (faults.real_us(),))


def send_again(db: sqlite3.Connection, event_id: str) -> None:
    """Let one webhook leave now, whatever became of it before: held, lost or delivered. NoSuchWebhook."""
    count = db.execute(
        "UPDATE deliveries SET state = 'waiting', due_us = ? WHERE event_id = ?", (faults.real_us(), event_id)
    ).rowcount
    if count == 0:
        raise NoSuchWebhook(event_id)


def claim(db: sqlite3.Connection, *, count: int, lease_seconds: float) -> list[Delivery]:
    """Take up to so many that are due. Each is due again after the lease: a killed sender loses none."""
    now = faults.real_us()
    rows = db.execute(
        "UPDATE deliveries SET attempts = attempts + 1, due_us = ? WHERE id IN"
        " (SELECT id FROM deliveries WHERE state = 'waiting' AND due_us <= ? ORDER BY due_us, id LIMIT ?)"
        " RETURNING id, body, url, attempts, created_us",
        (now + round(lease_seconds * 1_000_000), now, count),
    ).fetchall()
    sent = faults.now_us(db)
    return [Delivery(row["id"], row["body"], row["url"], row["attempts"], row["created_us"], sent) for row in rows]


def record(
    db: sqlite3.Connection, delivery: Delivery, *, status: int | None, delays: Sequence[float], total_seconds: float
) -> None:
    """Write down what came of an attempt: delivered by a 2xx, else due again later, or given up in the end."""
    now = faults.real_us()
    if status is not None and 200 <= status < 300:  # noqa: PLR2004 - the classes of HTTP
        state, due = "delivered", now
    elif now - delivery.created_us > total_seconds * 1_000_000:
        state, due = "given_up", now
    else:
        state, due = "waiting", now + round(rules.retry_delay(delivery.attempts, delays=delays) * 1_000_000)
    db.execute(
        "UPDATE deliveries SET state = ?, due_us = ?, answered = ?, outcomes = outcomes + 1"
        " WHERE id = ? AND attempts = ?",
        (state, due, status, delivery.id, delivery.attempts),
    )


def untried(db: sqlite3.Connection, *, subject: str) -> bool:
    """Whether a webhook about this payment is on its way and was never answered yet, well or badly."""
    row = db.execute(
        "SELECT 1 FROM deliveries WHERE subject = ? AND state = 'waiting' AND outcomes = 0 LIMIT 1", (subject,)
    ).fetchone()
    return row is not None


def next_due_us(db: sqlite3.Connection) -> int | None:
    """When the next attempt is due."""
    row = db.execute("SELECT min(due_us) AS due FROM deliveries WHERE state = 'waiting'").fetchone()
    return None if row["due"] is None else int(row["due"])


def listed(db: sqlite3.Connection, *, subject: str | None) -> list[sqlite3.Row]:
    """The newest webhooks, newest first, of one payment or refund or of all."""
    return db.execute(
        "SELECT * FROM deliveries WHERE ? IS NULL OR subject = ? ORDER BY id DESC LIMIT ?",
        (subject, subject, _LIST_MAX),
    ).fetchall()


def _count_reordered(db: sqlite3.Connection) -> None:
    """Count one kept webhook; with the last of them, let all leave, the youngest first, each well before the next."""
    told = faults.read(db)
    faults.write(db, told.model_copy(update={"reorder": told.reorder - 1}))
    if told.reorder > 1:
        return
    now = faults.real_us()
    events = db.execute("SELECT event_id, max(id) AS id FROM deliveries WHERE state = 'held' GROUP BY event_id")
    newest_first = sorted(events.fetchall(), key=lambda row: -int(row["id"]))
    for place, row in enumerate(newest_first):
        db.execute(
            "UPDATE deliveries SET state = 'waiting', due_us = ? WHERE event_id = ?",
            (now + place * _REORDER_GAP_US, row["event_id"]),
        )
