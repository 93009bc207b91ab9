"""What decides a payment. Each change is one conditional write, so that a payment is captured once, however asked."""

import sqlite3

from holdfast.gateways.sandbox import faults, rules, webhooks
from holdfast.gateways.sandbox.schemas import PaymentView
from holdfast.gateways.sandbox.values import NoSuchCheckout, NothingCaptured, Payment, from_us
from holdfast.kit.money import Money

UNDECIDED = ("open", "processing")
_SETTLE_MAX = 500


def capture(db: sqlite3.Connection, payment: Payment, *, after_all: bool = False) -> Payment:
    """Take the money, once, where the payment is undecided, and write it into the books.

    `after_all`: also where it failed or expired, as banks do. Returns the payment as it then is; in any other state
    nothing changes.
    """
    fault = faults.take_capture(db)
    taken = payment.amount
    if fault is not None:
        taken = Money.parse(fault.amount, fault.currency or payment.amount.currency)
    fee = rules.fee(taken, basis_points=payment.fee_basis_points)
    now = faults.now_us(db)
    count = db.execute(
        "UPDATE payments SET status = 'completed', captured_minor = ?, captured_currency = ?, fee_minor = ?,"
        " reason = NULL, changed_us = ? WHERE reference = ?"
        " AND (status IN ('open', 'processing') OR (? AND status IN ('failed', 'expired')))",
        (taken.minor, taken.currency, fee.minor, now, payment.reference, after_all),
    ).rowcount
    if count == 0:
        return load(db, payment.reference)
    db.execute(
        "INSERT INTO entries (kind, payment_reference, source, key, minor, fee_minor, currency, at_us)"
        " VALUES ('capture', ?, ?, ?, ?, ?, ?, ?)",
        (payment.reference, payment.reference, payment.key, taken.minor, fee.minor, taken.currency, now),
    )
    return _told(db, payment.reference, "payment.success")


def decide(db: sqlite3.Connection, payment: Payment, *, status: str, reason: str, silently: bool = False) -> Payment:
    """Let an undecided payment fail or expire, and tell the shop; in any other state nothing changes."""
    count = db.execute(
        "UPDATE payments SET status = ?, reason = ?, changed_us = ?"
        " WHERE reference = ? AND status IN ('open', 'processing')",
        (status, reason, faults.now_us(db), payment.reference),
    ).rowcount
    if count == 0 or silently:
        return load(db, payment.reference)
    return _told(db, payment.reference, f"payment.{status}")


def dispute(db: sqlite3.Connection, payment: Payment) -> Payment:
    """Tell the shop that the payer disputes it; the books stay as they are. NothingCaptured."""
    if payment.status != "completed":
        raise NothingCaptured(payment.reference, payment.status)
    return _told(db, payment.reference, "dispute.opened")


def settle_due(db: sqlite3.Connection) -> None:
    """Decide what the passing of time decides: checkouts past their deadline, and late captures."""
    rows = db.execute(
        "SELECT * FROM payments WHERE status IN ('open', 'processing') AND coalesce(late_us, expires_us) <= ? LIMIT ?",
        (faults.now_us(db), _SETTLE_MAX),
    ).fetchall()
    for row in rows:
        settled(db, from_row(row))


def settled(db: sqlite3.Connection, payment: Payment) -> Payment:
    """The payment as it is now, after what the passing of time has decided."""
    if payment.status not in UNDECIDED:
        return payment
    now = faults.now_us(db)
    if payment.late_us is not None:
        return capture(db, payment) if payment.late_us <= now else payment
    if payment.expires_us <= now:
        return decide(db, payment, status="expired", reason="deadline", silently=payment.silent)
    return payment


def load(db: sqlite3.Connection, reference: str) -> Payment:
    """The row as it is written. NoSuchCheckout."""
    row = db.execute("SELECT * FROM payments WHERE reference = ?", (reference,)).fetchone()
    if row is None:
        raise NoSuchCheckout(reference[:80])
    return from_row(row)


def from_row(row: sqlite3.Row) -> Payment:
    return Payment(
        reference=row["reference"],
        key=row["key"],
        amount=Money(row["minor"], row["currency"]),
        description=row["description"],
        method=row["method"],
        return_url=row["return_url"],
        webhook_url=row["webhook_url"],
        expires_us=row["expires_us"],
        status=row["status"],
        captured=Money(row["captured_minor"], row["captured_currency"]),
        fee=Money(row["fee_minor"], row["captured_currency"]),
        fee_basis_points=row["fee_basis_points"],
        reason=row["reason"],
        late_us=row["late_us"],
        silent=bool(row["silent"]),
        changed_us=row["changed_us"],
    )


def view(payment: Payment, *, url: str | None = None) -> PaymentView:
    """What travels of a payment; `url` is where the customer pays."""
    return PaymentView(
        key=payment.key,
        reference=payment.reference,
        url=url,
        status=payment.status,
        reason=payment.reason,
        amount=payment.amount.amount,
        currency=payment.amount.currency,
        captured_amount=payment.captured.amount,
        captured_currency=payment.captured.currency,
        fee_amount=payment.fee.amount,
        fee_currency=payment.fee.currency,
        expires_at=from_us(payment.expires_us),
        changed_at=from_us(payment.changed_us),
    )


def _told(db: sqlite3.Connection, reference: str, kind: str) -> Payment:
    payment = load(db, reference)
    data = view(payment).model_dump(mode="json", exclude={"url"})
    # Real gateways send the payer along: so does this one, and the adapter has to leave them out.
    data["payer"] = {"name": "Test Customer", "email": "customer@example.com"}
    if kind.startswith("dispute."):
        data["object"] = "dispute"
    webhooks.enqueue(db, kind=kind, subject=reference, url=payment.webhook_url, data=data)
    return payment
