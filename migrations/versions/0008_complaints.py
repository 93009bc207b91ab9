"""complaints: revision 0008, after 0007."""

import sqlalchemy as sa
from alembic import op

from holdfast.kit.db import Id, Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "complaints",
        sa.Column("id", Id, nullable=False),
        sa.Column("user_id", Id, nullable=False),
        sa.Column("inventory_id", Id, nullable=True),
        sa.Column("booking_id", Id, nullable=True),
        sa.Column("provider_id", Id, nullable=True),
        sa.Column("category", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=True),
        sa.Column("text", sa.String(length=2000), nullable=True),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("updated_at", Moment, nullable=False),
        sa.Column("closed_at", Moment, nullable=True),
        sa.Column("blanked_at", Moment, nullable=True),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_complaints_closed_has_time")),
        sa.CheckConstraint(
            "category IN ('booking', 'payment', 'refund', 'service', 'staff', 'website', 'other')",
            name=op.f("ck_complaints_category_known"),
        ),
        sa.CheckConstraint(
            "state <> 'closed' OR note IS NOT NULL OR blanked_at IS NOT NULL",
            name=op.f("ck_complaints_closed_has_note"),
        ),
        sa.CheckConstraint("state IN ('open', 'in_review', 'closed')", name=op.f("ck_complaints_state_known")),
        sa.CheckConstraint("(booking_id IS NULL) = (inventory_id IS NULL)", name=op.f("ck_complaints_booking_whole")),
        sa.CheckConstraint(
            "(booking_id IS NULL) = (provider_id IS NULL)", name=op.f("ck_complaints_booking_has_provider")
        ),
        sa.CheckConstraint(
            "(subject IS NULL) = (blanked_at IS NOT NULL)", name=op.f("ck_complaints_subject_until_blanked")
        ),
        sa.CheckConstraint("(text IS NULL) = (blanked_at IS NOT NULL)", name=op.f("ck_complaints_text_until_blanked")),
        sa.CheckConstraint("note IS NULL OR blanked_at IS NULL", name=op.f("ck_complaints_note_until_blanked")),
        sa.CheckConstraint("version > 0", name=op.f("ck_complaints_version_positive")),
        sa.ForeignKeyConstraint(
            ["inventory_id", "booking_id"],
            ["bookings.inventory_id", "bookings.id"],
            name=op.f("fk_complaints_inventory_id_booking_id"),
        ),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name=op.f("fk_complaints_provider_id")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_complaints_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
    )
    op.create_index("ix_complaints_booking_id", "complaints", ["booking_id"])
    op.create_index("ix_complaints_created_at", "complaints", ["created_at", "id"])
    op.create_index("ix_complaints_user_id", "complaints", ["user_id", "created_at", "id"])
