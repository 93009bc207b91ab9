"""stream epoch: revision 0004, after 0003."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_epoch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_stream_epoch_one_row")),
        sa.CheckConstraint("epoch > 0", name=op.f("ck_stream_epoch_epoch_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream_epoch")),
    )
