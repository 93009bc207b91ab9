"""Where a product lets a second hold replace the first: the old ends only if the new gets everything."""

from datetime import timedelta

import pytest

from holdfast.kernel.holds import AlreadyHolding, CoolingDown, SlotsTaken
from holdfast.kernel.inventory import Limits
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time

LIMITS = Limits(items_max=10, hold_seconds=300, pay_seconds=900, retry_seconds=300, second_hold="replace")


async def test_the_new_hold_takes_over_what_both_want_and_frees_the_rest(database: Database) -> None:
    room, owner = await builders.room(database, limits=LIMITS), builders.user_actor()
    first = await builders.hold(database, room, [0, 1], owner=owner)

    second = await builders.hold(database, room, [1, 2], owner=owner)

    assert (await builders.hold_of(database, first)).state == "cancelled"
    assert (await builders.hold_of(database, second)).state == "active"
    assert await builders.states_of(database, room) == {1: "held", 2: "held"}
    assert (await builders.told_of(database, entity_id=first.id)).actions == ["hold_placed", "hold_replaced"]


async def test_the_old_hold_stays_whole_where_the_new_one_cannot_have_everything(database: Database) -> None:
    room, owner = await builders.room(database, limits=LIMITS), builders.user_actor()
    first = await builders.hold(database, room, [0, 1], owner=owner)
    await builders.hold(database, room, [2])
    before = await builders.inventory_of(database, room)

    with pytest.raises(SlotsTaken) as refusal:
        await builders.hold(database, room, [1, 2], owner=owner)

    assert refusal.value.labels == ["C3"]
    assert (await builders.hold_of(database, first)).state == "active"
    assert await builders.states_of(database, room) == {0: "held", 1: "held", 2: "held"}
    assert (await builders.inventory_of(database, room)).seq == before.seq


async def test_of_a_counted_slot_the_old_quantity_counts_as_free_for_the_new_one(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5, limits=LIMITS)
    owner = builders.user_actor()
    await builders.hold(database, room, count=3, owner=owner)

    await builders.hold(database, room, count=5, owner=owner)

    assert await builders.taken_of(database, room) == 5


async def test_of_a_counted_slot_the_old_hold_stays_where_too_little_is_left(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5, limits=LIMITS)
    owner = builders.user_actor()
    first = await builders.hold(database, room, count=3, owner=owner)
    await builders.hold(database, room, count=1)

    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, count=5, owner=owner)

    assert (await builders.hold_of(database, first)).state == "active"
    assert await builders.taken_of(database, room) == 4


async def test_a_replacement_goes_on_with_the_first_claims_clock(database: Database, time: Time) -> None:
    room, owner = await builders.room(database, limits=LIMITS), builders.user_actor()
    first = await builders.hold(database, room, [0], owner=owner)
    await time.forward(minutes=4)

    second = await builders.hold(database, room, [1], owner=owner)

    assert second.first_claimed_at == first.first_claimed_at
    assert second.expires_at == time.now + timedelta(minutes=5)


async def test_no_number_of_replacements_holds_beyond_thirty_minutes(database: Database, time: Time) -> None:
    room, owner = await builders.room(database, limits=LIMITS), builders.user_actor()
    start = time.now
    held = await builders.hold(database, room, [0], owner=owner)
    for _ in range(7):
        await time.forward(minutes=4)
        held = await builders.hold(database, room, [0], owner=owner)

    assert held.expires_at == start + timedelta(minutes=30)
    await time.to(held.expires_at)
    assert await builders.states_of(database, room) == {}
    with pytest.raises(CoolingDown) as refusal:
        await builders.hold(database, room, [0], owner=owner)
    assert refusal.value.retry_after == 300


async def test_a_pending_booking_is_not_replaced_but_released_first(database: Database) -> None:
    room, owner = await builders.room(database, limits=LIMITS), builders.user_actor()
    booked = await builders.booking(database, room, [0], owner=owner)
    with pytest.raises(AlreadyHolding):
        await builders.hold(database, room, [1], owner=owner)

    await builders.release(database, booked.hold)
    await builders.hold(database, room, [1], owner=owner)

    assert await builders.states_of(database, room) == {1: "held"}
