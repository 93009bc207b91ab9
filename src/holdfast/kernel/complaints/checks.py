"""What must never be found among complaints (spec, the safety contract, lines 8 and 11)."""

import sqlalchemy as sa

from holdfast.kernel.complaints.models import complaints
from holdfast.kit import checks
from holdfast.kit.checks import Check

_bookings = sa.table("bookings", *map(sa.column, ("inventory_id", "id", "owner_id", "provider_id")))
_LOGGED = {
    "open": ("complaint_opened",),
    "in_review": ("complaint_reviewed", "complaint_reopened"),
    "closed": ("complaint_closed",),
}

_about_anothers_booking = (
    sa.select(complaints.c.id.label("complaint_id"), complaints.c.user_id, complaints.c.booking_id)
    .join(
        _bookings,
        sa.and_(
            _bookings.c.inventory_id == complaints.c.inventory_id,
            _bookings.c.id == complaints.c.booking_id,
        ),
    )
    .where(
        sa.or_(
            _bookings.c.owner_id.is_(None),
            _bookings.c.owner_id != complaints.c.user_id,
            _bookings.c.provider_id != complaints.c.provider_id,
        )
    )
)

CHECKS = (
    Check(
        8,
        "complaint_unlogged",
        checks.unlogged(complaints, entity_type="complaint", state=complaints.c.state, actions=_LOGGED),
    ),
    Check(11, "complaint_about_anothers_booking", _about_anothers_booking),
)
