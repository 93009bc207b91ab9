"""Expiry is exact: a claim past its moment is free at once, with the sweeper stopped (spec, kernel 6)."""

from datetime import timedelta

import pytest

from holdfast.kernel import inventory
from holdfast.kernel.holds import SlotsTaken
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time

LEAST = timedelta(microseconds=1)


async def test_a_place_is_taken_until_the_last_microsecond_of_its_hold(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [0])

    await time.to(held.expires_at - LEAST)
    assert await builders.states_of(database, room) == {0: "held"}
    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, [0])

    await time.to(held.expires_at)
    assert await builders.states_of(database, room) == {}
    assert (await builders.hold(database, room, [0])).placed_at == held.expires_at


async def test_a_counted_place_is_taken_until_the_last_microsecond_of_its_hold(database: Database, time: Time) -> None:
    room = await builders.room(database, shape="standing", places=3)
    held = await builders.hold(database, room, count=2)

    await time.to(held.expires_at - LEAST)
    assert await builders.taken_of(database, room) == 2
    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, count=2)

    await time.to(held.expires_at)
    assert await builders.taken_of(database, room) == 0
    await builders.hold(database, room, count=3)
    assert await builders.taken_of(database, room) == 3


async def test_what_lapsed_is_sold_though_nobody_swept(database: Database, time: Time) -> None:
    room = await builders.room(database)
    lapsed = await builders.booking(database, room, [0, 1])
    await time.to(lapsed.expires_at)

    sold = await builders.confirmed(database, room, [1, 2])

    assert sold.state == "confirmed"
    assert (await builders.booking_of(database, lapsed.id)).state == "pending"
    assert await builders.states_of(database, room) == {1: "sold", 2: "sold"}


async def test_every_reader_agrees_at_the_moment_of_expiry(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [3])

    for moment, taken in ((held.expires_at - LEAST, [3]), (held.expires_at, [])):
        await time.to(moment)
        async with database.reader() as db:
            occupied = await inventory.occupied_slots(db, [room.inventory.id], now=moment)
        states = await builders.states_of(database, room)
        assert (occupied[room.inventory.id], list(states)) == (taken, taken)


async def test_placing_clears_the_owners_own_lapsed_hold(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    lapsed = await builders.hold(database, room, [0, 1], owner=owner)
    await time.to(lapsed.expires_at)

    await builders.hold(database, room, [5], owner=owner)

    told = await builders.told_of(database, entity_id=lapsed.id, inventory_id=room.inventory.id)
    assert (await builders.hold_of(database, lapsed)).state == "expired"
    assert told.actions == ["hold_placed", "hold_expired"]
    assert told.facts == ["HoldPlaced", "HoldLapsed", "HoldPlaced"]
