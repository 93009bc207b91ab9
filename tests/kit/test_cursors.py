"""A list can be paged through while it grows; a cursor cannot be made up."""

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from holdfast.kit.cursors import BadCursor, Page, read_cursor
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.kit import bakery

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
LIST = "/api/bakery/loaves"


async def _bake(database: Database, *, label: str, moments: list[datetime]) -> list[str]:
    rows = [{"id": new_id(), "owner": "anna", "label": label, "baked_at": at} for at in moments]
    async with database.transaction() as db:
        await db.execute(bakery.loaves.insert(), rows)
    return [str(row["id"]) for row in sorted(rows, key=lambda row: (row["baked_at"], row["id"]), reverse=True)]


async def _walk(client: httpx2.AsyncClient, *, label: str, limit: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        params = {"label": label, "limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        answer = (await client.get(LIST, params=params)).json()
        pages.append([item["id"] for item in answer["items"]])
        cursor = answer["next_cursor"]
        if cursor is None:
            return pages


async def test_pages_hold_every_row_once_though_many_share_a_moment(
    client: httpx2.AsyncClient, kitchen: Database
) -> None:
    label = str(new_id())
    moments = [NOON] * 5 + [NOON + timedelta(microseconds=1)] * 5 + [NOON - timedelta(days=1)]
    expected = await _bake(kitchen, label=label, moments=moments)

    pages = await _walk(client, label=label, limit=3)

    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert [loaf for page in pages for loaf in page] == expected


async def test_a_row_that_comes_meanwhile_moves_nothing(client: httpx2.AsyncClient, kitchen: Database) -> None:
    label = str(new_id())
    expected = await _bake(kitchen, label=label, moments=[NOON - timedelta(minutes=n) for n in range(6)])
    first = (await client.get(LIST, params={"label": label, "limit": 3})).json()

    await _bake(kitchen, label=label, moments=[NOON + timedelta(hours=1), NOON - timedelta(days=9)])
    params = {"label": label, "limit": 3, "cursor": first["next_cursor"]}
    second = (await client.get(LIST, params=params)).json()

    assert [item["id"] for item in second["items"]] == expected[3:]


async def test_a_full_last_page_has_no_next(client: httpx2.AsyncClient, kitchen: Database) -> None:
    label = str(new_id())
    await _bake(kitchen, label=label, moments=[NOON] * 4)

    assert [len(page) for page in await _walk(client, label=label, limit=2)] == [2, 2]
    assert (await client.get(LIST, params={"label": str(new_id())})).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("limit", ["0", "-1", "101", "1000000000", "9" * 30, "1.5", "many", ""])
async def test_a_limit_outside_1_to_100_is_422(client: httpx2.AsyncClient, limit: str) -> None:
    answer = await client.get(LIST, params={"limit": limit})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/limit")


async def test_twenty_rows_are_given_by_default(client: httpx2.AsyncClient, kitchen: Database) -> None:
    label = str(new_id())
    await _bake(kitchen, label=label, moments=[NOON + timedelta(seconds=n) for n in range(21)])

    assert len((await client.get(LIST, params={"label": label})).json()["items"]) == 20


async def test_a_forged_or_moved_cursor_is_400(client: httpx2.AsyncClient, kitchen: Database) -> None:
    label = str(new_id())
    await _bake(kitchen, label=label, moments=[NOON, NOON])
    good = (await client.get(LIST, params={"label": label, "limit": 1})).json()["next_cursor"]
    flipped = good[:30] + ("A" if good[30] != "A" else "B") + good[31:]

    for cursor in ("", "x", "....", good + "A", good[:-1], flipped, "é", "A" * 5_000, good + "=", "\n" + good):
        answer = await client.get(LIST, params={"label": label, "cursor": cursor})
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor"), cursor
    moved = await client.get(LIST, params={"cursor": good})
    assert (moved.status_code, moved.json()["code"]) == (400, "bad_cursor")


def test_a_cursor_survives_a_change_of_the_secret_while_the_former_is_listed() -> None:
    key = (NOON, new_id(), 7, "x")
    cursor = Page(limit=1, after=None, list_name="loaves", secrets=("former" * 8,)).cursor(key)

    assert read_cursor(cursor, list_name="loaves", secrets=("present" * 8, "former" * 8)) == key
    with pytest.raises(BadCursor):
        read_cursor(cursor, list_name="loaves", secrets=("present" * 8,))
