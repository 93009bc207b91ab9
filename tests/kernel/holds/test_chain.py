"""A chain of unpaid holds: after thirty minutes in all, its owner cools down (spec, kernel 2)."""

from datetime import timedelta

import pytest

from holdfast.kernel.holds import CoolingDown
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time

LEAST = timedelta(microseconds=1)


async def test_a_single_lapse_is_no_offence(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    held = await builders.hold(database, room, owner=owner)
    await time.to(held.expires_at)

    again = await builders.hold(database, room, owner=owner)

    assert again.placed_at == held.expires_at


async def test_two_full_clocks_in_a_row_are_followed_by_five_minutes_of_rest(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for _ in range(2):
        held = await builders.hold(database, room, owner=owner)
        await time.to(held.expires_at)

    with pytest.raises(CoolingDown) as refusal:
        await builders.hold(database, room, owner=owner)
    assert refusal.value.retry_after == 300
    await time.to(held.expires_at + timedelta(minutes=5) - LEAST)
    with pytest.raises(CoolingDown) as refusal:
        await builders.hold(database, room, owner=owner)
    assert refusal.value.retry_after == 1
    await time.forward(microseconds=1)
    await builders.hold(database, room, owner=owner)


async def test_releasing_just_before_the_end_does_not_help_for_ever(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for _ in range(3):
        held = await builders.hold(database, room, owner=owner)
        await time.forward(minutes=14)
        await builders.release(database, held)

    with pytest.raises(CoolingDown):
        await builders.hold(database, room, owner=owner)


async def test_less_than_two_full_clocks_are_no_offence_and_a_rest_starts_anew(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for _ in range(3):
        held = await builders.hold(database, room, owner=owner)
        await time.forward(minutes=14)
        await builders.release(database, held)
        await time.forward(minutes=5)

    assert (await builders.hold(database, room, owner=owner)).state == "active"


async def test_a_gap_a_microsecond_shorter_than_the_rest_is_of_the_same_chain(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for _ in range(2):
        held = await builders.hold(database, room, owner=owner)
        await time.to(held.expires_at + timedelta(minutes=5) - LEAST)

    with pytest.raises(CoolingDown):
        await builders.hold(database, room, owner=owner)


async def test_a_pending_booking_that_lapsed_is_part_of_the_chain(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for number in range(2):
        booked = await builders.booking(database, room, [number], owner=owner)
        await time.to(booked.expires_at)

    with pytest.raises(CoolingDown):
        await builders.hold(database, room, [5], owner=owner)


async def test_what_was_paid_is_not_part_of_a_chain(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    for number in range(3):
        held = await builders.hold(database, room, [number], owner=owner)
        await time.forward(minutes=12)
        payment = await builders.pending(database, held)
        assert await builders.settle(database, payment) == "confirmed"

    assert (await builders.hold(database, room, [5], owner=owner)).state == "active"


async def test_a_chain_is_of_one_owner_in_one_room(database: Database, time: Time) -> None:
    rooms, owner = [await builders.room(database) for _ in range(2)], builders.user_actor()
    for _ in range(2):
        held = await builders.hold(database, rooms[0], owner=owner)
        await time.to(held.expires_at)

    await builders.hold(database, rooms[0])
    await builders.hold(database, rooms[1], owner=owner)

    with pytest.raises(CoolingDown):
        await builders.hold(database, rooms[0], [1], owner=owner)
