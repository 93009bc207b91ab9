"""One seat, sold leg by leg."""

import pytest

from holdfast.kernel import checkout, inventory
from holdfast.kernel.holds import AlreadyHolding, SlotsTaken
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.products.bus import offers, queries
from tests.builders_bus import hold_again, layout, offer_of, open_line, pay, reserve
from tests.builders_identity import sign_up


async def test_a_seat_is_sold_to_one_until_the_stop_where_another_boards(database: Database) -> None:
    line = await open_line(database)
    first, second, third = [await sign_up(database) for _ in range(3)]

    await reserve(database, line, first, from_stop="Cairo", to_stop="Suez")
    await reserve(database, line, second, from_stop="Suez", to_stop="Hurghada")
    with pytest.raises(SlotsTaken) as refused:
        await reserve(database, line, third)

    assert refused.value.labels == ["1A"]


async def test_cancelling_one_leg_frees_it_and_leaves_the_other(database: Database) -> None:
    line = await open_line(database)
    first, second, third = [await sign_up(database) for _ in range(3)]
    early = await pay(database, await reserve(database, line, first, from_stop="Cairo", to_stop="Suez"), first)
    late = await reserve(database, line, second, from_stop="Suez", to_stop="Hurghada")
    await pay(database, late, second)

    await database.run(
        lambda db: checkout.cancel(db, early.id, items=None, reason=None, quote_id=None, actor=first.actor)
    )

    with pytest.raises(SlotsTaken):
        await reserve(database, line, third)
    again = await reserve(database, line, third, from_stop="Cairo", to_stop="Suez")
    assert again.items[0].label == "1A"
    async with database.reader() as db:
        states = await inventory.slot_states(db, line.schedule_id, now=await clock.moment(db))
    assert states == {0: "held", 1: "sold"}
    assert (await hold_again(database, late)).kept == late.kept


async def test_a_part_costs_its_own_fare_or_its_kilometres(database: Database) -> None:
    line = await open_line(database, price="320.00", fares=[("cairo", "SUEZ", "95.00")])
    person, other = await sign_up(database), await sign_up(database)

    named = await reserve(database, line, person, from_stop="Cairo", to_stop="Suez")
    by_distance = await reserve(database, line, other, from_stop="Suez", to_stop="Hurghada")

    assert named.total == 9500
    assert by_distance.total == 23909  # 320.00 x 396 / 530, half-up


async def test_a_reservation_is_of_the_stop_where_one_boards(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)

    hold = await reserve(database, line, person, from_stop="Suez")

    offer = await offer_of(database, line)
    assert hold.starts_at == offer.schedule.stops[1].at
    assert hold.ends_at == offer.schedule.arrives_at
    assert hold.description["title"] == "Suez \N{EN DASH} Hurghada"


async def test_the_whole_modifier_is_paid_on_every_part(database: Database) -> None:
    line = await open_line(database, price="320.00", seats=layout(modifier="15.00"))
    person = await sign_up(database)

    hold = await reserve(database, line, person, from_stop="Cairo", to_stop="Suez")

    assert [(each.kind, each.amount) for each in hold.lines] == [("fare", 8091), ("modifier", 1500)]
    assert hold.total == 9591


async def test_one_live_reservation_a_person_and_schedule(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    await reserve(database, line, person, ["1A"])

    with pytest.raises(AlreadyHolding):
        await reserve(database, line, person, ["1B"])


async def test_seats_are_counted_free_only_where_every_leg_is(database: Database) -> None:
    line = await open_line(database)
    person = await sign_up(database)
    await reserve(database, line, person, ["1A", "1B"], from_stop="Suez")

    offer = await offer_of(database, line)
    async with database.reader() as db:
        now = await clock.moment(db)
        whole = await queries.seats_free(db, [offer], now=now)
        occupied = (await inventory.occupied_slots(db, [line.schedule_id], now=now))[line.schedule_id]
    early = offers.free_places(offer, offers.part_of(offer.schedule, "Cairo", "Suez"), occupied)

    assert whole == {line.schedule_id: 6}
    assert len(early) == 8
