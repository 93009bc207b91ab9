"""What we remember of complaints. Subject, text and note are words about people: erasure takes them away."""

import sqlalchemy as sa

from holdfast.kernel.complaints.values import CATEGORIES, STATES
from holdfast.kit.db import Id, Moment, metadata, one_of

SUBJECT_CHARACTERS_MAX = 200
TEXT_CHARACTERS_MAX = 2_000

complaints = sa.Table(
    "complaints",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("inventory_id", Id),
    sa.Column("booking_id", Id),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id")),
    sa.Column("category", sa.String(10), nullable=False),
    sa.Column("subject", sa.String(SUBJECT_CHARACTERS_MAX)),
    sa.Column("text", sa.String(TEXT_CHARACTERS_MAX)),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("note", sa.String(TEXT_CHARACTERS_MAX)),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("closed_at", Moment),
    sa.Column("blanked_at", Moment),
    one_of("category", CATEGORIES),
    one_of("state", STATES),
    sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed_has_time"),
    sa.CheckConstraint("state <> 'closed' OR note IS NOT NULL OR blanked_at IS NOT NULL", name="closed_has_note"),
    sa.CheckConstraint("(text IS NULL) = (blanked_at IS NOT NULL)", name="text_until_blanked"),
    sa.CheckConstraint("(subject IS NULL) = (blanked_at IS NOT NULL)", name="subject_until_blanked"),
    sa.CheckConstraint("note IS NULL OR blanked_at IS NULL", name="note_until_blanked"),
    sa.CheckConstraint("(booking_id IS NULL) = (inventory_id IS NULL)", name="booking_whole"),
    sa.CheckConstraint("(booking_id IS NULL) = (provider_id IS NULL)", name="booking_has_provider"),
    sa.CheckConstraint("version > 0", name="version_positive"),
    sa.ForeignKeyConstraint(["inventory_id", "booking_id"], ["bookings.inventory_id", "bookings.id"]),
    sa.Index("ix_complaints_user_id", "user_id", "created_at", "id"),
    sa.Index("ix_complaints_created_at", "created_at", "id"),
    sa.Index("ix_complaints_booking_id", "booking_id"),
)
