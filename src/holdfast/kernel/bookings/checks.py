"""What must never be found among bookings (spec, the safety contract, lines 3, 4 and 8)."""

import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.bookings.models import bookings
from holdfast.kit import checks
from holdfast.kit.checks import NOW, Check
from holdfast.kit.db import Moment

#: Tables of other features, looked at for what their verbs would never do.
_holds = sa.table(
    "holds",
    *(sa.column(name) for name in ("inventory_id", "id", "state", "expires_at", "ended_at", "paid_at", "total")),
)
_claims = sa.table("claims", *(sa.column(name) for name in ("inventory_id", "slot", "hold_id", "kind", "expires_at")))
_quantities = sa.table(
    "quantity_claims", *(sa.column(name) for name in ("inventory_id", "slot", "hold_id", "kind", "expires_at"))
)
_items = sa.table("items", *(sa.column(name) for name in ("inventory_id", "hold_id", "slots", "state")))
_inventories = sa.table("inventories", sa.column("id"), sa.column("archived_at"))
_allocations = sa.table(
    "payment_allocations", *(sa.column(name) for name in ("inventory_id", "payment_id", "booking_id", "amount"))
)
_SOLD = ("confirmed", "completed")
_LOGGED = {
    "pending": ("booking_opened",),
    "confirmed": ("booking_confirmed",),
    "completed": ("booking_completed",),
    "expired": ("booking_expired",),
    "cancelled": ("booking_released", "booking_cancelled"),
}

_its_hold = sa.and_(_holds.c.inventory_id == bookings.c.inventory_id, _holds.c.id == bookings.c.hold_id)

_pending = (
    sa.select(bookings.c.inventory_id, bookings.c.hold_id, bookings.c.expires_at)
    .where(bookings.c.state == "pending", bookings.c.expires_at > NOW)
    .subquery("pending")
)

_disagreeing = (
    sa.select(
        bookings.c.inventory_id,
        bookings.c.id.label("booking_id"),
        bookings.c.state,
        _holds.c.state.label("hold"),
        bookings.c.expires_at,
    )
    .join_from(bookings, _holds, _its_hold, isouter=True)
    .where(
        sa.or_(
            _holds.c.state.is_(None),
            _holds.c.state != "converted",
            _holds.c.expires_at != bookings.c.expires_at,
            _holds.c.total != bookings.c.total,
            sa.and_(
                bookings.c.state == "pending",
                sa.or_(_holds.c.ended_at.is_not(None), _holds.c.paid_at.is_not(None)),
            ),
            sa.and_(bookings.c.state.in_(_SOLD), _holds.c.paid_at.is_(None)),
        )
    )
)

_without_booking = sa.select(_holds.c.inventory_id, _holds.c.id.label("hold_id")).where(
    _holds.c.state == "converted",
    ~sa.exists().where(_its_hold).correlate(_holds),
)

_confirmed = (
    sa.select(
        bookings.c.inventory_id,
        bookings.c.hold_id,
        sa.cast(sa.null(), Moment()).label("expires_at"),
    )
    .join(_inventories, _inventories.c.id == bookings.c.inventory_id)
    .where(bookings.c.state.in_(_SOLD), _inventories.c.archived_at.is_(None))
    .subquery("confirmed")
)


def _sold_to_nobody() -> sa.Select[tuple[object, ...]]:
    """Slots claimed for good that no kept item of a confirmed booking covers."""
    slots = checks.elements(_items.c.slots)
    kept = (
        sa.select(_items.c.inventory_id, _items.c.hold_id, sa.cast(slots.c.value, sa.Integer).label("slot"))
        .select_from(_items.join(slots, sa.true()))
        .join(
            bookings, sa.and_(bookings.c.inventory_id == _items.c.inventory_id, bookings.c.hold_id == _items.c.hold_id)
        )
        .where(_items.c.state == "kept", bookings.c.state.in_(_SOLD))
        .subquery("kept")
    )
    return (
        sa.select(_claims.c.inventory_id, _claims.c.hold_id, _claims.c.slot)
        .outerjoin(
            kept,
            sa.and_(
                kept.c.inventory_id == _claims.c.inventory_id,
                kept.c.hold_id == _claims.c.hold_id,
                kept.c.slot == _claims.c.slot,
            ),
        )
        .where(_claims.c.kind == "sale", _claims.c.expires_at.is_(None), kept.c.slot.is_(None))
    )


_quantity_sold_to_nobody = sa.select(_quantities.c.inventory_id, _quantities.c.hold_id, _quantities.c.slot).where(
    _quantities.c.kind == "sale",
    _quantities.c.expires_at.is_(None),
    ~sa.exists().where(
        bookings.c.inventory_id == _quantities.c.inventory_id,
        bookings.c.hold_id == _quantities.c.hold_id,
        bookings.c.state.in_(_SOLD),
    ),
)

_paid = (
    sa.select(
        _allocations.c.inventory_id, _allocations.c.booking_id, sa.func.sum(_allocations.c.amount).label("amount")
    )
    .group_by(_allocations.c.inventory_id, _allocations.c.booking_id)
    .subquery("paid")
)

_not_paid_in_full = (
    sa.select(
        bookings.c.inventory_id,
        bookings.c.id.label("booking_id"),
        bookings.c.total,
        sa.func.coalesce(_paid.c.amount, 0).label("allocated"),
    )
    .outerjoin(_paid, sa.and_(_paid.c.inventory_id == bookings.c.inventory_id, _paid.c.booking_id == bookings.c.id))
    .where(bookings.c.confirmed_at.is_not(None), bookings.c.total != sa.func.coalesce(_paid.c.amount, 0))
)

CHECKS = (
    Check(3, "pending_booking_without_a_claim", holds.claims_missing(_pending)),
    Check(3, "pending_booking_without_a_quantity", holds.quantities_missing(_pending)),
    Check(3, "booking_and_hold_disagree", _disagreeing),
    Check(3, "converted_hold_without_booking", _without_booking),
    Check(4, "confirmed_booking_without_a_claim", holds.claims_missing(_confirmed)),
    Check(4, "confirmed_booking_without_a_quantity", holds.quantities_missing(_confirmed)),
    Check(4, "claimed_for_good_by_no_booking", _sold_to_nobody()),
    Check(4, "quantity_claimed_for_good_by_no_booking", _quantity_sold_to_nobody),
    Check(4, "allocations_are_not_the_total", _not_paid_in_full),
    Check(
        8,
        "booking_state_not_logged",
        checks.unlogged(bookings, entity_type="booking", state=bookings.c.state, actions=_LOGGED),
    ),
)
