"""Begin a new epoch of all streams."""

from datetime import datetime

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.realtime import queries
from holdfast.kernel.realtime.models import stream_epoch
from holdfast.kit.db import Transaction
from holdfast.kit.ids import new_id


async def begin_epoch(db: Transaction, *, actor: Actor, now: datetime) -> int:
    """After a restore or failover that may have lost commits: positions of before mean nothing; everybody resyncs."""
    before = await queries.epoch(db)
    # above any that a lost commit may have given: the clock's seconds, which a restore does not turn back
    epoch = max(before + 1, int(now.timestamp()))
    row = {"id": 1, "epoch": epoch, "changed_at": now}
    await db.execute(db.insert(stream_epoch).values(row).on_conflict_do_update(index_elements=["id"], set_=row))
    await audit.record(
        db,
        actor=actor,
        action="epoch_began",
        entity_type="stream",
        entity_id=new_id(),
        details={"epoch": epoch},
        now=now,
    )
    return epoch


async def forget_epoch(db: Transaction) -> None:
    """Back to the first epoch; for tests that share a database."""
    await db.execute(sa.delete(stream_epoch))
