import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from holdfast.kit.db import Database, Moment, Transaction, normalized, violated
from holdfast.kit.errors import Contended, DatabaseUnavailable
from holdfast.kit.guards import Guards

BREAD = sa.table("bread", sa.column("id", sa.Integer), sa.column("name", sa.String), sa.column("at", Moment()))
POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = pytest.mark.alone


@pytest.fixture
async def bakery(database: Database) -> Database:
    """A database with a table of our own."""
    moment = "timestamptz" if database.dialect == "postgresql" else "bigint"
    async with database.transaction() as db:
        await db.execute(sa.text(f"CREATE TABLE bread (id integer PRIMARY KEY, name text NOT NULL, at {moment})"))
    return database


async def bake(db: Transaction, number: int, name: str = "rye", at: datetime | None = None) -> None:
    await db.execute(sa.insert(BREAD).values(id=number, name=name, at=at))


async def baked(database: Database) -> list[int]:
    async with database.reader() as db:
        return [row.id for row in await db.all(sa.select(BREAD.c.id).order_by(BREAD.c.id))]


# All or nothing


async def test_what_was_written_is_there_after_the_transaction_and_not_before(bakery: Database) -> None:
    async with bakery.transaction() as db:
        await bake(db, 1)
        assert await baked(bakery) == []

    assert await baked(bakery) == [1]


async def test_an_exception_undoes_everything(bakery: Database) -> None:
    async def work() -> None:
        async with bakery.transaction() as db:
            await bake(db, 1)
            raise LookupError

    with pytest.raises(LookupError):
        await work()

    assert await baked(bakery) == []


async def test_a_cancelled_task_undoes_everything_and_leaves_the_pool_whole(bakery: Database) -> None:
    started = asyncio.Event()

    async def work() -> None:
        async with bakery.transaction() as db:
            await bake(db, 1)
            started.set()
            await asyncio.sleep(60)

    for _ in range(8):  # more than the pool has connections
        started.clear()
        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert await baked(bakery) == []
    async with bakery.transaction() as db:
        await bake(db, 2)
    assert await baked(bakery) == [2]


async def test_the_number_of_rows_touched_is_told(bakery: Database) -> None:
    async with bakery.transaction() as db:
        await bake(db, 1)
        touched = await db.execute(sa.update(BREAD).values(name="oat"))
        missed = await db.execute(sa.update(BREAD).where(BREAD.c.id == 9).values(name="oat"))

    assert (touched, missed) == (1, 0)


async def test_a_violated_constraint_passes_through_and_names_itself(bakery: Database) -> None:
    async with bakery.transaction() as db:
        await bake(db, 1)

    async def again() -> None:
        async with bakery.transaction() as db:
            await bake(db, 1)

    with pytest.raises(sa.exc.IntegrityError) as refusal:
        await again()

    expected = "bread_pkey" if bakery.dialect == "postgresql" else "bread.id"
    assert expected in violated(refusal.value)


async def test_an_insert_may_say_what_a_conflict_does(bakery: Database) -> None:
    table = sa.Table(
        "bread", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String)
    )
    async with bakery.transaction() as db:
        await bake(db, 1)
        ignored = db.insert(table).values(id=1, name="oat").on_conflict_do_nothing()
        changed = db.insert(table).values(id=1, name="oat")

        skipped = await db.execute(ignored)
        await db.execute(changed.on_conflict_do_update(index_elements=["id"], set_={"name": "oat"}))
        name = await db.scalar(sa.select(BREAD.c.name))

    assert (skipped, name) == (0, "oat")


# Reading


async def test_a_snapshot_sees_one_state_whatever_is_committed_meanwhile(bakery: Database) -> None:
    async with bakery.snapshot() as db:
        before = await db.scalar(sa.select(sa.func.count()).select_from(BREAD))
        async with bakery.transaction() as writing:
            await bake(writing, 1)
        after = await db.scalar(sa.select(sa.func.count()).select_from(BREAD))

    assert (before, after, await baked(bakery)) == (0, 0, [1])


@POSTGRES
async def test_a_reader_sees_what_is_committed_between_its_statements(bakery: Database) -> None:
    async with bakery.reader() as db:
        before = await db.scalar(sa.select(sa.func.count()).select_from(BREAD))
        async with bakery.transaction() as writing:
            await bake(writing, 1)
        after = await db.scalar(sa.select(sa.func.count()).select_from(BREAD))

    assert (before, after) == (0, 1)


async def test_a_snapshot_never_writes(bakery: Database) -> None:
    async with bakery.snapshot() as db:
        with pytest.raises(sa.exc.DBAPIError):
            await db.all(sa.text("INSERT INTO bread (id, name) VALUES (1, 'rye') RETURNING id"))

    assert await baked(bakery) == []


# Contention


async def test_a_transaction_that_met_contention_is_done_again_as_a_whole(bakery: Database) -> None:
    attempts: list[int] = []

    async def work(db: Transaction) -> str:
        attempts.append(len(attempts))
        await bake(db, len(attempts))
        if len(attempts) < 4:
            raise Contended
        return "done"

    assert await bakery.run(work) == "done"
    assert await baked(bakery) == [4]


async def test_after_three_repeats_it_is_contended(bakery: Database) -> None:
    attempts = []

    async def work(_: Transaction) -> None:
        attempts.append(1)
        raise Contended

    with pytest.raises(Contended):
        await bakery.run(work)

    assert len(attempts) == 4


async def test_another_error_is_not_repeated(bakery: Database) -> None:
    attempts = []

    async def work(_: Transaction) -> None:
        attempts.append(1)
        raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        await bakery.run(work)

    assert len(attempts) == 1


@POSTGRES
async def test_a_deadlock_is_named_and_one_of_the_two_goes_on(bakery: Database) -> None:
    async with bakery.transaction() as db:
        for number in (1, 2):
            await bake(db, number)
    both = asyncio.Barrier(2)

    async def work(first: int, second: int) -> None:
        async with bakery.transaction() as db:
            await db.execute(sa.update(BREAD).where(BREAD.c.id == first).values(name="oat"))
            await both.wait()
            await db.execute(sa.update(BREAD).where(BREAD.c.id == second).values(name="oat"))

    outcomes = await asyncio.gather(work(1, 2), work(2, 1), return_exceptions=True)

    assert sorted(map(repr, outcomes)) == ["Contended(retry_after=1)", "None"]


@POSTGRES
async def test_a_lock_that_is_not_had_in_time_is_contention(bakery: Database) -> None:
    async with bakery.transaction() as db:
        await bake(db, 1)

    async def impatient() -> None:
        async with bakery.transaction() as db:
            await db.execute(sa.text("SET LOCAL lock_timeout = '50ms'"))
            await db.execute(sa.update(BREAD).values(name="rye"))

    async with bakery.transaction() as db:
        await db.execute(sa.update(BREAD).values(name="oat"))
        with pytest.raises(Contended):
            await impatient()


async def test_many_writers_at_once_all_have_their_turn(bakery: Database) -> None:
    async def add(number: int) -> None:
        await bakery.run(lambda db: bake(db, number))

    await asyncio.gather(*(add(number) for number in range(60)))

    assert await baked(bakery) == list(range(60))


# Moments


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2400, 2, 29, tzinfo=UTC),
        datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
async def test_a_moment_is_kept_to_the_microsecond(bakery: Database, moment: datetime) -> None:
    async with bakery.transaction() as db:
        await bake(db, 1, at=moment)

    async with bakery.reader() as db:
        kept = await db.scalar(sa.select(BREAD.c.at))
        found = await db.all(sa.select(BREAD.c.id).where(BREAD.c.at == moment))
        later = await db.all(sa.select(BREAD.c.id).where(BREAD.c.at > moment - timedelta(microseconds=1)))
    assert kept == moment
    assert (len(found), len(later)) == (1, 1)


def test_a_moment_without_an_offset_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        Moment().process_bind_param(datetime(2026, 1, 1), sa.create_engine("sqlite://").dialect)  # noqa: DTZ001


# Addresses and guards


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://h/d", "postgresql+asyncpg"),
        ("postgres://h/d", "postgresql+asyncpg"),
        ("postgresql+psycopg://h/d", "postgresql+asyncpg"),
        ("sqlite:///f", "sqlite+aiosqlite"),
    ],
)
def test_an_address_is_given_our_driver(url: str, driver: str) -> None:
    assert normalized(url).drivername == driver


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="not on mysql"):
        normalized("mysql://h/d")


def test_all_guards_stand_unless_a_test_leaves_one_out() -> None:
    assert Guards().stands("turn")
    assert not Guards(frozenset({"turn"})).stands("turn")
    for misuse in (lambda: Guards(frozenset({"trun"})), lambda: Guards().stands("trun")):
        with pytest.raises(AssertionError):
            misuse()


@SQLITE
async def test_sqlite_keeps_foreign_keys_and_readers_never_write(bakery: Database) -> None:
    async with bakery.transaction() as db:
        assert await db.scalar(sa.text("PRAGMA foreign_keys")) == 1
        assert await db.scalar(sa.text("PRAGMA synchronous")) == 2
    async with bakery.reader() as db:
        assert await db.scalar(sa.text("PRAGMA query_only")) == 1
        assert await db.scalar(sa.text("PRAGMA journal_mode")) == "wal"
