"""Which epoch the streams are in: one row, changed after a restore or failover, so that every watcher resyncs."""

import sqlalchemy as sa

from holdfast.kit.db import Moment, metadata

stream_epoch = sa.Table(
    "stream_epoch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("changed_at", Moment, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
    sa.CheckConstraint("epoch > 0", name="epoch_positive"),
)
