"""Checkouts: opened by the shop, paid or cancelled by the customer, ended by whoever comes first."""

import sqlite3
from datetime import datetime
from secrets import token_hex

from holdfast.gateways.sandbox import captures, faults, rules
from holdfast.gateways.sandbox.captures import UNDECIDED
from holdfast.gateways.sandbox.schemas import CheckoutBody
from holdfast.gateways.sandbox.values import (
    CheckoutOver,
    DeadlinePassed,
    KeyReused,
    NotPositive,
    Payment,
    to_us,
)
from holdfast.kit.money import Money


def open_checkout(db: sqlite3.Connection, body: CheckoutBody, *, fee_basis_points: int) -> Payment:
    """Open a checkout, or return the one of this key. KeyReused, NotPositive, DeadlinePassed, UnknownCurrency."""
    amount = Money.parse(body.amount, body.currency)
    if amount.minor <= 0:
        raise NotPositive(body.amount)
    known = by_key(db, body.key)
    if known is not None:
        if known.amount != amount:
            raise KeyReused(body.key)
        return known
    now, expires = faults.now_us(db), to_us(body.expires_at)
    if expires <= now:
        raise DeadlinePassed(body.expires_at.isoformat())
    reference = f"sbx_{token_hex(16)}"
    db.execute(
        "INSERT INTO payments (reference, key, minor, currency, captured_currency, fee_basis_points, description,"
        " method, return_url, webhook_url, expires_us, status, changed_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
        (
            reference,
            body.key,
            amount.minor,
            amount.currency,
            amount.currency,
            fee_basis_points,
            body.description,
            body.method,
            None if body.return_url is None else str(body.return_url),
            str(body.webhook_url),
            expires,
            now,
        ),
    )
    return captures.load(db, reference)


def find(db: sqlite3.Connection, reference: str) -> Payment:
    """The payment as it stands at this moment. NoSuchCheckout."""
    return captures.settled(db, captures.load(db, reference))


def by_key(db: sqlite3.Connection, key: str) -> Payment | None:
    """The payment of the shop's key as it stands at this moment."""
    row = db.execute("SELECT * FROM payments WHERE key = ?", (key,)).fetchone()
    return None if row is None else captures.settled(db, captures.from_row(row))


def changed_since(
    db: sqlite3.Connection, moment: datetime, *, after: tuple[int, str] | None, count: int
) -> list[Payment]:
    """Payments that changed at or after the moment, the longest unchanged first; `after` is the last one seen."""
    captures.settle_due(db)
    last_us, last_reference = after or (to_us(moment), "")
    rows = db.execute(
        "SELECT * FROM payments WHERE (changed_us, reference) > (?, ?) ORDER BY changed_us, reference LIMIT ?",
        (last_us, last_reference, count),
    ).fetchall()
    return [captures.from_row(row) for row in rows]


def end(db: sqlite3.Connection, reference: str) -> Payment:
    """End a checkout and return it as it then is: nothing changes where it was decided before.

    One whose bank is still at work (the late number) stays `processing`: what was sent cannot be called back.
    """
    payment = find(db, reference)
    if payment.status not in UNDECIDED or payment.late_us is not None:
        return payment
    return captures.decide(db, payment, status="expired", reason="ended", silently=payment.silent)


def pay_by_card(db: sqlite3.Connection, reference: str, outcome: rules.CardOutcome, *, late_seconds: float) -> Payment:
    """Do what the customer's card does; on a checkout that is no longer open, nothing: it is returned as it is."""
    payment = find(db, reference)
    if payment.status != "open":
        return payment
    if outcome == "decline" or faults.take_decline(db):
        return captures.decide(db, payment, status="failed", reason="declined")
    if outcome == "success":
        return captures.capture(db, payment)
    late_us = payment.expires_us + round(late_seconds * 1_000_000) if outcome == "late" else None
    db.execute(
        "UPDATE payments SET status = 'processing', late_us = ?, silent = ?, changed_us = ?"
        " WHERE reference = ? AND status = 'open'",
        (late_us, outcome == "silence", faults.now_us(db), reference),
    )
    return captures.load(db, reference)


def cancel(db: sqlite3.Connection, reference: str) -> Payment:
    """Do what the customer's cancel button does; like `pay_by_card`, nothing where it is no longer open."""
    payment = find(db, reference)
    if payment.status != "open":
        return payment
    return captures.decide(db, payment, status="failed", reason="cancelled")


def simulate(db: sqlite3.Connection, reference: str, outcome: str) -> Payment:
    """Bring about an outcome at once. CheckoutOver where it cannot be; the same outcome again is no error.

    `late_success` captures whatever the checkout's state is: money that comes after everything.
    """
    payment = find(db, reference)
    if outcome == "disputed":
        return captures.dispute(db, payment)
    reached = "completed" if outcome in {"success", "late_success"} else outcome
    if payment.status == reached:
        return payment
    if outcome == "late_success":
        return captures.capture(db, payment, after_all=True)
    if payment.status not in UNDECIDED:
        raise CheckoutOver(reference, payment.status)
    if outcome == "success":
        return captures.capture(db, payment)
    return captures.decide(db, payment, status=reached, reason="simulated")
