"""worker beats: revision 0006, after 0005."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Id, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_beats",
        sa.Column("id", Id, nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("beaten_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_beats")),
    )
