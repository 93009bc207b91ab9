"""Inventories in memory are as the database is when they are asked for, whoever changed it, and cost no second read."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from holdfast.kernel import inventory, realtime
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Authenticator
from holdfast.kernel.inventory import InventoryNotFound, Place, turn
from holdfast.kernel.realtime import Lookout, reads
from holdfast.kernel.realtime.lookout import public
from holdfast.kit import clock, http
from holdfast.kit.db import Database, Transaction
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time
from tests.builders_identity import SECRET, SETTINGS
from tests.toy_product import Room, Shape


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[tuple[httpx2.AsyncClient, Lookout]]:
    """Who reads over HTTP, and what answers."""
    app = FastAPI()
    http.install(app, database=database, secret=SECRET, authenticate=Authenticator(SETTINGS, database), is_test=True)
    app.state.lookout = lookout = Lookout(database)
    app.include_router(reads.router)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://here.example") as client:
        yield client, lookout


def states_of(room: Room) -> str:
    return f"/inventories/{room.inventory.id}/states"


async def reprice(database: Database, room: Room, price: int) -> None:
    async def work(db: Transaction) -> None:
        async with turn(db, room.inventory.id) as taken:
            inventory.reprice(taken, prices={"standard": price})

    await database.run(work)


async def widen(database: Database, room: Room) -> None:
    async def work(db: Transaction) -> None:
        async with turn(db, room.inventory.id) as taken:
            places = (*room.layout.places, Place(room.layout.next_number, "extra"))
            layout = await inventory.next_layout(db, room.layout, places=places, now=taken.now)
            inventory.use_layout(taken, layout, prices=room.inventory.prices)

    await database.run(work)


@asynccontextmanager
async def counted_statements(database: Database) -> AsyncIterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []
    engine = database._reader.sync_engine  # noqa: SLF001 - what is asked, nothing else tells

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def test_what_another_process_held_is_seen_by_the_next_who_asks(database: Database) -> None:
    room = await builders.room(database, places=4)
    here, there = Lookout(database), Lookout(database)
    await here.look(room.inventory.id)
    await there.look(room.inventory.id)

    for number, letters in enumerate(["hfff", "hhff", "hhhf"]):
        await builders.hold(database, room, [number])

        assert (await here.look(room.inventory.id)).view.letters() == letters
        assert (await there.look(room.inventory.id)).view.letters() == letters


async def test_equal_positions_in_two_processes_are_equal_looks(database: Database, time: Time) -> None:
    room = await builders.room(database, places=4)
    here = Lookout(database)
    await here.look(room.inventory.id)
    await builders.hold(database, room, [0])
    held = (await here.look(room.inventory.id)).position
    await time.forward(hours=1)

    kept, other = await here.look(room.inventory.id), await Lookout(database).look(room.inventory.id)

    assert kept.view.letters() == other.view.letters() == "ffff"
    assert kept.position == other.position != held


async def test_a_price_changed_in_another_process_is_the_price_shown(database: Database) -> None:
    room = await builders.room(database, places=2, price=1000)

    async with reading(database) as (client, _):
        path = f"/inventories/{room.inventory.id}/layout"
        before = await client.get(path)
        known = await client.get(path, headers={"If-None-Match": before.headers["etag"]})
        await reprice(database, room, 2500)
        after = await client.get(path, headers={"If-None-Match": before.headers["etag"]})

    assert (before.json()["prices"], known.status_code) == ({"standard": "10.00"}, 304)
    assert (after.status_code, after.json()["prices"]) == (200, {"standard": "25.00"})


async def test_a_layout_changed_in_another_process_is_the_layout_shown(database: Database) -> None:
    room = await builders.room(database, places=2)
    lookout = Lookout(database)
    before = (await lookout.look(room.inventory.id)).view.letters()

    await widen(database, room)
    after = (await lookout.look(room.inventory.id)).view.letters()

    assert (before, after) == ("ff", "fff")


@pytest.mark.parametrize("shape", ["chairs", "standing"])
async def test_states_are_told_and_304_until_something_changes(database: Database, time: Time, shape: Shape) -> None:
    room = await builders.room(database, places=3, shape=shape)

    async with reading(database) as (client, _):
        first = await client.get(states_of(room))
        again = await client.get(states_of(room), headers={"If-None-Match": f'"nothing", {first.headers["etag"]}'})
        await builders.hold(database, room, [0])
        held = await client.get(states_of(room), headers={"If-None-Match": first.headers["etag"]})
        since = await client.get(states_of(room), params={"since": held.json()["position"]})
        await time.forward(hours=1)
        lapsed = await client.get(states_of(room), headers={"If-None-Match": held.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert [first.json()["available"], held.json()["available"], lapsed.json()["available"]] == [3, 2, 3]
    assert first.json()["states"] == lapsed.json()["states"] == ("fff" if shape == "chairs" else "")
    assert held.json()["states"] == ("hff" if shape == "chairs" else "")
    assert since.json() == {**held.json(), "states": None, "server_time": since.json()["server_time"]}
    assert lapsed.json()["server_time"] > held.json()["server_time"]


async def test_many_who_ask_at_once_share_one_look(database: Database) -> None:
    rooms = [await builders.room(database, places=2) for _ in range(3)]
    lookout = Lookout(database)
    for room in rooms:
        await lookout.look(room.inventory.id)

    async with counted_statements(database) as asked:
        await asyncio.gather(*[lookout.look(room.inventory.id) for room in rooms for _ in range(50)])

    looks = [statement for statement in asked if "outbox" in statement]
    assert 1 <= len(looks) <= 2
    assert not [statement for statement in asked if "claims" in statement]


async def test_what_is_not_there_is_told_to_all_who_asked_and_to_nobody_else(database: Database) -> None:
    room = await builders.room(database)
    lookout = Lookout(database)

    told = await asyncio.gather(
        *[lookout.look(each) for each in (new_id(), room.inventory.id, new_id())], return_exceptions=True
    )

    assert [isinstance(each, InventoryNotFound) for each in told] == [True, False, True]


async def test_a_draft_is_nobodys_business(database: Database) -> None:
    room = await builders.room(database)
    lookout = Lookout(database)
    await public(lookout, room.inventory.id)

    await builders.set_state(database, room, "draft")

    with pytest.raises(InventoryNotFound):
        await public(lookout, room.inventory.id)


async def test_only_so_many_slots_are_kept_those_asked_for_last(database: Database) -> None:
    rooms = [await builders.room(database, places=10) for _ in range(3)]
    lookout = Lookout(database, slots_max=20)
    for number in (0, 1, 0, 2):
        await lookout.look(rooms[number].inventory.id)

    assert await has_read_anew(database, lookout, rooms[0].inventory.id) is False
    assert await has_read_anew(database, lookout, rooms[1].inventory.id) is True


async def has_read_anew(database: Database, lookout: Lookout, inventory_id: UUID) -> bool:
    async with counted_statements(database) as asked:
        await lookout.look(inventory_id)
    return any("claims" in statement for statement in asked)


async def test_a_new_epoch_has_everything_read_anew(database: Database) -> None:
    room = await builders.room(database)
    lookout = Lookout(database)
    before = (await lookout.look(room.inventory.id)).position

    async def begin(db: Transaction) -> int:
        return await realtime.begin_epoch(db, actor=Actor.system(), now=await clock.moment(db))

    epoch = await database.run(begin)
    after = (await lookout.look(room.inventory.id)).position

    assert after.startswith(f"{epoch}.")
    assert before.partition(".")[2] == after.partition(".")[2]


async def test_who_goes_away_while_waiting_takes_the_answer_from_nobody(database: Database) -> None:
    room = await builders.room(database)
    lookout = Lookout(database)

    impatient, patient = (asyncio.create_task(lookout.look(room.inventory.id)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()

    assert (await patient).view.letters() == "f" * 10
    assert impatient.cancelled() or impatient.cancelling()
