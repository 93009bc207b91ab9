"""What must never be found in the activity log (spec, the safety contract, line 8).

That each state has its row is looked for by the feature that has the state; hashes are computed by `chain_breaches`.
"""

from typing import Any

import sqlalchemy as sa

from holdfast.kernel.audit.chain import PLATFORM
from holdfast.kernel.audit.models import activity_chain, activity_logs
from holdfast.kit import checks
from holdfast.kit.checks import Check


def _unchained_before_chained() -> sa.Select[Any]:
    """Unchained rows stand only at the end: none is older than what its stream has chained."""
    log, chained = activity_logs.c, activity_logs.alias("chained")
    stream = sa.func.coalesce(log.provider_id, sa.literal(PLATFORM, sa.Uuid)).label("stream")
    last = (
        sa.select(activity_chain.c.stream, sa.func.max(chained.c.timestamp).label("until"))
        .join(chained, chained.c.id == activity_chain.c.log_id)
        .group_by(activity_chain.c.stream)
        .subquery()
    )
    return (
        sa.select(log.id.label("log_id"), stream, log.timestamp)
        .join(last, last.c.stream == stream)
        .where(log.timestamp < last.c.until, log.timestamp <= checks.LATE_BEFORE)
        .where(~sa.exists().where(activity_chain.c.log_id == log.id))
    )


CHECKS = (
    *checks.append_only_stands("activity_logs", line=8),
    *checks.append_only_stands("activity_chain", line=8),
    Check(8, "unchained_row_before_a_chained_one", _unchained_before_chained()),
)
