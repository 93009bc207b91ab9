"""Reports agree with one another, with the ledger, and with what was sold; each provider sees its own."""

import csv
import io
import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from holdfast.kernel import ledger
from holdfast.kernel.identity import Provider
from holdfast.kernel.reports import Period, PeriodTooLong
from holdfast.kernel.reports.values import PeriodReversed
from holdfast.kit.db import Database
from tests import builders
from tests.builders import Time
from tests.builders_identity import Person, sign_up

YEAR = {"from": "2026-01-01", "to": "2026-12-31"}


async def admin(database: Database) -> Person:
    return await sign_up(database, roles=("admin",))


async def busy_provider(database: Database, *, seed: int = 1) -> Provider:
    """Bookings of random sizes, some of them cancelled in part or whole, some paid back."""
    dice = random.Random(seed)
    provider = await builders.provider(database, platform_fee_bps=dice.choice([0, 250, 1_000]))
    for _ in range(3):
        room = await builders.room(database, provider_id=provider.id, places=10, price=dice.randint(1, 9_999))
        places = list(range(10))
        while len(places) > 2:
            chosen = [places.pop() for _ in range(dice.randint(1, 2))]
            booked = await builders.confirmed(database, room, chosen, gateway_fee=dice.choice([0, 7]))
            if dice.random() < 0.4:
                gone = None if dice.random() < 0.5 else [booked.hold.kept[0].number]
                await builders.cancel(database, booked, gone)
                for refund in await builders.refunds_of(database, booked.id):
                    if dice.random() < 0.5:
                        await builders.refunded(database, refund)
    return provider


async def read(client: httpx2.AsyncClient, person: Person, path: str, **query: Any) -> Any:
    answer = await client.get(path, params={**YEAR, **query}, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.alone
async def test_the_finance_report_is_the_ledger(client: httpx2.AsyncClient, database: Database, time: Time) -> None:
    await busy_provider(database)
    await busy_provider(database, seed=2)

    report = await read(client, await admin(database), "/reports/finance")

    async with database.reader() as db:
        balances = {(each.kind, each.holder): each.debits - each.credits for each in await ledger.balances(db)}
    shown = {(each["account"], each["holder"]): int(Decimal(each["closing"]) * 100) for each in report["accounts"]}
    assert shown == balances
    assert report["ties"]
    assert all(tie["agrees"] for tie in report["ties"])


@pytest.mark.alone
async def test_a_period_opens_with_what_the_one_before_it_closed_with(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    await busy_provider(database)
    first_day = time.now.date()
    await time.forward(days=3)
    await busy_provider(database, seed=5)
    person = await admin(database)

    before = await read(client, person, "/reports/finance", to=str(first_day + timedelta(days=1)))
    after = await read(client, person, "/reports/finance", **{"from": str(first_day + timedelta(days=2))})

    closing = {(each["account"], each["holder"]): each["closing"] for each in before["accounts"]}
    opening = {(each["account"], each["holder"]): each["opening"] for each in after["accounts"]}
    assert closing == {key: value for key, value in opening.items() if key in closing}
    assert any(Decimal(each["debits"]) for each in after["accounts"])


@pytest.mark.alone
@pytest.mark.parametrize("group_by", ["day", "product", "occurrence"])
async def test_sales_tie_to_the_ledger_however_they_are_grouped(
    client: httpx2.AsyncClient, database: Database, time: Time, group_by: str
) -> None:
    await busy_provider(database)
    provider = await busy_provider(database, seed=3)
    person = await admin(database)

    of_all = await read(client, person, "/reports/sales", group_by=group_by)
    of_one = await read(client, person, "/reports/sales", group_by=group_by, provider_id=str(provider.id))

    for report in (of_all, of_one):
        assert [tie["agrees"] for tie in report["ties"]] == [True]
        gross = sum(Decimal(row["gross"]) for row in report["rows"])
        assert gross == Decimal(report["ties"][0]["one"])
        for row in report["rows"]:
            assert Decimal(row["net"]) == Decimal(row["gross"]) - Decimal(row["refunded"])
    assert sum(row["bookings"] for row in of_one["rows"]) < sum(row["bookings"] for row in of_all["rows"])


async def test_sales_count_the_items_that_were_sold_and_given_back(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    provider = await builders.provider(database)
    room = await builders.room(database, provider_id=provider.id, price=1_000)
    await builders.confirmed(database, room, [0, 1, 2])
    booked = await builders.confirmed(database, room, [3, 4])
    await builders.cancel(database, booked, [1])
    person = await sign_up(database, members={provider.id: "finance"})

    (row,) = (await read(client, person, "/reports/sales", group_by="product"))["rows"]

    assert {name: row[name] for name in ("bookings", "items", "gross", "cancellations", "items_cancelled")} == {
        "bookings": 2,
        "items": 5,
        "gross": "50.00",
        "cancellations": 1,
        "items_cancelled": 1,
    }
    assert (row["refunded"], row["net"]) == ("10.00", "40.00")


async def test_occupancy_says_how_full_each_occurrence_is(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    provider = await builders.provider(database)
    room = await builders.room(database, provider_id=provider.id, places=8, starts_in=timedelta(hours=3))
    await builders.room(database, provider_id=provider.id, places=2, starts_in=timedelta(hours=3))
    await builders.confirmed(database, room, [0, 1])
    person = await sign_up(database, members={provider.id: "owner"})
    to = str(time.now.date() + timedelta(days=1))

    by_occurrence = await read(client, person, "/reports/occupancy", group_by="occurrence", to=to)
    by_product = await read(client, person, "/reports/occupancy", group_by="product", to=to)

    found = {row["occurrence_id"]: (row["capacity"], row["sold"], row["percent"]) for row in by_occurrence["rows"]}
    assert found[str(room.inventory.id)] == (8, 2, 25.0)
    (row,) = by_product["rows"]
    assert (row["occurrences"], row["capacity"], row["sold"], row["percent"]) == (2, 10, 2, 20.0)


async def test_a_table_for_a_spreadsheet_says_the_same(
    client: httpx2.AsyncClient, database: Database, time: Time
) -> None:
    provider = await busy_provider(database)
    person = await sign_up(database, members={provider.id: "manager"})

    report = await read(client, person, "/reports/sales")
    answer = await client.get("/reports/sales", params={**YEAR, "format": "csv"}, headers=person.headers)

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["gross"] for row in rows] == [row["gross"] for row in report["rows"]]


@pytest.mark.parametrize("path", ["/reports/finance", "/reports/sales", "/reports/occupancy"])
async def test_each_provider_sees_its_own_reports_by_role(
    client: httpx2.AsyncClient, database: Database, path: str
) -> None:
    mine, another = await builders.provider(database), await builders.provider(database)
    owner = await sign_up(database, members={mine.id: "owner", another.id: "clerk"})
    clerk = await sign_up(database, members={mine.id: "clerk"})

    async def status(person: Person | None, **query: str) -> int:
        headers = {} if person is None else person.headers
        return (await client.get(path, params=query, headers=headers)).status_code

    assert await status(None) == 401
    assert await status(await sign_up(database)) == 403
    assert await status(clerk) == 403
    assert await status(owner) == 200
    assert await status(owner, provider_id=str(mine.id)) == 200
    assert await status(owner, provider_id=str(another.id)) == 403
    stranger = await sign_up(database, members={another.id: "owner"})
    assert await status(stranger, provider_id=str(mine.id)) == 404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"from": "2026-02-02", "to": "2026-02-01"}, "period_reversed"),
        ({"from": "2020-01-01", "to": "2026-02-01"}, "period_too_long"),
        ({"from": "2026-02-30"}, "validation_failed"),
    ],
)
async def test_a_period_that_cannot_be_is_refused(
    client: httpx2.AsyncClient, database: Database, query: dict[str, str], code: str
) -> None:
    person = await admin(database)

    answer = await client.get("/reports/sales", params=query, headers=person.headers)

    assert answer.status_code == 422
    assert answer.json()["code"] == code


def test_a_day_is_as_long_as_clocks_there_make_it() -> None:

    spring = Period.of(date(2026, 4, 24), date(2026, 4, 24), zone="Africa/Cairo")

    assert spring.before - spring.since == timedelta(hours=23)
    with pytest.raises(PeriodReversed):
        Period.of(date(2026, 2, 2), date(2026, 2, 1), zone="UTC")
    with pytest.raises(PeriodTooLong):
        Period.of(date(2025, 1, 1), date(2026, 1, 2), zone="UTC")
