"""holds of an owner in one inventory: revision 0010, after 0009."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A hold looks at its owner's others of the same inventory: not at all that he ever held."""
    op.drop_index("ix_holds_owner_id", table_name="holds")
    op.create_index("ix_holds_owner_id", "holds", ["owner_id", "inventory_id"])
