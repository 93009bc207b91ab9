"""Refunds, which settle some time after they were asked for, and the books that hold every movement of money."""

import sqlite3
from secrets import token_hex
from typing import Any

from holdfast.gateways.sandbox import checkouts, faults, webhooks
from holdfast.gateways.sandbox.schemas import Books, EntryView, RefundBody, RefundView, TotalView
from holdfast.gateways.sandbox.values import (
    KeyReused,
    NothingCaptured,
    NotPositive,
    Refund,
    RefundTooHigh,
    from_us,
)
from holdfast.kit.money import Money

_SETTLE_MAX = 500
_ENTRIES_MAX = 10_000


def issue(db: sqlite3.Connection, body: RefundBody, *, settle_seconds: float) -> Refund:
    """Take a refund on, or return the one of this key as it stands.

    KeyReused, NotPositive, NoSuchCheckout, NothingCaptured, RefundTooHigh (failed refunds don't count).
    """
    amount = Money.parse(body.amount, body.currency)
    if amount.minor <= 0:
        raise NotPositive(body.amount)
    known = by_key(db, body.key)
    if known is not None:
        if known.amount != amount or known.payment_reference != body.payment_reference:
            raise KeyReused(body.key)
        return known
    payment = checkouts.find(db, body.payment_reference)
    if payment.status != "completed":
        raise NothingCaptured(payment.reference, payment.status)
    available = payment.captured - _taken(db, payment.reference, payment.captured.currency)
    if amount.currency != available.currency or amount.minor > available.minor:
        raise RefundTooHigh(payment.reference, available.amount, available.currency)
    db.execute(
        "INSERT INTO refunds (reference, key, payment_reference, minor, currency, status, settle_us)"
        " VALUES (?, ?, ?, ?, ?, 'pending', ?)",
        (
            f"sbr_{token_hex(16)}",
            body.key,
            payment.reference,
            amount.minor,
            amount.currency,
            faults.real_us() + round(settle_seconds * 1_000_000),
        ),
    )
    issued = by_key(db, body.key)
    assert issued is not None
    return issued


def by_key(db: sqlite3.Connection, key: str) -> Refund | None:
    """The refund of the shop's key."""
    row = db.execute(f"{_SELECT} WHERE refunds.key = ?", (key,)).fetchone()
    return None if row is None else _refund(row)


def settle_due(db: sqlite3.Connection) -> None:
    """Let the refunds whose time has come succeed or, if told so, fail; the shop is told by a webhook."""
    rows = db.execute(
        f"{_SELECT} WHERE refunds.status = 'pending' AND settle_us <= ? ORDER BY settle_us LIMIT ?",
        (faults.real_us(), _SETTLE_MAX),
    ).fetchall()
    for row in rows:
        _settle(db, _refund(row), status="failed" if faults.take_refund_failure(db) else "processed")


def next_settle_us(db: sqlite3.Connection) -> int | None:
    """When the next refund settles."""
    row = db.execute("SELECT min(settle_us) AS due FROM refunds WHERE status = 'pending'").fetchone()
    return None if row["due"] is None else int(row["due"])


def books(db: sqlite3.Connection, *, after: int) -> Books:
    """Every capture and refund after that serial, and the totals of all."""
    rows = db.execute(
        "SELECT * FROM entries WHERE serial > ? ORDER BY serial LIMIT ?", (after, _ENTRIES_MAX)
    ).fetchall()
    entries = [
        EntryView(
            serial=row["serial"],
            kind=row["kind"],
            payment_reference=row["payment_reference"],
            key=row["key"],
            amount=Money(row["minor"], row["currency"]).amount,
            fee_amount=Money(row["fee_minor"], row["currency"]).amount,
            currency=row["currency"],
            at=from_us(row["at_us"]),
        )
        for row in rows
    ]
    return Books(entries=entries, totals=_totals(db), next=entries[-1].serial if len(entries) == _ENTRIES_MAX else None)


def view(refund: Refund) -> RefundView:
    """What travels of a refund."""
    return RefundView(
        key=refund.key,
        reference=refund.reference,
        payment_reference=refund.payment_reference,
        status=refund.status,
        amount=refund.amount.amount,
        currency=refund.amount.currency,
    )


_SELECT = (
    "SELECT refunds.*, payments.webhook_url FROM refunds"
    " JOIN payments ON payments.reference = refunds.payment_reference"
)


def _refund(row: sqlite3.Row) -> Refund:
    return Refund(
        reference=row["reference"],
        key=row["key"],
        payment_reference=row["payment_reference"],
        amount=Money(row["minor"], row["currency"]),
        status=row["status"],
        webhook_url=row["webhook_url"],
    )


def _taken(db: sqlite3.Connection, payment_reference: str, currency: str) -> Money:
    row = db.execute(
        "SELECT coalesce(sum(minor), 0) AS minor FROM refunds WHERE payment_reference = ? AND status <> 'failed'",
        (payment_reference,),
    ).fetchone()
    return Money(row["minor"], currency)


def _settle(db: sqlite3.Connection, refund: Refund, *, status: str) -> None:
    db.execute("UPDATE refunds SET status = ? WHERE reference = ?", (status, refund.reference))
    if status == "processed":
        db.execute(
            "INSERT INTO entries (kind, payment_reference, source, key, minor, fee_minor, currency, at_us)"
            " VALUES ('refund', ?, ?, ?, ?, 0, ?, ?)",
            (
                refund.payment_reference,
                refund.reference,
                refund.key,
                refund.amount.minor,
                refund.amount.currency,
                faults.now_us(db),
            ),
        )
    settled = by_key(db, refund.key)
    assert settled is not None
    data: dict[str, Any] = view(settled).model_dump(mode="json")
    kind = "refund.succeeded" if status == "processed" else "refund.failed"
    webhooks.enqueue(db, kind=kind, subject=refund.reference, url=refund.webhook_url, data=data)


def _totals(db: sqlite3.Connection) -> list[TotalView]:
    rows = db.execute(
        "SELECT currency, sum(minor) FILTER (WHERE kind = 'capture') AS captured,"
        " sum(minor) FILTER (WHERE kind = 'refund') AS refunded, sum(fee_minor) AS fees"
        " FROM entries GROUP BY currency ORDER BY currency"
    ).fetchall()
    return [_total(row) for row in rows]


def _total(row: sqlite3.Row) -> TotalView:
    currency = row["currency"]
    captured, refunded = Money(row["captured"] or 0, currency), Money(row["refunded"] or 0, currency)
    fees = Money(row["fees"], currency)
    return TotalView(
        currency=currency,
        captured=captured.amount,
        refunded=refunded.amount,
        fees=fees.amount,
        net=(captured - refunded - fees).amount,
    )
