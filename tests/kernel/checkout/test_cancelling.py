"""Cancelling by the terms, whole and by item, at the edges, by a quote, and after a move (spec, kernel 8 and 10)."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from random import Random

import pytest

from holdfast.kernel import checkout, ledger, tickets
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import (
    AlreadyCancelled,
    Booking,
    CancellationClosed,
    NoSuchItems,
    NotCancellable,
    Quote,
    QuoteNotFound,
    TicketUsed,
)
from holdfast.kernel.checkout import QuoteStale
from holdfast.kernel.inventory import Step, Terms
from holdfast.kernel.tickets import TicketClaims
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.toy_product import Room

LEAST = timedelta(microseconds=1)
#: As bus has it: within two hours nothing can be cancelled.
BUS = Terms(version=1, steps=(Step(86_400, 100), Step(7_200, 50)), closed_within=7_200)
GENEROUS = Terms(version=1, steps=(Step(86_400, 100), Step(7_200, 50)), fees_refundable=True)
PRICES = (333, 333, 335)  # half of each doesn't divide


async def quote(database: Database, booked: Booking, items: Sequence[int] | None = None) -> Quote:
    return await database.run(partial(checkout.quote, booking_id=booked.id, items=items))


async def use_ticket(database: Database, booked: Booking, item: int) -> None:
    async with database.transaction() as db:
        ticket = (await tickets.of_bookings(db, [booked.id]))[booked.id][item]
        claims = TicketClaims(ticket.id, ticket.inventory_id, ticket.place, ticket.nonce)
        await tickets.use(db, claims, actor=builders.user_actor(), now=booked.created_at)


# The edges


@pytest.mark.parametrize(
    ("left", "amounts"),
    [
        (timedelta(hours=24) + LEAST, (333, 333, 335)),
        (timedelta(hours=24), (167, 167, 168)),
        (timedelta(hours=24) - LEAST, (167, 167, 168)),
        (timedelta(hours=2) + LEAST, (167, 167, 168)),
        (timedelta(hours=2), (167, 167, 168)),
        (timedelta(hours=2) - LEAST, (0, 0, 0)),
        (timedelta(0), (0, 0, 0)),
        (-timedelta(hours=1), (0, 0, 0)),
    ],
    ids=["over a day", "a day", "under a day", "over two hours", "two hours", "under two hours", "start", "after"],
)
@pytest.mark.parametrize("by_item", [False, True], ids=["whole", "by_item"])
async def test_the_moment_decides_what_comes_back(
    database: Database, time: Time, left: timedelta, amounts: tuple[int, ...], by_item: bool
) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [0, 1, 2], prices=PRICES)
    await time.to(room.inventory.starts_at - left)

    if by_item:
        back = [(await builders.cancel(database, booked, [number])).refund_amount for number in (2, 0, 1)]
        assert back == [amounts[2], amounts[0], amounts[1]]
    else:
        assert (await builders.cancel(database, booked)).refund_amount == sum(amounts)

    after = await builders.booking_of(database, booked.id)
    refunds = await builders.refunds_of(database, booked.id)
    (payment,) = await builders.payments_of(database, booked.id)
    assert after.state == "cancelled"
    assert sum(refund.amount for refund in refunds) == payment.refund_reserved == sum(amounts)
    assert await builders.states_of(database, room) == {}
    assert (await builders.inventory_of(database, room)).sold == 0


async def test_terms_that_close_refuse_from_the_first_microsecond_within(database: Database, time: Time) -> None:
    room = await builders.room(database, terms=BUS)
    booked = await builders.confirmed(database, room, [0, 1])

    await time.to(room.inventory.starts_at - timedelta(hours=2) + LEAST)
    with pytest.raises(CancellationClosed):
        await builders.cancel(database, booked)
    with pytest.raises(CancellationClosed):
        await builders.cancel(database, booked, [1])
    with pytest.raises(CancellationClosed):
        await quote(database, booked)
    await time.to(room.inventory.starts_at - timedelta(hours=2))

    assert (await builders.cancel(database, booked)).refund_amount == 1000


@pytest.mark.parametrize("seed", range(3))
async def test_parts_equal_the_whole_in_any_order(database: Database, seed: int) -> None:
    """The property is searched in the rules; here, that books and claims follow them."""
    random = Random(seed)
    prices = [random.choice([0, 1, random.randrange(1000), random.randrange(100_000)]) for _ in range(3)] + [333]
    terms = Terms(version=1, steps=(Step(0, random.randrange(101)),), fees_refundable=True)
    who = await builders.provider(database, platform_fee_bps=random.randrange(3000))
    rooms = [await builders.room(database, provider_id=who.id, terms=terms) for _ in range(2)]
    whole, parts = [
        await builders.confirmed(database, room, range(len(prices)), prices=prices, fee=100) for room in rooms
    ]
    numbers = random.sample(range(len(prices)), len(prices))

    at_once = await builders.cancel(database, whole)
    one_by_one = [await builders.cancel(database, parts, [number]) for number in numbers]

    assert at_once.refund_amount == sum(each.refund_amount for each in one_by_one)
    assert await _borne(database, whole) == await _borne(database, parts)


async def _borne(database: Database, booked: Booking) -> dict[str, int]:
    """How much of a booking's refunds each account bears."""
    borne: dict[str, int] = {}
    for refund in await builders.refunds_of(database, booked.id):
        async with database.reader() as db:
            for step, amount in await ledger.posted(db, cause_kind="refund", cause_id=refund.id):
                borne[step] = borne.get(step, 0) + amount
    return borne


# What is left, and what is not


async def test_an_item_given_up_frees_its_place_and_its_ticket_and_leaves_the_rest(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [4, 5, 6])

    cancellation = await builders.cancel(database, booked, [1])

    after = await builders.booking_of(database, booked.id)
    async with database.reader() as db:
        issued = (await tickets.of_bookings(db, [booked.id]))[booked.id]
    assert (after.state, after.refund_state, after.total, after.reference) == (
        "confirmed",
        "pending",
        3000,
        booked.reference,
    )
    assert [item.state for item in after.hold.items] == ["kept", "cancelled", "kept"]
    assert [ticket.state for ticket in issued] == ["valid", "cancelled", "valid"]
    assert await builders.states_of(database, room) == {4: "sold", 6: "sold"}
    assert (await builders.inventory_of(database, room)).sold == 2
    assert (cancellation.items, cancellation.refund_status) == ((1,), "pending")
    await builders.hold(database, room, [5])


async def test_of_counted_places_so_many_are_freed_as_were_given_up(database: Database) -> None:
    room = await builders.room(database, shape="standing", places=5)
    booked = await builders.confirmed(database, room, count=4)

    await builders.cancel(database, booked, [0, 3])

    assert await builders.taken_of(database, room) == 2
    assert (await builders.inventory_of(database, room)).sold == 2
    await builders.hold(database, room, count=3)


async def test_the_last_item_given_up_cancels_the_booking(database: Database) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room, [0, 1])

    await builders.cancel(database, booked, [0])
    await builders.cancel(database, booked, [1])

    told = await builders.told_of(database, entity_id=booked.id)
    assert (await builders.booking_of(database, booked.id)).state == "cancelled"
    assert told.actions[-2:] == ["items_cancelled", "booking_cancelled"]
    with pytest.raises(AlreadyCancelled):
        await builders.cancel(database, booked)


async def test_items_that_are_not_there_or_gone_or_named_twice_are_refused(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1, 2])
    await builders.cancel(database, booked, [0])

    for items in ([0], [3], [1, 0], [1, 1], []):
        with pytest.raises(NoSuchItems):
            await builders.cancel(database, booked, items)


async def test_only_what_is_confirmed_is_cancelled(database: Database) -> None:
    booked = await builders.booking(database, await builders.room(database))

    with pytest.raises(NotCancellable):
        await builders.cancel(database, booked)


async def test_an_item_whose_ticket_was_used_is_cancelled_by_staff_only(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    await use_ticket(database, booked, 0)

    with pytest.raises(TicketUsed):
        await builders.cancel(database, booked)
    with pytest.raises(TicketUsed):
        await builders.cancel(database, booked, [0])
    await builders.cancel(database, booked, [1])
    await builders.cancel(database, booked, [0], actor=builders.user_actor())

    assert (await builders.booking_of(database, booked.id)).state == "cancelled"


async def test_fees_of_the_booking_are_kept_unless_its_terms_say_otherwise(database: Database) -> None:
    kept = await builders.confirmed(database, await builders.room(database), [0, 1], fee=100)
    returned = await builders.confirmed(database, await builders.room(database, terms=GENEROUS), [0, 1], fee=100)

    assert (await builders.cancel(database, kept)).refund_amount == 2000
    assert (await builders.cancel(database, returned, [0])).refund_amount == 1000
    assert (await builders.cancel(database, returned, [1])).refund_amount == 1100


async def test_what_gives_nothing_back_is_settled_at_once(database: Database, time: Time) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room)
    await time.to(room.inventory.starts_at - timedelta(hours=1))

    cancellation = await builders.cancel(database, booked)

    assert (cancellation.refund_amount, cancellation.refund_status) == (0, "processed")
    assert (await builders.booking_of(database, booked.id)).refund_state == "none"
    assert await builders.refunds_of(database, booked.id) == []


async def test_a_booking_that_cost_nothing_is_cancelled_for_nothing(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1], prices=[0, 0])

    cancellation = await builders.cancel(database, booked)

    assert (cancellation.refund_amount, (await builders.booking_of(database, booked.id)).state) == (0, "cancelled")


# Quotes


async def test_a_quote_keeps_its_amounts_for_five_minutes_though_a_step_passes(database: Database, time: Time) -> None:
    room = await builders.room(database)
    booked, slow = [await builders.confirmed(database, room, [number]) for number in (0, 1)]
    await time.to(room.inventory.starts_at - timedelta(hours=24) - LEAST)
    quotes = [await quote(database, each) for each in (booked, slow)]
    assert [(each.total, each.percent) for each in quotes] == [(1000, 100)] * 2

    await time.forward(minutes=5, microseconds=-1)
    kept = await builders.cancel(database, booked, quote_id=quotes[0].id)
    await time.forward(microseconds=1)

    assert kept.refund_amount == 1000
    with pytest.raises(QuoteNotFound):
        await builders.cancel(database, slow, quote_id=quotes[1].id)
    assert (await builders.cancel(database, slow)).refund_amount == 500


async def test_a_quote_keeps_what_may_be_cancelled_though_the_terms_close(database: Database, time: Time) -> None:
    room = await builders.room(database, terms=BUS)
    booked = await builders.confirmed(database, room)
    await time.to(room.inventory.starts_at - timedelta(hours=2))
    quoted = await quote(database, booked)
    await time.forward(minutes=4)

    assert (await builders.cancel(database, booked, quote_id=quoted.id)).refund_amount == 500


async def test_a_quote_is_stale_once_items_changed_or_it_started(database: Database, time: Time) -> None:
    room = await builders.room(database)
    booked, started = (
        await builders.confirmed(database, room, [0, 1]),
        await builders.confirmed(database, room, [2]),
    )
    quoted = await quote(database, booked)
    await builders.cancel(database, booked, [0])
    with pytest.raises(QuoteStale):
        await builders.cancel(database, booked, quote_id=quoted.id)
    await time.to(room.inventory.starts_at - timedelta(minutes=1))
    late = await quote(database, started)

    await time.forward(minutes=1)

    with pytest.raises(QuoteStale):
        await builders.cancel(database, started, quote_id=late.id)


async def test_a_quote_for_an_item_is_stale_once_it_became_the_last(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database, terms=GENEROUS), [0, 1], fee=100)
    quoted = await quote(database, booked, [0])
    await builders.cancel(database, booked, [1])

    with pytest.raises(QuoteStale):
        await builders.cancel(database, booked, quote_id=quoted.id)


async def test_a_quote_is_of_one_booking(database: Database) -> None:
    room = await builders.room(database)
    mine, other = [await builders.confirmed(database, room, [number]) for number in (0, 1)]
    quoted = await quote(database, other)

    with pytest.raises(QuoteNotFound):
        await builders.cancel(database, mine, quote_id=quoted.id)


# A move


async def move(database: Database, room: Room, by: timedelta) -> None:
    inventory = await builders.inventory_of(database, room)
    moved = partial(
        checkout.reschedule,
        inventory_id=inventory.id,
        starts_at=inventory.starts_at + by,
        ends_at=inventory.ends_at + by,
        actor=Actor.system(),
    )
    await database.run(moved)


@pytest.mark.parametrize(
    ("by", "percent"),
    [
        (timedelta(minutes=30), 0),
        (timedelta(minutes=30) + LEAST, 100),
        (-timedelta(minutes=30), 0),
        (-timedelta(minutes=30) - LEAST, 100),
    ],
)
async def test_a_move_of_more_than_half_an_hour_makes_cancelling_free(
    database: Database, time: Time, by: timedelta, percent: int
) -> None:
    room = await builders.room(database)
    booked = await builders.confirmed(database, room)
    await time.to(room.inventory.starts_at - timedelta(hours=1))

    await move(database, room, by)

    assert (await builders.cancel(database, booked)).refund_amount == 10 * percent


async def test_it_is_free_until_the_new_start_and_not_after(database: Database, time: Time) -> None:
    room = await builders.room(database, terms=BUS)
    in_time, too_late = [await builders.confirmed(database, room, [number]) for number in (0, 1)]
    await move(database, room, timedelta(hours=3))
    start = room.inventory.starts_at + timedelta(hours=3)

    await time.to(start - LEAST)
    assert (await builders.cancel(database, in_time)).refund_amount == 1000
    await time.to(start)
    with pytest.raises(CancellationClosed):
        await builders.cancel(database, too_late)


async def test_small_moves_add_up_from_the_time_bought(database: Database, time: Time) -> None:
    room = await builders.room(database)
    early = await builders.confirmed(database, room, [0])
    await move(database, room, timedelta(minutes=20))
    moved = Room(await builders.inventory_of(database, room), room.layout)
    between = await builders.confirmed(database, moved, [1])
    await move(database, room, timedelta(minutes=20))
    await time.to(room.inventory.starts_at - timedelta(hours=1))

    refunds = [(await builders.cancel(database, booked)).refund_amount for booked in (early, between)]

    assert refunds == [1000, 0]


async def test_a_move_takes_everything_sold_along_and_is_told(database: Database) -> None:
    room = await builders.room(database)
    held, booked = await builders.hold(database, room, [0]), await builders.confirmed(database, room, [1])

    await move(database, room, timedelta(hours=5))

    starts_at = room.inventory.starts_at + timedelta(hours=5)
    told = await builders.told_of(database, entity_id=room.inventory.id, inventory_id=room.inventory.id)
    for hold in (await builders.hold_of(database, held), (await builders.booking_of(database, booked.id)).hold):
        assert (hold.starts_at, hold.sold_starts_at) == (starts_at, room.inventory.starts_at)
    assert (await builders.inventory_of(database, room)).starts_at == starts_at
    assert (told.actions, told.facts[-1]) == (["occurrence_moved"], "OccurrenceMoved")
