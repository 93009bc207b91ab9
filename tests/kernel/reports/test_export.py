"""Tables leave whole and resumable, and nothing leaves that should not."""

import json
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.app.products import PRODUCTS
from holdfast.kernel.reports import EXPORTS, KEPT_BACK
from holdfast.kit.db import Database, metadata
from tests import builders
from tests.builders import Time
from tests.builders_identity import Person, sign_up


async def lines(client: httpx2.AsyncClient, person: Person, table: str, **query: Any) -> tuple[list[Any], str | None]:
    """(rows, cursor)."""
    answer = await client.get(f"/admin/export/{table}.jsonl", params=query, headers=person.headers)
    assert answer.status_code == 200, answer.text
    *rows, last = [json.loads(line) for line in answer.text.splitlines()]
    return rows, last["cursor"]


def test_every_table_is_handed_out_or_kept_back_on_purpose() -> None:
    named = [*EXPORTS, *KEPT_BACK, *(name for product in PRODUCTS for name in product.exports)]
    of_products = {name for name in metadata.tables if any(name.startswith(f"{each.name}_") for each in PRODUCTS)}

    assert len(named) == len(set(named))
    assert set(metadata.tables) - set(named) - of_products == set()
    assert set(named) - set(metadata.tables) == set()


@pytest.mark.parametrize("table", sorted([*EXPORTS, *(name for product in PRODUCTS for name in product.exports)]))
async def test_every_table_can_be_read(client: httpx2.AsyncClient, database: Database, time: Time, table: str) -> None:
    person = await sign_up(database, roles=("admin",))
    await time.forward(minutes=5)

    rows, _ = await lines(client, person, table, limit=5)

    hidden = EXPORTS[table].hidden | EXPORTS[table].personal if table in EXPORTS else frozenset()
    assert all(not hidden & row.keys() for row in rows)


@pytest.mark.alone
async def test_an_export_goes_on_behind_its_cursor_and_tells_of_changes(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    person = await sign_up(database, roles=("admin",))
    room = await builders.room(database)
    booked = [await builders.confirmed(database, room, [place]) for place in range(5)]
    await time.forward(minutes=5)

    first, cursor = await lines(client, person, "bookings", limit=3)
    rest, cursor = await lines(client, person, "bookings", since=cursor)
    nothing, same = await lines(client, person, "bookings", since=cursor)
    await builders.cancel(database, booked[1])
    await time.forward(minutes=5)
    changed, _ = await lines(client, person, "bookings", since=same)

    assert {row["id"] for row in [*first, *rest]} == {str(each.id) for each in booked}
    assert (nothing, same) == ([], cursor)
    assert [(row["id"], row["state"]) for row in changed] == [(str(booked[1].id), "cancelled")]


@pytest.mark.alone
async def test_what_may_still_be_committed_around_is_not_stepped_over(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    person = await sign_up(database, roles=("admin",))
    room = await builders.room(database)
    await time.forward(minutes=5)
    await builders.confirmed(database, room, [0])

    fresh, _ = await lines(client, person, "bookings")
    await time.forward(minutes=2)
    settled, _ = await lines(client, person, "bookings")

    assert (len(fresh), len(settled)) == (0, 1)


async def test_personal_data_leave_only_where_asked_for_and_that_is_written_down(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    person = await sign_up(database, roles=("admin",))
    started = time.now.isoformat()
    await time.forward(minutes=5)

    without, _ = await lines(client, person, "users", since=started)
    with_them, _ = await lines(client, person, "users", since=started, personal="true")

    assert person.email not in json.dumps(without)
    assert person.email in json.dumps(with_them)
    assert all("password_hash" not in row for row in with_them)
    async with database.reader() as db:
        noted = await db.all(
            sa.text("SELECT details FROM activity_logs WHERE action_type = 'table_exported' AND user_id = :id"),
            {"id": person.id.hex if db.dialect == "sqlite" else person.id},
        )
    assert len(noted) == 2


async def test_only_admins_export_and_only_what_there_is(client: httpx2.AsyncClient, database: Database) -> None:
    person, nobody = await sign_up(database, roles=("admin",)), await sign_up(database)

    statuses = [
        (await client.get("/admin/export/users.jsonl", headers=nobody.headers)).status_code,
        (await client.get("/admin/export/users.jsonl")).status_code,
        (await client.get("/admin/export/refresh_tokens.jsonl", headers=person.headers)).status_code,
        (await client.get("/admin/export/nothing.jsonl", headers=person.headers)).status_code,
        (await client.get("/admin/export/users.jsonl?since=forged", headers=person.headers)).status_code,
    ]

    assert statuses == [403, 401, 404, 404, 400]
