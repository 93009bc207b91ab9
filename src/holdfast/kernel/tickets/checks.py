"""What must never be found among tickets (spec, the safety contract, line 8, and `kernel.md`: one ticket an item)."""

import sqlalchemy as sa

from holdfast.kernel.tickets.models import tickets
from holdfast.kit import checks
from holdfast.kit.checks import Check

#: Tables of other features, looked at for what their verbs would never do.
_bookings = sa.table("bookings", *(sa.column(name) for name in ("inventory_id", "id", "hold_id", "state")))
_items = sa.table("items", *(sa.column(name) for name in ("inventory_id", "hold_id", "number", "state")))

_item_without_ticket = (
    sa.select(_bookings.c.id.label("booking_id"), _items.c.number.label("item"))
    .join_from(
        _bookings,
        _items,
        sa.and_(_items.c.inventory_id == _bookings.c.inventory_id, _items.c.hold_id == _bookings.c.hold_id),
    )
    .where(
        _bookings.c.state.in_(("confirmed", "completed")),
        _items.c.state == "kept",
        ~sa.exists()
        .where(
            tickets.c.inventory_id == _bookings.c.inventory_id,
            tickets.c.booking_id == _bookings.c.id,
            tickets.c.item_number == _items.c.number,
            tickets.c.state != "cancelled",
        )
        .correlate(_bookings, _items),
    )
)

CHECKS = (
    Check(4, "item_without_ticket", _item_without_ticket),
    Check(
        8,
        "used_ticket_not_logged",
        checks.unlogged(tickets, entity_type="ticket", state=tickets.c.state, actions={"used": ("ticket_used",)}),
    ),
)
