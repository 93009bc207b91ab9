"""The activity log over HTTP."""

from datetime import timedelta

import sqlalchemy as sa

from holdfast.kernel.audit import Actor, forget_origins, record
from holdfast.kernel.audit.models import activity_origins
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.builders_identity import application, browsing, sign_up


async def test_admins_filter_it_by_entity_actor_action_and_time(database: Database) -> None:
    admin, person, thing = await sign_up(database, roles=("admin",)), await sign_up(database), new_id()
    actor = Actor("user", person.id, address="198.51.100.7", request_id="request-0001")
    async with database.transaction() as db:
        now = await clock.moment(db)
        for minute, action in enumerate(("made", "moved", "made")):
            await record(
                db,
                actor=actor,
                action=action,
                entity_type="thing",
                entity_id=thing,
                details={"minute": minute},
                now=now + timedelta(minutes=minute),
            )
    queries = {
        (2, 1, 0): {"entity_id": str(thing)},
        (2, 0): {"entity_id": str(thing), "action_type": "made"},
        (1, 0): {"user_id": str(person.id), "entity_type": "thing", "to": (now + timedelta(minutes=2)).isoformat()},
        (2,): {"entity_id": str(thing), "from": (now + timedelta(minutes=2)).isoformat()},
        (): {"entity_id": str(new_id())},
    }
    async with browsing(application(database), admin) as client:
        found = {
            expected: (await client.get("/activity-logs", params=query)).json()["items"]
            for expected, query in queries.items()
        }
        other_path = (await client.get("/audit/logs", params={"entity_id": str(thing)})).json()["items"]

    assert {expected: tuple(row["details"]["minute"] for row in rows) for expected, rows in found.items()} == {
        expected: expected for expected in queries
    }
    newest = found[2, 1, 0][0]
    assert (newest["ip_address"], newest["request_id"], newest["user_id"]) == (
        "198.51.100.7",
        "request-0001",
        str(person.id),
    )
    assert newest["created_at"] == newest["updated_at"] == newest["timestamp"]
    assert other_path == found[2, 1, 0]


async def test_pages_follow_one_another_though_rows_are_added(database: Database) -> None:
    admin, thing = await sign_up(database, roles=("admin",)), new_id()

    async def add(minute: int) -> None:
        async with database.transaction() as db:
            await record(
                db,
                actor=Actor.system(),
                action="made",
                entity_type="thing",
                entity_id=thing,
                details={"n": minute},
                now=await clock.moment(db),
            )

    for n in range(3):
        await add(n)
    seen, cursor = [], None
    async with browsing(application(database), admin) as client:
        while True:
            query = {"entity_id": str(thing), "limit": "1"} | ({"cursor": cursor} if cursor else {})
            page = (await client.get("/activity-logs", params=query)).json()
            seen += [row["details"]["n"] for row in page["items"]]
            await add(99)
            cursor = page["next_cursor"]
            if cursor is None:
                break

    assert seen == [2, 1, 0]


async def test_malformed_filters_are_refused(database: Database) -> None:
    admin = await sign_up(database, roles=("admin",))
    async with browsing(application(database), admin) as client:
        answers = [
            await client.get("/activity-logs", params=query)
            for query in ({"entity_id": "x"}, {"from": "yesterday"}, {"from": "2026-01-01T00:00:00"}, {"limit": "0"})
        ]

    assert {answer.status_code for answer in answers} == {422}


async def test_addresses_are_forgotten_after_their_time(database: Database) -> None:
    thing = new_id()
    async with database.transaction() as db:
        long_ago = await clock.moment(db) - timedelta(days=20_000)
        actor = Actor.anonymous(address="198.51.100.8")
        await record(db, actor=actor, action="made", entity_type="thing", entity_id=thing, now=long_ago)

        forgotten = await forget_origins(db, before=long_ago + timedelta(days=90))

        left = await db.all(sa.select(activity_origins).where(activity_origins.c.address == "198.51.100.8"))
    assert (forgotten, left) == (1, [])
