from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from holdfast.kernel import holds
from holdfast.kernel.holds import (
    AlreadyHolding,
    NoItems,
    OfferChanged,
    SamePlaceTwice,
    SlotsTaken,
    TooManyItems,
)
from holdfast.kernel.inventory import ClaimLost, InventoryNotFound, OccurrenceCancelled, SalesClosed, claims, turn
from holdfast.kit import ids
from holdfast.kit.db import Database
from holdfast.kit.idempotency import KeyReused
from holdfast.kit.ids import new_id
from tests import builders
from tests import toy_product as toy
from tests.builders import CLOCKS, Time

# All or nothing, in the three shapes


@pytest.mark.parametrize("shape", ["chairs", "days"])
async def test_the_second_buyer_of_a_place_is_told_it_is_gone(database: Database, shape: toy.Shape) -> None:
    room = await builders.room(database, shape=shape)
    await builders.hold(database, room, [1, 2, 3])

    with pytest.raises(SlotsTaken) as refusal:
        await builders.hold(database, room, [0, 2, 3])

    letter = "D" if shape == "days" else "C"
    assert refusal.value.labels == [f"{letter}3", f"{letter}4"]
    assert refusal.value.places == [ids.pack(room.inventory.serial, 2), ids.pack(room.inventory.serial, 3)]


async def test_who_gets_one_of_two_places_gets_none(database: Database) -> None:
    room = await builders.room(database)
    await builders.hold(database, room, [1])

    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, [0, 1])

    assert await builders.states_of(database, room) == {1: "held"}


async def test_of_a_counted_slot_so_many_are_held_as_there_are_and_no_more(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5)
    await builders.hold(database, room, count=3)

    with pytest.raises(SlotsTaken) as refusal:
        await builders.hold(database, room, count=3)
    await builders.hold(database, room, count=2)

    assert refusal.value.labels == ["standing"]
    assert await builders.taken_of(database, room) == 5


async def test_a_counted_slot_without_a_counter_offers_what_its_layout_says(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=2)

    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, count=3)

    assert await builders.taken_of(database, room) == 0


async def test_items_may_share_a_counted_slot_but_never_an_exclusive_one(database: Database) -> None:
    room = await builders.room(database)

    with pytest.raises(SamePlaceTwice):
        await builders.hold(database, room, [1, 1])


async def test_an_item_may_cover_slots_of_both_kinds_at_once(database: Database) -> None:
    """A tier inside a hall total: an exclusive place that counts against a counted one as well."""
    room = await builders.room(database)
    owner = builders.user_actor()
    wish = toy.wish(room, [0, 1, 2], owner=owner.user_id)
    both = replace(wish, items=tuple(replace(item, counted_slots=(500,)) for item in wish.items), capacities={500: 2})

    with pytest.raises(SlotsTaken) as refusal:
        await database.run(lambda db: holds.place(db, both, actor=owner, clocks=CLOCKS))

    assert refusal.value.labels == ["C1", "C2", "C3"]
    assert await builders.states_of(database, room) == {}


# What a hold remembers


async def test_a_hold_keeps_prices_terms_and_times_as_they_were(database: Database, time: Time) -> None:
    room = await builders.room(database)
    held = await builders.hold(database, room, [4, 5], prices=[700, 900], fee=100)

    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        taken.set(prices={"standard": 5}, version=taken.inventory.version + 1)

    again = await builders.hold_of(database, held)
    assert [(item.label, item.amount) for item in again.items] == [("C5", 700), ("C6", 900)]
    assert (again.total, again.currency, again.terms) == (1700, "EGP", toy.TERMS)
    assert (again.placed_at, again.first_claimed_at) == (time.now, time.now)
    assert again.expires_at == time.now + timedelta(minutes=15)
    assert (again.starts_at, again.sold_starts_at) == (room.inventory.starts_at, room.inventory.starts_at)


async def test_placing_is_logged_and_told_and_shown_in_one_change(database: Database) -> None:
    room = await builders.room(database)

    held = await builders.hold(database, room, [2])

    told = await builders.told_of(database, entity_id=held.id, inventory_id=room.inventory.id)
    assert (told.actions, told.facts) == (["hold_placed"], ["HoldPlaced"])
    assert (await builders.inventory_of(database, room)).seq == 1


async def test_a_pace_divides_every_clock(database: Database, time: Time) -> None:
    room = await builders.room(database)

    held = await builders.hold(database, room, clocks=replace(CLOCKS, pace=10))

    assert held.expires_at == time.now + timedelta(seconds=90)


# What is refused


async def test_a_wish_for_nothing_or_for_too_much_never_succeeds(database: Database) -> None:
    room = await builders.room(database)

    with pytest.raises(NoItems):
        await builders.hold(database, room, [])
    with pytest.raises(TooManyItems) as refusal:
        await builders.hold(database, room, range(7))

    assert refusal.value.items_max == 6


async def test_a_price_of_an_older_version_is_not_sold(database: Database) -> None:
    room = await builders.room(database)

    with pytest.raises(OfferChanged):
        await builders.hold(database, room, version=room.inventory.version - 1)


@pytest.mark.parametrize("state", ["draft", "closed", "over"])
async def test_what_is_not_on_sale_is_not_held(database: Database, state: str) -> None:
    room = await builders.room(database)
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        taken.set(state=state)

    with pytest.raises(SalesClosed) as refusal:
        await builders.hold(database, room)

    assert refusal.value.state == state


async def test_nothing_of_a_cancelled_occurrence_is_held(database: Database) -> None:
    room = await builders.room(database)
    await builders.set_state(database, room, "cancelled")

    with pytest.raises(OccurrenceCancelled):
        await builders.hold(database, room)


async def test_a_window_opens_at_its_moment_and_is_closed_at_its_end(database: Database, time: Time) -> None:
    room = await builders.room(database)
    opens, closes = time.now + timedelta(hours=1), time.now + timedelta(hours=2)
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        taken.set(sale_opens_at=opens, sale_closes_at=closes)
    least = timedelta(microseconds=1)

    await time.to(opens - least)
    with pytest.raises(SalesClosed):
        await builders.hold(database, room, [0])
    await time.to(opens)
    await builders.hold(database, room, [1])
    await time.to(closes - least)
    await builders.hold(database, room, [2])
    await time.to(closes)
    with pytest.raises(SalesClosed):
        await builders.hold(database, room, [3])


async def test_nothing_is_held_once_it_has_started(database: Database, time: Time) -> None:
    room = await builders.room(database, starts_in=timedelta(minutes=1))

    await time.forward(seconds=59)
    await builders.hold(database, room, [0])
    await time.forward(seconds=1)

    with pytest.raises(SalesClosed):
        await builders.hold(database, room, [1])


async def test_an_occurrence_that_is_not_there_is_not_found(database: Database) -> None:
    room = await builders.room(database)
    absent = replace(room, inventory=replace(room.inventory, id=new_id()))

    with pytest.raises(InventoryNotFound):
        await builders.hold(database, absent)


# One live hold an owner


async def test_an_owner_who_holds_here_is_refused_a_second_hold(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    first = await builders.hold(database, room, [0], owner=owner)

    with pytest.raises(AlreadyHolding) as refusal:
        await builders.hold(database, room, [1], owner=owner)

    assert (refusal.value.hold_id, refusal.value.expires_at) == (first.id, first.expires_at)


async def test_a_pending_booking_counts_as_a_live_hold(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    await builders.booking(database, room, [0], owner=owner)

    with pytest.raises(AlreadyHolding):
        await builders.hold(database, room, [1], owner=owner)


@pytest.mark.parametrize("ending", ["released", "paid", "lapsed", "lapsed_unpaid"])
async def test_who_ended_one_hold_may_place_another(database: Database, time: Time, ending: str) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    if ending == "paid":
        await builders.confirmed(database, room, [0], owner=owner)
    elif ending == "lapsed_unpaid":
        await builders.booking(database, room, [0], owner=owner)
    else:
        held = await builders.hold(database, room, [0], owner=owner)
    if ending == "released":
        await builders.release(database, held)
    if ending.startswith("lapsed"):
        await time.forward(minutes=15)

    await builders.hold(database, room, [1], owner=owner)

    assert (await builders.states_of(database, room))[1] == "held"


async def test_one_owner_may_hold_in_two_rooms_at_once(database: Database) -> None:
    owner = builders.user_actor()
    rooms = [await builders.room(database) for _ in range(2)]

    for room in rooms:
        await builders.hold(database, room, owner=owner)

    assert [await builders.states_of(database, room) for room in rooms] == [{0: "held"}] * 2


async def test_staff_may_hold_again_and_again_for_nobody_in_particular(database: Database) -> None:
    room, clerk = await builders.room(database), builders.user_actor()
    assert clerk.user_id is not None

    for wish in [toy.wish(room, [number], owner=None, by=clerk.user_id) for number in range(3)]:
        await database.run(partial(holds.place, wish=wish, actor=clerk, clocks=CLOCKS))

    assert len(await builders.states_of(database, room)) == 3


# The same key


async def test_the_same_key_and_wish_give_the_same_hold(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()

    first = await builders.place(database, room, [0], owner=owner, key="k")
    again = await builders.place(database, room, [0], owner=owner, key="k")

    assert first == (again[0], False)
    assert again[1]
    assert (await builders.inventory_of(database, room)).seq == 1


async def test_a_key_gives_its_hold_again_even_when_that_has_ended(database: Database, time: Time) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    first = await builders.hold(database, room, [0], owner=owner, key="k")
    await time.forward(minutes=15)
    await builders.hold(database, room, [0])

    again, is_replay = await builders.place(database, room, [0], owner=owner, key="k")

    assert (again.id, is_replay) == (first.id, True)
    assert not holds.is_live(again, now=time.now)


async def test_the_same_key_for_another_wish_is_refused(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    await builders.hold(database, room, [0], owner=owner, key="k")

    with pytest.raises(KeyReused):
        await builders.hold(database, room, [1], owner=owner, key="k")


async def test_a_key_belongs_to_its_sender_and_its_room(database: Database) -> None:
    rooms = [await builders.room(database) for _ in range(2)]
    owner, other = builders.user_actor(), builders.user_actor()

    placed = [
        await builders.place(database, rooms[0], [0], owner=owner, key="k"),
        await builders.place(database, rooms[0], [1], owner=other, key="k"),
        await builders.place(database, rooms[1], [0], owner=owner, key="k"),
    ]

    assert [is_replay for _, is_replay in placed] == [False] * 3


async def test_the_key_of_a_refused_hold_may_win_later(database: Database) -> None:
    room, owner = await builders.room(database), builders.user_actor()
    standing = await builders.hold(database, room, [0])
    with pytest.raises(SlotsTaken):
        await builders.hold(database, room, [0], owner=owner, key="k")
    await builders.release(database, standing)

    _, is_replay = await builders.place(database, room, [0], owner=owner, key="k")

    assert not is_replay


# Under it all


async def test_the_database_itself_refuses_a_second_claim_of_a_slot(database: Database) -> None:
    room = await builders.room(database)
    await builders.hold(database, room, [0])
    again = sa.text(
        "INSERT INTO claims SELECT inventory_id, slot, :hold, kind, expires_at FROM claims WHERE inventory_id = :id"
    ).bindparams(sa.bindparam("hold", new_id(), sa.Uuid), sa.bindparam("id", room.inventory.id, sa.Uuid))

    with pytest.raises(sa.exc.IntegrityError):
        await _execute(database, again)


async def test_the_database_itself_refuses_a_second_live_hold_of_an_owner(database: Database) -> None:
    room = await builders.room(database)
    first, second = [await builders.hold(database, room, [number]) for number in (0, 1)]
    same = sa.text("UPDATE holds SET live_owner = :owner WHERE id = :id").bindparams(
        sa.bindparam("owner", first.owner_id, sa.Uuid), sa.bindparam("id", second.id, sa.Uuid)
    )

    with pytest.raises(sa.exc.IntegrityError):
        await _execute(database, same)


async def test_a_claim_that_somebody_else_has_is_lost_and_undoes_everything(database: Database) -> None:
    """The conditions in the writes stand under the turn and under what was read."""
    room = await builders.room(database)
    await builders.hold(database, room, [1])

    async def claim() -> None:
        async with database.transaction() as db, turn(db, room.inventory.id) as taken:
            await claims.take(taken, [2, 0, 1], hold_id=new_id(), until=taken.now + timedelta(minutes=1))

    with pytest.raises(ClaimLost) as refusal:
        await claim()

    assert refusal.value.slots == [1]
    assert await builders.states_of(database, room) == {1: "held"}


async def _execute(database: Database, statement: sa.TextClause) -> None:
    async with database.transaction() as db:
        await db.execute(statement)
