"""What must never be found among notifications (spec, the safety contract, line 11: to each their own)."""

import sqlalchemy as sa

from holdfast.kernel.notifications.models import notifications
from holdfast.kit.checks import Check

_bookings = sa.table("bookings", *(sa.column(name) for name in ("inventory_id", "id", "owner_id")))

_of_another = (
    sa.select(notifications.c.id.label("notification_id"), notifications.c.user_id, notifications.c.booking_id)
    .join(
        _bookings,
        sa.and_(_bookings.c.inventory_id == notifications.c.inventory_id, _bookings.c.id == notifications.c.booking_id),
    )
    .where(_bookings.c.owner_id.is_distinct_from(notifications.c.user_id))
)

CHECKS = (Check(11, "notification_of_anothers_booking", _of_another),)
