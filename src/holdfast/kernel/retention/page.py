"""Write docs/retention.md out of the table."""

from collections.abc import Sequence

from holdfast.kit.keeping import Kept

_HEAD = """\
# How long what is kept

Made of the tables in code by `./run retention > docs/retention.md` (`kernel/retention/table.py`, and `kept` of each
product); a test holds the two together, and another one every table of the database. What goes by age is dropped by the
worker's daily chore `tidy`, in small batches.

**Erasure** (`DELETE /api/v1/users/{id}`, by oneself or an admin) blanks or deletes what the last column says, in one
transaction with its row in the activity log; the books, the log and its chain stay whole, for they name people by id
alone. It is refused with 409 while holds, bookings to come or open payments exist; an admin may send `?force=true`,
which first releases holds and cancels bookings by their terms. Nothing that is late pays for somebody who was erased:
such money goes back. What staff type as a reason for an act of their own stays in the activity log: it should name
nobody.

**Outside the database**: letters written into files (the default without SMTP) are copies for development; delete the
folder as you see fit. Log lines hold ids and no contact. Backups keep what was erased since: choose how long you keep
them, and erase again after a restore (`activity_logs`, action `erased`, tells who).

"""


def described(kept: Sequence[Kept]) -> str:
    """The whole page: a table, the personal rows apart."""
    rows = ["| table | kept | why | personal | at erasure |", "|---|---|---|---|---|"]
    rows += [
        f"| `{each.table}` | {each.how_long} | {each.why} | {each.personal or '-'} | {each.erasure} |" for each in kept
    ]
    return _HEAD + "\n".join(rows) + "\n"
