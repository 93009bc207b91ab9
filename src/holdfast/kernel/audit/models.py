"""What we remember of who did what: rows are added, never changed, never deleted (the database refuses)."""

import sqlalchemy as sa

from holdfast.kit.append_only import append_only
from holdfast.kit.db import Id, Json, Moment, metadata

activity_logs = sa.Table(
    "activity_logs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("entity_type", sa.String(40), nullable=False),
    sa.Column("entity_id", Id, nullable=False),
    sa.Column("actor_kind", sa.String(10), nullable=False),
    sa.Column("user_id", Id),
    sa.Column("provider_id", Id),
    sa.Column("action_type", sa.String(60), nullable=False),
    sa.Column("details", Json),
    sa.Column("before", Json),
    sa.Column("after", Json),
    sa.Column("request_id", sa.String(64)),
    sa.Column("timestamp", Moment, nullable=False),
    sa.CheckConstraint("actor_kind IN ('user', 'api_key', 'system', 'anonymous')", name="actor_kind_known"),
    sa.Index("ix_activity_logs_entity", "entity_type", "entity_id"),
    sa.Index("ix_activity_logs_user_id", "user_id"),
    sa.Index("ix_activity_logs_timestamp", "timestamp"),
)

#: Apart from the log, so that an address can be forgotten after 90 days while the log stays whole.
activity_origins = sa.Table(
    "activity_origins",
    metadata,
    sa.Column("log_id", Id, sa.ForeignKey("activity_logs.id"), primary_key=True),
    sa.Column("address", sa.String(45), nullable=False),
)

#: Each row of the log, hashed with the one before it in its stream: a provider's, or the platform's (the nil UUID).
activity_chain = sa.Table(
    "activity_chain",
    metadata,
    sa.Column("stream", Id, primary_key=True),
    sa.Column("n", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_id", Id, sa.ForeignKey("activity_logs.id"), nullable=False, unique=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.CheckConstraint("n >= 1", name="n_from_one"),
    sa.CheckConstraint("length(hash) = 64", name="hash_whole"),
)

append_only(activity_logs)
append_only(activity_chain)
