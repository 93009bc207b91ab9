"""Keep the notices of gateways that arrive together, and find what they name, in one transaction."""

from collections.abc import Sequence
from uuid import UUID

from holdfast.kernel.checkout.batch.requests import Hear, Heard
from holdfast.kernel.payments import Payment
from holdfast.kernel.payments import bulk as payments
from holdfast.kit import clock
from holdfast.kit.bulk import Program
from holdfast.kit.db import Database
from holdfast.kit.rides import Fate


def settle(requests: Sequence[Hear], *, database: Database, is_patient: bool) -> Program[list[Heard | Fate]]:
    """Each with the id of the first that told it."""
    del is_patient  # nothing is waited for
    now = yield from clock.in_batch(is_postgres=database.dialect == "postgresql", has_test_clock=database.test_clock)
    rows = []
    for request in requests:
        notice = request.notice
        named = (notice.type, notice.object, notice.key, notice.reference)
        rows.append((request.id, request.gateway, notice.event_id, *named, request.body))
    yield payments.ADD_EVENTS.of(rows, now=now)
    kept = {
        (row.gateway, row.event_id): row
        for row in (yield payments.EVENTS.of([(each.gateway, each.notice.event_id) for each in requests]))
    }
    named_ids = {_named(each) for each in requests} - {None}
    found: dict[UUID | None, Payment] = {}
    if named_ids:
        found = {row.id: Payment(*row) for row in (yield payments.BY_ID.of([(each,) for each in named_ids]))}
    heard: list[Heard | Fate] = []
    for request in requests:
        row = kept[request.gateway, request.notice.event_id]
        heard.append(Heard(row.id, row.processed_at is not None, found.get(_named(request)), now))
    return heard


def _named(request: Hear) -> UUID | None:
    """The payment that a notice is about, by our own id."""
    if request.notice.object != "payment":
        return None
    try:
        return UUID((request.notice.key or "")[:36])
    except ValueError:
        return None
