"""Layouts, capacities and states under the turn."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from holdfast.kernel import inventory
from holdfast.kernel.holds import SlotsTaken
from holdfast.kernel.inventory import Layout, Place, PlacesInUse, claims, turn
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time
from tests.toy_product import LIMITS, Room


async def widen(database: Database, room: Room, *places: Place) -> Room:
    """Sell by the next layout, with more places."""

    async def work(db: Transaction) -> Layout:
        async with turn(db, room.inventory.id) as taken:
            layout = await inventory.next_layout(db, room.layout, places=(*room.layout.places, *places), now=taken.now)
            inventory.use_layout(taken, layout, prices=room.inventory.prices)
            return layout

    layout = await database.run(work)
    return replace(room, layout=layout, inventory=await builders.inventory_of(database, room))


async def test_a_place_added_later_is_sold_by_a_number_of_its_own(database: Database) -> None:
    room = await builders.room(database, places=2)

    wider = await widen(database, room, Place(2, "C3"))

    await builders.hold(database, wider, [2])
    assert (wider.layout.version, wider.layout.next_number, wider.inventory.capacity) == (2, 3, 3)
    assert wider.inventory.version == room.inventory.version + 1
    assert await builders.states_of(database, wider) == {2: "held"}


async def test_a_place_added_to_what_is_sold_out_puts_it_on_sale_again(database: Database) -> None:
    room = await builders.room(database, places=2)
    await builders.confirmed(database, room, [0, 1])
    assert (await builders.inventory_of(database, room)).state == "sold_out"

    wider = await widen(database, room, Place(2, "C3"))

    assert wider.inventory.state == "on_sale"


async def test_a_calendar_is_never_sold_out(database: Database) -> None:
    calendar = await builders.room(database, places=2, shape="days", limits=replace(LIMITS, sells_out=False))

    await builders.confirmed(database, calendar, [0, 1])

    assert (await builders.inventory_of(database, calendar)).state == "on_sale"


async def test_numbers_are_never_given_again(database: Database) -> None:
    room = await builders.room(database, places=3)
    async with database.transaction() as db:
        fewer = await inventory.next_layout(
            db, room.layout, places=room.layout.places[:1], now=room.inventory.starts_at
        )

    assert (fewer.next_number, fewer.capacity, fewer.place(2)) == (3, 1, None)


async def test_opening_what_has_nothing_left_makes_it_sold_out(database: Database) -> None:
    room = await builders.room(database, places=1)
    await builders.set_state(database, room, "closed")
    closed = (await builders.inventory_of(database, room)).state
    await builders.set_state(database, room, "on_sale")
    await builders.confirmed(database, room)
    await builders.set_state(database, room, "closed")

    await builders.set_state(database, room, "on_sale")

    assert (closed, (await builders.inventory_of(database, room)).state) == ("closed", "sold_out")


async def test_a_place_that_is_held_or_sold_keeps_what_it_is(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [1])
    await builders.confirmed(database, room, [2])

    async def refuse(numbers: list[int]) -> None:
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            await inventory.refuse_places_in_use(taken, room.layout, numbers)

    with pytest.raises(PlacesInUse) as refusal:
        await refuse([0, 1, 2])
    assert refusal.value.labels == ["C2", "C3"]
    await time.to(held.expires_at)
    await refuse([0, 1])


async def test_a_counted_slot_never_offers_less_than_is_taken(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5)
    await builders.hold(database, room, count=3)

    async def change(capacity: int) -> bool:
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            return await claims.set_capacity(taken, 0, capacity)

    assert not await change(2)
    assert await change(3)
    async with database.reader() as db:
        assert await inventory.capacities(db, room.inventory.id) == {0: 3}


async def test_the_database_itself_refuses_more_than_the_capacity(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5)
    await builders.hold(database, room, count=3)
    more = sa.text("UPDATE counters SET taken = 6 WHERE inventory_id = :id").bindparams(
        sa.bindparam("id", room.inventory.id, sa.Uuid)
    )

    async def change() -> None:
        async with database.transaction() as db:
            await db.execute(more)

    with pytest.raises(sa.exc.IntegrityError):
        await change()


async def test_a_block_is_shown_as_blocked_and_refuses_a_hold(database: Database) -> None:
    room = await builders.room(database)
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        await claims.take(taken, [4], hold_id=new_id(), until=None, kind="block")

    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, [4])

    assert await builders.states_of(database, room) == {4: "blocked"}


async def test_a_claim_is_given_back_by_who_has_it_alone(database: Database) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [0, 1])

    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        of_another = await claims.release(taken, [0, 1], hold_id=new_id())
        its_own = await claims.release(taken, [1], hold_id=held.id)

    assert (of_another, its_own) == ([], [1])
    assert await builders.states_of(database, room) == {0: "held"}


async def test_moving_a_claim_that_is_not_ones_own_is_refused(database: Database) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [0])

    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        with pytest.raises(inventory.ClaimLost):
            await claims.move(taken, [0, 1], hold_id=held.id, until=taken.now + timedelta(minutes=1))


async def test_serials_are_given_once_though_many_are_added_at_once(database: Database) -> None:
    who = await builders.provider(database)
    rooms = [await builders.room(database, provider_id=who.id) for _ in range(5)]

    serials = [room.inventory.serial for room in rooms]

    assert serials == sorted(set(serials))
    async with database.reader() as db:
        found = await inventory.find_by_serial(db, serials[2])
    assert found.id == rooms[2].inventory.id


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    async with database.reader() as db:
        for look in (
            partial(inventory.find, inventory_id=new_id()),
            partial(inventory.find_by_serial, serial=2**40),
        ):
            with pytest.raises(inventory.InventoryNotFound):
                await look(db)
        assert await inventory.find_many(db, [new_id()]) == {}
