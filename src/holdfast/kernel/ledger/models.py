"""Books that balance by construction: an entry is one transfer between two accounts of its currency.

The database refuses UPDATE and DELETE on both tables.
"""

import sqlalchemy as sa

from holdfast.kernel.ledger.values import KINDS
from holdfast.kit.append_only import append_only
from holdfast.kit.db import Id, Moment, metadata, one_of

ledger_accounts = sa.Table(
    "ledger_accounts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(24), nullable=False),
    #: Whose account within its kind: a provider's id, a gateway's name, or '' for the platform's own.
    sa.Column("holder", sa.String(40), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    one_of("kind", KINDS),
    sa.UniqueConstraint("kind", "holder", "currency"),
    sa.UniqueConstraint("id", "currency"),
)

ledger_entries = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("id", Id, primary_key=True),
    #: Entries that were posted together.
    sa.Column("journal", Id, nullable=False),
    sa.Column("debit_account", Id, nullable=False),
    sa.Column("credit_account", Id, nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("cause_kind", sa.String(20), nullable=False),
    sa.Column("cause_id", Id, nullable=False),
    sa.Column("step", sa.String(30), nullable=False),
    sa.Column("posted_at", Moment, nullable=False),
    sa.CheckConstraint("amount > 0", name="amount_positive"),
    sa.CheckConstraint("debit_account <> credit_account", name="between_two_accounts"),
    sa.UniqueConstraint("cause_kind", "cause_id", "step"),
    sa.ForeignKeyConstraint(
        ["debit_account", "currency"],
        ["ledger_accounts.id", "ledger_accounts.currency"],
        name="fk_ledger_entries_debit_account_currency",
    ),
    sa.ForeignKeyConstraint(
        ["credit_account", "currency"],
        ["ledger_accounts.id", "ledger_accounts.currency"],
        name="fk_ledger_entries_credit_account_currency",
    ),
    sa.Index("ix_ledger_entries_debit_account", "debit_account"),
    sa.Index("ix_ledger_entries_credit_account", "credit_account"),
    sa.Index("ix_ledger_entries_posted_at", "posted_at"),
)

append_only(ledger_accounts)
append_only(ledger_entries)
