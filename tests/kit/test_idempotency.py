"""A request repeated with its key has one effect and one answer, whatever happened to the first."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kit import clock, idempotency
from holdfast.kit.db import Database, Reader
from holdfast.kit.guards import Guards
from holdfast.kit.idempotency import IdempotencyKey, RequestInFlight, idempotency_keys
from holdfast.kit.ids import new_id
from tests.kit import bakery

PATH = "/api/bakery/loaves"


async def _bake(client: httpx2.AsyncClient, key: str, **body: Any) -> httpx2.Response:
    return await client.post(PATH, json={"label": "rye"} | body, headers={"Idempotency-Key": key})


def _new_key() -> str:
    return f"key-{new_id()}"


async def _loaves(database: Database, label: str) -> int:
    async with database.reader() as db:
        return len(await db.all(sa.select(bakery.loaves).where(bakery.loaves.c.label == label)))


async def _now(database: Database) -> datetime:
    async with database.reader() as db:
        return await clock.moment(db)


def _key(database: Database, name: str, *, fingerprint: str = "f") -> IdempotencyKey:
    return IdempotencyKey(database, name, route="bake", fingerprint=fingerprint)


# The promise


async def test_a_repeat_gives_the_first_answer_and_says_so(client: httpx2.AsyncClient, kitchen: Database) -> None:
    key, label = _new_key(), str(new_id())

    first = await _bake(client, key, label=label)
    again = await _bake(client, key, label=label)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await _loaves(kitchen, label) == 1


async def test_a_replay_tells_what_is_now(client: httpx2.AsyncClient, kitchen: Database) -> None:
    key, label = _new_key(), str(new_id())
    first = await _bake(client, key, label=label)
    async with kitchen.transaction() as db:
        row = bakery.loaves.c.id == UUID(first.json()["id"])
        await db.execute(sa.update(bakery.loaves).where(row).values(label=f"{label} sliced"))

    assert (await _bake(client, key, label=label)).json()["label"] == f"{label} sliced"


async def test_of_twenty_at_once_with_one_key_one_bakes(client: httpx2.AsyncClient, kitchen: Database) -> None:
    key, label = _new_key(), str(new_id())

    answers = await asyncio.gather(*(_bake(client, key, label=label) for _ in range(20)))

    assert await _loaves(kitchen, label) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"request_in_flight"}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert (await _bake(client, key, label=label)).status_code == 201


async def test_without_the_guard_twenty_at_once_bake_more_than_one(kitchen: Database) -> None:
    """So the race is real, and the test above is worth something."""
    bare = Database(
        kitchen.url.render_as_string(hide_password=False), guards=Guards(frozenset({"key"})), test_clock=True
    )
    key, label = _new_key(), str(new_id())
    async with bare, bakery.client(bakery.application(bare)) as client:
        await asyncio.gather(*(_bake(client, key, label=label) for _ in range(20)))

    assert await _loaves(kitchen, label) > 1


async def test_while_the_first_runs_a_repeat_is_told_to_wait(client: httpx2.AsyncClient) -> None:
    key = _new_key()
    first = asyncio.create_task(_bake(client, key, label="slow"))
    await asyncio.sleep(0.1)

    meanwhile = await _bake(client, key, label="slow")

    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "request_in_flight")
    assert meanwhile.headers["retry-after"] == "1"
    assert (await first).status_code == 201


# Which requests are the same


async def test_a_key_with_another_body_is_422_and_bakes_nothing(client: httpx2.AsyncClient, kitchen: Database) -> None:
    key, label = _new_key(), str(new_id())
    await _bake(client, key, label=label)

    another = await _bake(client, key, label=label, pieces=2)

    assert (another.status_code, another.json()["code"]) == (422, "key_reused")
    assert await _loaves(kitchen, label) == 1


async def test_spaces_and_the_order_of_fields_make_no_other_request(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": _new_key(), "Content-Type": "application/json"}
    first = await client.post(PATH, content=b'{"label":"rye","pieces":2}', headers=headers)
    again = await client.post(PATH, content=b'{ "pieces": 2, "label": "rye" }', headers=headers)

    assert again.json()["id"] == first.json()["id"]


async def test_a_key_belongs_to_its_owner_and_its_route(kitchen: Database) -> None:
    key, app = _new_key(), bakery.application(kitchen)
    async with bakery.client(app) as anna, bakery.client(app, name="bert") as bert:
        ids = {
            (await _bake(anna, key)).json()["id"],
            (await _bake(bert, key)).json()["id"],
            (await anna.post("/api/bakery/guest-loaves", json={"label": "x"}, headers={"Idempotency-Key": key})).json()[
                "id"
            ],
        }

    assert len(ids) == 3


async def test_an_anonymous_key_belongs_to_its_address_for_ten_minutes(kitchen: Database) -> None:
    app, headers = bakery.application(kitchen), {"Idempotency-Key": _new_key()}

    async def bake(address: str) -> str:
        async with bakery.client(app, name=None, address=address) as guest:
            answer = await guest.post("/api/bakery/guest-loaves", json={"label": "rye"}, headers=headers)
            return str(answer.json()["id"])

    first, again, neighbour = await bake("192.0.2.1"), await bake("192.0.2.1"), await bake("192.0.2.2")
    async with kitchen.transaction() as db:
        await clock.move(db, by=timedelta(minutes=10))
    try:
        later = await bake("192.0.2.1")
    finally:
        async with kitchen.transaction() as db:
            await clock.move(db)

    assert first == again
    assert len({first, neighbour, later}) == 3


async def test_without_a_key_every_request_bakes(client: httpx2.AsyncClient, kitchen: Database) -> None:
    label = str(new_id())
    for _ in range(2):
        assert (await client.post(PATH, json={"label": label})).status_code == 201

    assert await _loaves(kitchen, label) == 2


@pytest.mark.parametrize("key", ["", "with blank", "x" * 256, "schlüssel".encode(), b"tab\there", b"\x7f"])
async def test_a_malformed_key_is_400(client: httpx2.AsyncClient, key: str | bytes) -> None:
    value = key if isinstance(key, bytes) else key.encode()

    answer = await client.post(PATH, json={"label": "rye"}, headers=[(b"idempotency-key", value)])

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_key")


async def test_two_keys_at_once_are_400(client: httpx2.AsyncClient) -> None:
    headers = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert (await client.post(PATH, json={"label": "rye"}, headers=headers)).status_code == 400


# Only success is remembered


@pytest.mark.parametrize(("label", "status"), [("burnt", 409), ("bug", 500)])
async def test_a_key_that_was_refused_may_win_later_with_another_body(
    client: httpx2.AsyncClient, label: str, status: int
) -> None:
    key = _new_key()

    refused = await _bake(client, key, label=label)
    later = await _bake(client, key, label="rye")

    assert (refused.status_code, later.status_code) == (status, 201)


async def test_an_invalid_request_does_not_touch_its_key(client: httpx2.AsyncClient) -> None:
    key = _new_key()

    assert (await _bake(client, key, pieces=0)).status_code == 422
    assert (await _bake(client, key)).status_code == 201


async def test_a_success_that_was_not_remembered_is_a_bug_in_tests_and_kept_from_users(kitchen: Database) -> None:
    key = _new_key()
    async with bakery.client(bakery.application(kitchen)) as tested:
        assert (await _bake(tested, key, label="forgotten")).status_code == 500
    async with bakery.client(bakery.application(kitchen, is_test=False)) as served:
        assert (await _bake(served, key, label="forgotten")).status_code == 201


async def test_the_outcome_is_written_with_the_effect_or_not_at_all(kitchen: Database) -> None:
    """The known mistake: a key stored apart from its effect survives the effect's rollback."""

    @dataclass
    class Died(Exception):
        pass

    name = _new_key()
    key = _key(kitchen, name)
    await key.claim()

    async def bake_and_die() -> None:
        async with kitchen.transaction() as db:
            await key.remember(db, subject=new_id(), status=201)
            raise Died

    with pytest.raises(Died):
        await bake_and_die()

    row = await _row(kitchen, name)
    assert (row.status, row.subject_id) == (None, None)


async def test_what_many_are_done_with_at_once_is_remembered_for_each(kitchen: Database) -> None:
    keys = [_key(kitchen, _new_key()) for _ in range(20)]
    subjects = [new_id() for _ in keys]
    await asyncio.gather(*(key.claim() for key in keys))

    done = zip(keys, subjects, strict=True)
    await asyncio.gather(*(key.remember_alone(subject=subject, status=201) for key, subject in done))

    again = [await _key(kitchen, str(key.id)).claim() for key in keys]
    assert again == [idempotency.Outcome(subject, 201) for subject in subjects]


async def test_who_lost_the_key_meanwhile_remembers_nothing_by_itself_either(kitchen: Database) -> None:
    name = _new_key()
    slow, quick, other = _key(kitchen, name), _key(kitchen, name), _key(kitchen, _new_key())
    await slow.claim()
    await _lapse(kitchen, name)
    await asyncio.gather(quick.claim(), other.claim())

    lost, *kept = await asyncio.gather(
        *(key.remember_alone(subject=new_id(), status=201) for key in (slow, other)), return_exceptions=True
    )

    assert isinstance(lost, RequestInFlight)
    assert kept == [None]
    assert (await _row(kitchen, name)).status is None


# Leases


async def test_after_the_lease_whoever_repeats_takes_over_and_the_first_can_no_longer_commit(
    kitchen: Database,
) -> None:
    name, label = _new_key(), str(new_id())
    slow, quick = _key(kitchen, name), _key(kitchen, name)
    await slow.claim()
    with pytest.raises(RequestInFlight):
        await quick.claim()
    await _lapse(kitchen, name)

    assert await quick.claim() is None
    for key, is_lost in ((slow, True), (quick, False)):
        loaf_id = new_id()
        row = {"id": loaf_id, "owner": "anna", "label": label, "baked_at": await _now(kitchen)}
        try:
            async with kitchen.transaction() as db:
                await db.execute(sa.insert(bakery.loaves).values(row))
                await key.remember(db, subject=loaf_id, status=201)
        except RequestInFlight:
            assert is_lost

    assert await _loaves(kitchen, label) == 1
    outcome = await _key(kitchen, name).claim()
    assert outcome is not None
    assert outcome.status == 201


async def test_a_lease_is_good_for_thirty_seconds_and_not_longer(kitchen: Database) -> None:
    name = _new_key()
    await _key(kitchen, name).claim()
    async with kitchen.transaction() as db:
        row = await db.one(sa.select(idempotency_keys).where(idempotency_keys.c.id == name))
        await clock.move(db, pin_at=row.leased_until - timedelta(microseconds=1))
    try:
        with pytest.raises(RequestInFlight):
            await _key(kitchen, name).claim()
        async with kitchen.transaction() as db:
            await clock.move(db, pin_at=row.leased_until)
        assert await _key(kitchen, name).claim() is None
    finally:
        async with kitchen.transaction() as db:
            await clock.move(db)

    assert row.forget_at - row.leased_until == timedelta(days=7) - timedelta(seconds=30)


async def test_of_twenty_who_take_over_at_once_one_succeeds(kitchen: Database) -> None:
    name = _new_key()
    await _key(kitchen, name).claim()
    await _lapse(kitchen, name)

    async def take() -> bool:
        try:
            return await _key(kitchen, name).claim() is None
        except RequestInFlight:
            return False

    assert sum(await asyncio.gather(*(take() for _ in range(20)))) == 1


async def test_a_first_run_that_commits_late_wins_over_who_waits_to_take_over(kitchen: Database) -> None:
    name = _new_key()
    slow, quick = _key(kitchen, name), _key(kitchen, name)
    await slow.claim()
    await _lapse(kitchen, name)

    async with kitchen.transaction() as db:
        await slow.remember(db, subject=new_id(), status=201)
        waiting = asyncio.create_task(quick.claim())
        await _until_somebody_waits(kitchen)

    assert await waiting == slow.remembered


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # SQLite lets nobody in between
async def test_a_first_run_that_commits_while_another_looks_is_not_overwritten(kitchen: Database) -> None:
    name = _new_key()
    slow = _key(kitchen, name)
    await slow.claim()
    await _lapse(kitchen, name)

    class Hesitant(IdempotencyKey):
        async def _found(self, db: Reader) -> sa.Row[Any] | None:
            row = await super()._found(db)
            if slow.remembered is None:
                async with kitchen.transaction() as other:
                    await slow.remember(other, subject=new_id(), status=201)
            return row

    assert await Hesitant(kitchen, name, route="bake", fingerprint="f").claim() == slow.remembered


async def test_the_late_end_of_a_first_run_leaves_the_second_its_claim(kitchen: Database) -> None:
    name = _new_key()
    slow, quick = _key(kitchen, name), _key(kitchen, name)
    await slow.claim()
    await _lapse(kitchen, name)
    await quick.claim()

    await slow.release()

    async with kitchen.transaction() as db:
        await quick.remember(db, subject=new_id(), status=201)


async def test_a_release_after_the_commit_forgets_nothing(kitchen: Database) -> None:
    name = _new_key()
    key = _key(kitchen, name)
    await key.claim()
    async with kitchen.transaction() as db:
        await key.remember(db, subject=new_id(), status=201)

    await key.release()

    assert await _key(kitchen, name).claim() is not None


async def test_keys_whose_time_is_over_are_forgotten(kitchen: Database) -> None:
    name = _new_key()
    await _key(kitchen, name).claim()
    async with kitchen.transaction() as db:
        long_ago = await clock.moment(db) - timedelta(days=400)
        mine = idempotency_keys.c.id == name
        await db.execute(sa.update(idempotency_keys).where(mine).values(forget_at=long_ago))

        assert await idempotency.forget(db, long_ago) == 1


async def test_neither_key_nor_body_is_kept(client: httpx2.AsyncClient, kitchen: Database) -> None:
    key, label = _new_key(), str(new_id())
    await _bake(client, key, label=label)

    async with kitchen.reader() as db:
        rows = await db.all(sa.select(idempotency_keys))
    assert not any(key in str(row) or label in str(row) for row in rows)


async def _until_somebody_waits(database: Database) -> None:
    """On a row's lock; on SQLite whoever writes waits for the one connection that does."""
    waiting = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    for _ in range(100):
        await asyncio.sleep(0.05)
        if database.dialect == "sqlite":
            return
        async with database.reader() as db:
            if await db.scalar(waiting):
                return
    raise AssertionError


async def _row(database: Database, name: str) -> sa.Row[Any]:
    async with database.reader() as db:
        return await db.one(sa.select(idempotency_keys).where(idempotency_keys.c.id == name))


async def _lapse(database: Database, name: str) -> None:
    async with database.transaction() as db:
        mine = idempotency_keys.c.id == name
        await db.execute(sa.update(idempotency_keys).where(mine).values(leased_until=await clock.moment(db)))
