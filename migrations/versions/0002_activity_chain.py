"""activity chain: revision 0002, after 0001."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit import append_only
from holdfast.kit.db import Id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "activity_chain",
        sa.Column("stream", Id, nullable=False),
        sa.Column("n", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("log_id", Id, nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.CheckConstraint("n >= 1", name=op.f("ck_activity_chain_n_from_one")),
        sa.CheckConstraint("length(hash) = 64", name=op.f("ck_activity_chain_hash_whole")),
        sa.ForeignKeyConstraint(["log_id"], ["activity_logs.id"], name=op.f("fk_activity_chain_log_id")),
        sa.PrimaryKeyConstraint("stream", "n", name=op.f("pk_activity_chain")),
        sa.UniqueConstraint("log_id", name=op.f("uq_activity_chain_log_id")),
    )
    for statement in append_only.statements("activity_chain", op.get_bind().dialect.name):
        op.execute(statement)
