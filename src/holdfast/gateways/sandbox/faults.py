"""Remember what the sandbox was told to do wrong, and count it down; its clock is one of these."""

import sqlite3
import time

from holdfast.gateways.sandbox.schemas import ApiFault, CaptureFault, Faults, Operation


def read(db: sqlite3.Connection) -> Faults:
    """What is in force; nothing by default."""
    row = db.execute("SELECT body FROM faults").fetchone()
    return Faults() if row is None else Faults.model_validate_json(row["body"])


def write(db: sqlite3.Connection, faults: Faults) -> Faults:
    """Put these in force, instead of all before."""
    db.execute(
        "INSERT INTO faults (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (faults.model_dump_json(),),
    )
    return faults


def change(db: sqlite3.Connection, told: Faults) -> Faults:
    """Put in force what was told, and leave the rest as it was."""
    return write(db, read(db).model_copy(update={name: getattr(told, name) for name in told.model_fields_set}))


def now_us(db: sqlite3.Connection) -> int:
    """The sandbox's clock: the machine's, moved by what it was told."""
    return real_us() + round(read(db).clock_offset_seconds * 1_000_000)


def real_us() -> int:
    """The machine's clock: it paces webhooks and refunds, so that moving the sandbox's clock never stalls them."""
    return time.time_ns() // 1_000


def take_loss(db: sqlite3.Connection) -> bool:
    """Whether this webhook is to be lost."""
    return _count_down(db, "lose")


def take_decline(db: sqlite3.Connection) -> bool:
    """Whether this card is to be declined."""
    return _count_down(db, "decline")


def take_refund_failure(db: sqlite3.Connection) -> bool:
    """Whether this refund is to fail."""
    return _count_down(db, "refund_failures")


def take_early_completion(db: sqlite3.Connection) -> bool:
    """Whether this checkout is to be paid before its opener is answered."""
    return _count_down(db, "complete_before_answer")


def take_capture(db: sqlite3.Connection) -> CaptureFault | None:
    """What to capture instead of what was asked."""
    faults = read(db)
    fault = faults.capture
    if fault is None or fault.times == 0:
        return None
    write(db, faults.model_copy(update={"capture": fault.model_copy(update={"times": fault.times - 1})}))
    return fault


def take_api_fault(db: sqlite3.Connection, operation: Operation) -> ApiFault | None:
    """How this call is to be answered wrongly, if at all: the first fault told that concerns it."""
    faults = read(db)
    for index, fault in enumerate(faults.api):
        if fault.times > 0 and fault.operation in {operation, "any"}:
            used = fault.model_copy(update={"times": fault.times - 1})
            rest = (*faults.api[:index], used, *faults.api[index + 1 :])
            write(db, faults.model_copy(update={"api": rest}))
            return fault
    return None


def _count_down(db: sqlite3.Connection, name: str) -> bool:
    faults = read(db)
    left = getattr(faults, name)
    if left == 0:
        return False
    write(db, faults.model_copy(update={name: left - 1}))
    return True
