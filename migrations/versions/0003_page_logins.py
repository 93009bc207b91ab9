"""page logins: revision 0003, after 0002."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("logins") as logins:
        logins.add_column(sa.Column("page_token_hash", sa.String(length=64), nullable=True))
        logins.create_unique_constraint(op.f("uq_logins_page_token_hash"), ["page_token_hash"])
