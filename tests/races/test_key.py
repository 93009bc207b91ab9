"""The same request with the same key, many at once: one effect, one answer (contract, line 9)."""

from dataclasses import replace
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.holds import Hold
from holdfast.kit.db import Database
from tests import builders, toy_product
from tests.builders import CLOCKS
from tests.races.racing import at_once, without
from tests.toy_product import Room

TWENTY = 20
REPLACING = replace(toy_product.LIMITS, second_hold="replace")


async def place_twenty_times(database: Database, room: Room) -> list[tuple[Hold, bool]]:
    owner = builders.user_actor()
    wish = toy_product.wish(room, [0, 1], owner=owner.user_id, key="the same")
    tries = [database.run(lambda db: holds.place(db, wish, actor=owner, clocks=CLOCKS)) for _ in range(TWENTY)]
    came = await at_once(*tries)
    assert not [each for each in came if isinstance(each, Exception)]
    return [each for each in came if not isinstance(each, Exception)]


async def holds_in(database: Database, room: Room) -> list[UUID]:
    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT id FROM holds WHERE inventory_id = :room")
            .bindparams(sa.bindparam("room", room.inventory.id, sa.Uuid))
            .columns(id=sa.Uuid)
        )
    return [row.id for row in rows]


async def test_twenty_wishes_with_one_key_are_one_hold_and_one_answer(database: Database) -> None:
    room = await builders.room(database, limits=REPLACING)

    came = await place_twenty_times(database, room)

    made = await holds_in(database, room)
    assert len(made) == 1
    assert {hold.id for hold, _ in came} == set(made)
    assert [is_repeat for _, is_repeat in came].count(False) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_without_the_key_each_of_the_twenty_has_an_effect(database: Database, database_url: str) -> None:
    room = await builders.room(database, limits=REPLACING)

    async with without(database_url, "key") as bare:
        came = await place_twenty_times(bare, room)

    assert len(await holds_in(database, room)) == TWENTY
    assert len({hold.id for hold, _ in came}) == TWENTY
