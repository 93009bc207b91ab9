"""Post the transfers of many causes at once: what `post` does, for a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.kernel.ledger.values import Account, Transfer
from holdfast.kit.bulk import Insert, Kind, Program, Statement, written
from holdfast.kit.ids import new_id

_NAME: dict[str, Kind] = {"kind": "text", "holder": "text", "currency": "text"}

ACCOUNTS = Statement(
    "SELECT ledger_accounts.id, ledger_accounts.kind, ledger_accounts.holder, ledger_accounts.currency FROM {rows} "
    "JOIN ledger_accounts ON ledger_accounts.kind = r.kind AND ledger_accounts.holder = r.holder "
    "AND ledger_accounts.currency = r.currency",
    rows=_NAME,
    returns={"id": "id", **_NAME},
)

ADD_ACCOUNTS = Statement(
    "INSERT INTO ledger_accounts (id, kind, holder, currency, created_at) "
    "SELECT id, kind, holder, currency, {now} FROM {rows} WHERE true ORDER BY kind, holder, currency "
    "ON CONFLICT DO NOTHING",
    rows={"id": "id", **_NAME},
    values={"now": "moment"},
)

ADD_ENTRIES = Insert(
    "ledger_entries",
    {
        "id": "id",
        "journal": "id",
        "debit_account": "id",
        "credit_account": "id",
        "amount": "bigint",
        "currency": "text",
        "cause_kind": "text",
        "cause_id": "id",
        "step": "text",
        "posted_at": "moment",
    },
)


@dataclass(frozen=True, slots=True)
class Posting:
    """What one cause posts."""

    cause_kind: str
    cause_id: UUID
    transfers: Sequence[Transfer]
    currency: str


def post(postings: Sequence[Posting], *, now: datetime) -> Program[None]:
    """Add one entry a transfer; those of nothing are left out. The database refuses a (cause, step) a second time."""
    wanted = [(posting, each) for posting in postings for each in posting.transfers if each.amount]
    names = {
        (account.kind, account.holder, posting.currency)
        for posting, transfer in wanted
        for account in (transfer.debit, transfer.credit)
    }
    if not names:
        return
    ids = yield from _accounts(sorted(names), now=now)
    journals = {posting.cause_id: new_id() for posting in postings}

    def account(of: Account, currency: str) -> UUID:
        return ids[of.kind, of.holder, currency]

    entries: list[tuple[Any, ...]] = []
    for posting, transfer in wanted:
        assert transfer.amount > 0
        entries.append(
            (
                new_id(),
                journals[posting.cause_id],
                account(transfer.debit, posting.currency),
                account(transfer.credit, posting.currency),
                transfer.amount,
                posting.currency,
                posting.cause_kind,
                posting.cause_id,
                transfer.step,
                now,
            )
        )
    yield from written(ADD_ENTRIES.of(entries))


def _accounts(names: Sequence[tuple[str, str, str]], *, now: datetime) -> Program[dict[tuple[str, str, str], UUID]]:
    """The accounts of these names; those that were never used are made."""
    found = {(row.kind, row.holder, row.currency): row.id for row in (yield ACCOUNTS.of(names))}
    missing = [name for name in names if name not in found]
    if missing:
        yield ADD_ACCOUNTS.of([(new_id(), *name) for name in missing], now=now)
        found |= {(row.kind, row.holder, row.currency): row.id for row in (yield ACCOUNTS.of(missing))}
    return found
