"""What must never be found among holds (spec, the safety contract, lines 3 and 8)."""

import sqlalchemy as sa

from holdfast.kernel.holds.models import holds, items, price_lines
from holdfast.kit import checks
from holdfast.kit.checks import NOW, Check

#: Tables of `inventory`; its verbs are no use here, for what they would never do is looked for.
_claims = sa.table(
    "claims",
    *(sa.column(name) for name in ("inventory_id", "slot", "hold_id", "kind", "expires_at")),
)
_quantities = sa.table(
    "quantity_claims",
    *(sa.column(name) for name in ("inventory_id", "slot", "hold_id", "quantity", "kind", "expires_at")),
)
_LOGGED = {
    "active": ("hold_placed",),
    "expired": ("hold_expired",),
    "cancelled": ("hold_released", "hold_replaced"),
}


def claims_missing(standing: sa.FromClause) -> sa.Select[tuple[object, ...]]:
    """Exclusive slots of kept items without their claim.

    `standing` has columns inventory_id, hold_id and expires_at, the moment that the claims must have (NULL: for good).
    """
    slots = checks.elements(items.c.slots)
    slot = sa.cast(slots.c.value, sa.Integer)
    claimed = sa.exists().where(
        _claims.c.inventory_id == items.c.inventory_id,
        _claims.c.slot == slot,
        _claims.c.hold_id == items.c.hold_id,
        _claims.c.expires_at.is_not_distinct_from(standing.c.expires_at),
    )
    return (
        sa.select(items.c.inventory_id, items.c.hold_id, items.c.label.label("place"), slot.label("slot"))
        .select_from(standing.join(items, _of(standing)).join(slots, sa.true()))
        .where(items.c.state == "kept", ~claimed.correlate(items, slots, standing))
    )


def quantities_missing(standing: sa.FromClause) -> sa.Select[tuple[object, ...]]:
    """Counted slots of kept items that are not claimed as often as they are kept; `standing` as above."""
    slots = checks.elements(items.c.counted_slots)
    slot = sa.cast(slots.c.value, sa.Integer)
    wanted = (
        sa.select(
            items.c.inventory_id,
            items.c.hold_id,
            slot.label("slot"),
            sa.func.count().label("quantity"),
            sa.func.max(standing.c.expires_at).label("expires_at"),
        )
        .select_from(standing.join(items, _of(standing)).join(slots, sa.true()))
        .where(items.c.state == "kept")
        .group_by(items.c.inventory_id, items.c.hold_id, slot)
        .subquery("wanted")
    )
    claimed = sa.exists().where(
        _quantities.c.inventory_id == wanted.c.inventory_id,
        _quantities.c.slot == wanted.c.slot,
        _quantities.c.hold_id == wanted.c.hold_id,
        _quantities.c.quantity == wanted.c.quantity,
        _quantities.c.expires_at.is_not_distinct_from(wanted.c.expires_at),
    )
    return sa.select(wanted.c.inventory_id, wanted.c.hold_id, wanted.c.slot, wanted.c.quantity).where(~claimed)


def _of(standing: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(items.c.inventory_id == standing.c.inventory_id, items.c.hold_id == standing.c.hold_id)


_active = (
    sa.select(holds.c.inventory_id, holds.c.id.label("hold_id"), holds.c.expires_at)
    .where(holds.c.state == "active", holds.c.expires_at > NOW)
    .subquery("active")
)


def _stray(claimed: sa.TableClause) -> sa.Select[tuple[object, ...]]:
    """Claims that run, of a hold that does not: it was never there, has ended, or ends at another moment."""
    runs = sa.exists().where(
        holds.c.inventory_id == claimed.c.inventory_id,
        holds.c.id == claimed.c.hold_id,
        holds.c.state.in_(("active", "converted")),
        holds.c.ended_at.is_(None),
        holds.c.paid_at.is_(None),
        holds.c.expires_at == claimed.c.expires_at,
    )
    return sa.select(claimed.c.inventory_id, claimed.c.hold_id, claimed.c.slot).where(
        claimed.c.kind == "sale", claimed.c.expires_at > NOW, ~runs
    )


_live_twice = (
    sa.select(holds.c.inventory_id, holds.c.live_owner, sa.func.count().label("live_holds"))
    .where(holds.c.live_owner.is_not(None))
    .group_by(holds.c.inventory_id, holds.c.live_owner)
    .having(sa.func.count() > 1)
)

_lines = (
    sa.select(
        price_lines.c.inventory_id,
        price_lines.c.hold_id,
        sa.func.sum(price_lines.c.amount).label("total"),
    )
    .where(price_lines.c.inclusive.is_(False))
    .group_by(price_lines.c.inventory_id, price_lines.c.hold_id)
    .subquery("lines")
)

_total_not_the_lines = (
    sa.select(
        holds.c.inventory_id,
        holds.c.id.label("hold_id"),
        holds.c.total,
        sa.func.coalesce(_lines.c.total, 0).label("lines"),
    )
    .outerjoin(_lines, sa.and_(_lines.c.inventory_id == holds.c.inventory_id, _lines.c.hold_id == holds.c.id))
    .where(holds.c.total != sa.func.coalesce(_lines.c.total, 0))
)

CHECKS = (
    Check(3, "live_hold_without_a_claim", claims_missing(_active)),
    Check(3, "live_hold_without_a_quantity", quantities_missing(_active)),
    Check(3, "claim_of_no_live_hold", _stray(_claims)),
    Check(3, "quantity_of_no_live_hold", _stray(_quantities)),
    Check(3, "two_live_holds_of_an_owner", _live_twice),
    Check(4, "total_is_not_the_sum_of_its_lines", _total_not_the_lines),
    Check(
        8,
        "hold_state_not_logged",
        checks.unlogged(holds, entity_type="hold", state=holds.c.state, actions=_LOGGED),
    ),
)
