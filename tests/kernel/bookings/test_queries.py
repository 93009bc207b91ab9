from datetime import timedelta

import pytest
import sqlalchemy as sa

from holdfast.kernel import bookings
from holdfast.kernel.bookings import BookingNotFound, CancellationNotFound
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders import Time


async def test_the_history_shows_what_was_ever_confirmed_newest_first(database: Database, time: Time) -> None:
    owner = builders.user_actor()
    assert owner.user_id is not None
    rooms = [await builders.room(database) for _ in range(4)]
    sold = [await builders.confirmed(database, room, owner=owner) for room in rooms[:3]]
    await builders.cancel(database, sold[1])
    await builders.booking(database, rooms[3], owner=owner)

    async with database.reader() as db:
        page = await bookings.history(db, owner.user_id, limit=2)
        rest = await bookings.history(db, owner.user_id, limit=2, before=page[-1].id)
        of_others = await bookings.history(db, owner.user_id, limit=2, product="another")

    assert [each.id for each in [*page, *rest]] == [each.id for each in reversed(sold)]
    assert of_others == []


async def test_what_is_unfinished_is_pending_in_time_or_confirmed(database: Database, time: Time) -> None:
    owner = builders.user_actor()
    assert owner.user_id is not None
    rooms = [await builders.room(database) for _ in range(3)]
    pending = await builders.booking(database, rooms[0], owner=owner)
    sold = await builders.confirmed(database, rooms[1], owner=owner)
    given_up = await builders.booking(database, rooms[2], owner=owner)
    await builders.release(database, given_up.hold)

    async with database.reader() as db:
        now = await bookings.unfinished(db, owner.user_id, now=time.now)
        later = await bookings.unfinished(db, owner.user_id, now=time.now + timedelta(hours=1))

    assert (set(now), set(later)) == ({pending.id, sold.id}, {sold.id})


async def test_cancellations_are_found_by_themselves_and_by_booking(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database), [0, 1])
    made = [await builders.cancel(database, booked, [number]) for number in (1, 0)]

    async with database.reader() as db:
        found = await bookings.cancellations_of(db, [booked.id, new_id()])
        one = await bookings.cancellation(db, made[0].id)

    assert [each.id for each in found[booked.id]] == [each.id for each in made]
    assert (one.items, one.by) == ((1,), booked.owner_id)


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    async with database.reader() as db:
        with pytest.raises(BookingNotFound):
            await bookings.find(db, new_id())
        with pytest.raises(CancellationNotFound):
            await bookings.cancellation(db, new_id())
        assert await bookings.of_hold(db, new_id()) is None


async def test_references_are_unique_over_all_rooms(database: Database) -> None:
    booked = [await builders.booking(database, await builders.room(database)) for _ in range(3)]

    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT reference FROM booking_references WHERE reference IN (:a, :b, :c)").bindparams(
                a=booked[0].reference, b=booked[1].reference, c=booked[2].reference
            )
        )
    assert len(rows) == 3


async def test_nothing_sold_is_deleted_by_the_database_itself(database: Database) -> None:
    booked = await builders.confirmed(database, await builders.room(database))

    async def delete() -> None:
        async with database.transaction() as db:
            await db.execute(
                sa.text("DELETE FROM holds WHERE id = :id").bindparams(sa.bindparam("id", booked.hold_id, sa.Uuid))
            )

    with pytest.raises(sa.exc.IntegrityError):
        await delete()
