"""What must never be found among claims and counters (spec, the safety contract, lines 1, 2 and 10)."""

import sqlalchemy as sa

from holdfast.kernel.inventory.models import claims, counters, inventories, quantity_claims
from holdfast.kit import checks
from holdfast.kit.checks import NOW, OUTBOX_SINCE, Check
from holdfast.kit.outbox import INVENTORY_CHANGED, outbox

_ENDS = {"cancelled": ("occurrence_cancelled",), "over": ("occurrence_over",)}


def _is_live(expires_at: sa.ColumnElement[object]) -> sa.ColumnElement[bool]:
    return sa.or_(expires_at.is_(None), expires_at > NOW)


_slots_claimed_twice = (
    sa.select(claims.c.inventory_id, claims.c.slot, sa.func.count().label("live_claims"))
    .where(_is_live(claims.c.expires_at))
    .group_by(claims.c.inventory_id, claims.c.slot)
    .having(sa.func.count() > 1)
)

_claimed = (
    sa.select(
        quantity_claims.c.inventory_id,
        quantity_claims.c.slot,
        sa.func.sum(quantity_claims.c.quantity).label("quantity"),
    )
    .group_by(quantity_claims.c.inventory_id, quantity_claims.c.slot)
    .subquery("claimed")
)

_counters_not_the_sum = (
    sa.select(
        counters.c.inventory_id,
        counters.c.slot,
        counters.c.taken,
        sa.func.coalesce(_claimed.c.quantity, 0).label("claimed"),
    )
    .outerjoin(
        _claimed, sa.and_(_claimed.c.inventory_id == counters.c.inventory_id, _claimed.c.slot == counters.c.slot)
    )
    .where(counters.c.taken != sa.func.coalesce(_claimed.c.quantity, 0))
)

_counters_out_of_range = sa.select(
    counters.c.inventory_id, counters.c.slot, counters.c.taken, counters.c.capacity
).where(sa.or_(counters.c.taken < 0, counters.c.taken > counters.c.capacity))

_uncounted = sa.select(_claimed.c.inventory_id, _claimed.c.slot, _claimed.c.quantity).where(
    ~sa.exists().where(counters.c.inventory_id == _claimed.c.inventory_id, counters.c.slot == _claimed.c.slot)
)

_for_good = (
    sa.select(claims.c.inventory_id, sa.func.count().label("slots"))
    .where(claims.c.expires_at.is_(None))
    .group_by(claims.c.inventory_id)
    .subquery("for_good")
)
_counted_for_good = (
    sa.select(quantity_claims.c.inventory_id, sa.func.sum(quantity_claims.c.quantity).label("slots"))
    .where(quantity_claims.c.expires_at.is_(None))
    .group_by(quantity_claims.c.inventory_id)
    .subquery("counted_for_good")
)
_permanent = sa.func.coalesce(_for_good.c.slots, 0) + sa.func.coalesce(_counted_for_good.c.slots, 0)

_sold_not_the_claims = (
    sa.select(inventories.c.id.label("inventory_id"), inventories.c.sold, _permanent.label("claimed_for_good"))
    .outerjoin(_for_good, _for_good.c.inventory_id == inventories.c.id)
    .outerjoin(_counted_for_good, _counted_for_good.c.inventory_id == inventories.c.id)
    .where(inventories.c.archived_at.is_(None), inventories.c.sold != _permanent)
)

_sold_out_wrongly = sa.select(
    inventories.c.id.label("inventory_id"), inventories.c.state, inventories.c.sold, inventories.c.capacity
).where(
    sa.or_(
        sa.and_(inventories.c.state == "sold_out", inventories.c.sold < inventories.c.capacity),
        sa.and_(
            inventories.c.state == "on_sale",
            inventories.c.capacity > 0,
            inventories.c.sold >= inventories.c.capacity,
        ),
    )
)


def _of_what_is_emptied(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(table.c.inventory_id, table.c.slot)
        .join(inventories, inventories.c.id == table.c.inventory_id)
        .where(inventories.c.emptied_at.is_not(None))
    )


_stream = (
    sa.select(
        outbox.c.inventory_id,
        sa.func.min(outbox.c.seq).label("first"),
        sa.func.max(outbox.c.seq).label("last"),
        sa.func.count().label("changes"),
    )
    .where(outbox.c.kind == INVENTORY_CHANGED)
    .group_by(outbox.c.inventory_id)
    .subquery("stream")
)

_gaps = (
    sa.select(
        inventories.c.id.label("inventory_id"), inventories.c.seq, _stream.c.first, _stream.c.last, _stream.c.changes
    )
    .outerjoin(_stream, _stream.c.inventory_id == inventories.c.id)
    .where(
        sa.or_(
            _stream.c.last != inventories.c.seq,
            _stream.c.changes != _stream.c.last - _stream.c.first + 1,
            sa.and_(
                inventories.c.created_at > OUTBOX_SINCE,
                inventories.c.seq > 0,
                sa.func.coalesce(_stream.c.first, 0) != 1,
            ),
        )
    )
)

CHECKS = (
    Check(1, "slot_claimed_twice", _slots_claimed_twice),
    Check(2, "counter_is_not_the_sum_of_its_claims", _counters_not_the_sum),
    Check(2, "counter_out_of_range", _counters_out_of_range),
    Check(2, "quantity_claimed_without_counter", _uncounted),
    Check(2, "sold_is_not_what_is_claimed_for_good", _sold_not_the_claims),
    Check(2, "sold_out_wrongly", _sold_out_wrongly),
    Check(4, "claim_of_what_is_archived", _of_what_is_emptied(claims)),
    Check(4, "quantity_of_what_is_archived", _of_what_is_emptied(quantity_claims)),
    Check(
        8,
        "inventory_state_not_logged",
        checks.unlogged(inventories, entity_type="inventory", state=inventories.c.state, actions=_ENDS),
    ),
    Check(10, "gap_in_the_changes_of_an_inventory", _gaps),
)
