"""archive: revision 0009, after 0008."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TO_ARCHIVE = "archived_at IS NULL AND state IN ('over', 'cancelled')"
_TO_EMPTY = "archived_at IS NOT NULL AND emptied_at IS NULL"


def upgrade() -> None:
    with op.batch_alter_table("inventories") as inventories:
        inventories.add_column(sa.Column("emptied_at", Moment(), nullable=True))
        inventories.create_check_constraint(
            op.f("ck_inventories_archived_sells_no_more"), "archived_at IS NULL OR state IN ('over', 'cancelled')"
        )
        inventories.create_check_constraint(
            op.f("ck_inventories_emptied_is_archived"), "emptied_at IS NULL OR archived_at IS NOT NULL"
        )
    for name, columns, where in (
        ("ix_inventories_to_archive", ["ends_at", "id"], _TO_ARCHIVE),
        ("ix_inventories_to_empty", ["archived_at"], _TO_EMPTY),
    ):
        op.create_index(
            name,
            "inventories",
            columns,
            postgresql_where=sa.text(where),
            sqlite_where=sa.text(where),
        )
