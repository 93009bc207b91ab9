"""{A,B} against {B,A}, and triples that overlap: never a half hold, and no deadlock that anybody sees."""

from collections.abc import Sequence
from itertools import count
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.holds import Hold, SlotsTaken
from holdfast.kit.db import Database
from tests import builders, toy_product
from tests.builders import CLOCKS
from tests.races.racing import at_once, drop_key_of_claims, is_deadlock, without
from tests.toy_product import Room

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

PLACES = 120
PAIRS = ((0, 1), (1, 0))
TRIPLES = ((0, 1, 2), (2, 3, 4), (4, 1, 5))
SIXES = (tuple(range(6)), tuple(reversed(range(6))))
DEADLOCK_ROUNDS_MAX = 200


async def rooms_of(database: Database, rounds: int, *, places_each: int) -> list[tuple[Room, int]]:
    """Room and first place for each round: fresh places every time."""
    a_room = PLACES // places_each
    rooms = [await builders.room(database, places=PLACES) for _ in range(-(-rounds // a_room))]
    return [(rooms[index // a_room], index % a_room * places_each) for index in range(rounds)]


async def place_once(database: Database, room: Room, places: Sequence[int]) -> Hold:
    """One attempt, with nothing that repeats it: a deadlock surfaces."""
    owner = builders.user_actor()
    wish = toy_product.wish(room, places, owner=owner.user_id)
    async with database.transaction() as db:
        return (await holds.place(db, wish, actor=owner, clocks=CLOCKS))[0]


async def claims_in(database: Database, inventory_id: UUID) -> dict[int, UUID]:
    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT slot, hold_id FROM claims WHERE inventory_id = :room")
            .bindparams(sa.bindparam("room", inventory_id, sa.Uuid))
            .columns(slot=sa.Integer, hold_id=sa.Uuid)
        )
    claims = {row.slot: row.hold_id for row in rows}
    assert len(claims) == len(rows), "a slot is claimed twice"
    return claims


@pytest.mark.parametrize(("wishes", "rounds"), [(PAIRS, 600), (TRIPLES, 400)], ids=["pairs", "triples"])
async def test_in_a_thousand_rounds_nobody_gets_a_half_and_nobody_meets_a_deadlock(
    database: Database, database_url: str, wishes: tuple[tuple[int, ...], ...], rounds: int
) -> None:
    grounds = await rooms_of(database, rounds, places_each=1 + max(map(max, wishes)))
    expected: dict[UUID, dict[int, UUID]] = {room.inventory.id: {} for room, _ in grounds}
    won_rounds = 0

    async with without(database_url) as guarded:
        for room, first in grounds:
            wanted = [[first + place for place in wish] for wish in wishes]
            came = await at_once(*(place_once(guarded, room, places) for places in wanted))
            got = {place for hold in came if isinstance(hold, Hold) for item in hold.items for place in item.slots}
            for hold, places in zip(came, wanted, strict=True):
                if isinstance(hold, Hold):
                    assert sorted(item.place for item in hold.items) == sorted(places)
                    expected[room.inventory.id].update(dict.fromkeys(places, hold.id))
                else:  # what it was told is gone, somebody else has
                    assert isinstance(hold, SlotsTaken), hold
                    assert set(hold.labels) == {f"C{place + 1}" for place in places if place in got}
            won_rounds += any(isinstance(hold, Hold) for hold in came)

    assert won_rounds == rounds
    for inventory_id, claims in expected.items():
        assert await claims_in(database, inventory_id) == claims


async def test_without_turn_and_order_two_buyers_of_the_same_places_wait_in_a_circle(
    database: Database, database_url: str
) -> None:
    """Either of the two alone prevents it, as the rounds above and below show."""
    rounds = count(1)
    deadlocks = 0

    async with without(database_url, "turn", "sorted") as bare:
        for room, first in await rooms_of(database, DEADLOCK_ROUNDS_MAX, places_each=6):
            came = await at_once(*(place_once(bare, room, [first + place for place in wish]) for wish in SIXES * 2))
            deadlocks += sum(is_deadlock(each) for each in came if isinstance(each, Exception))
            if deadlocks or next(rounds) >= DEADLOCK_ROUNDS_MAX:
                break

    assert deadlocks > 0


async def test_sorted_writes_alone_let_nobody_wait_in_a_circle(database: Database, database_url: str) -> None:
    async with without(database_url, "turn") as bare:
        for room, first in await rooms_of(database, 60, places_each=6):
            came = await at_once(*(place_once(bare, room, [first + place for place in wish]) for wish in SIXES * 2))
            assert sorted(type(each).__name__ for each in came) == ["Hold", *["SlotsTaken"] * 3]


@pytest.mark.alone
async def test_without_turn_and_primary_key_overlapping_wishes_are_all_granted(
    database: Database, database_url: str
) -> None:
    await drop_key_of_claims(database)
    granted = 0

    async with without(database_url, "turn", "pk") as bare:
        for room, first in await rooms_of(database, 40, places_each=6):
            came = await at_once(*(place_once(bare, room, [first + place for place in wish]) for wish in TRIPLES))
            granted = max(granted, sum(isinstance(each, Hold) for each in came))
            if granted > 1:
                break

    assert granted > 1
