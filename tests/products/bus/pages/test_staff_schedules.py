"""What those who run buses do with schedules on pages."""

import re
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel import checkout
from holdfast.kit.db import Database
from holdfast.kit.zones import utc_to_local
from tests.builders_bus import Line, manager_of, offer_of, open_line, pay, reserve
from tests.builders_identity import Person, sign_up
from tests.products.bus.pages.conftest import sign_in

WALL = "%Y-%m-%dT%H:%M"


@pytest.fixture
async def line(database: Database) -> Line:
    return await open_line(database)


@pytest.fixture
async def manager(browser: httpx2.AsyncClient, database: Database, line: Line) -> Person:
    """A manager of the line's provider looks at the pages."""
    person = await manager_of(database, line.provider)
    await sign_in(browser, person)
    return person


def path(line: Line, act: str = "") -> str:
    return f"/staff/bus/schedules/{line.schedule_id}{act}"


async def actions_of(database: Database, entity_id: UUID) -> list[str]:
    async with database.reader() as db:
        rows = await db.all(
            sa.text("SELECT action_type FROM activity_logs WHERE entity_id = :id ORDER BY timestamp, id").bindparams(
                sa.bindparam("id", entity_id, sa.Uuid)
            )
        )
    return [row.action_type for row in rows]


async def form_of(browser: httpx2.AsyncClient, line: Line) -> dict[str, str]:
    """The form to change it, as it comes."""
    page = (await browser.get(path(line))).text
    form = page[page.index('id="change"') : page.index('id="cancel"')]
    return dict(re.findall(r'name="(\w+)" (?:type="[\w-]+" )?value="([^"]*)"', form))


async def test_a_schedule_shows_what_is_sold_and_held_seat_by_seat(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    buyer, holder = await sign_up(database), await sign_up(database)
    await pay(database, await reserve(database, line, buyer, ["1A", "1B"]), buyer)
    await reserve(database, line, holder, ["2D"])

    page = (await browser.get(path(line))).text
    figures = dict(re.findall(r'<span class="quiet small">([^<]+)</span><strong><bdi>([^<]+)</bdi>', page))

    assert figures == {
        "free": "5",
        "held or blocked": "1",
        "sold": "2",
        "Paid bookings": "1",
        "Waiting for payment": "0",
    }
    assert '<span class="place sold"><bdi>1A</bdi><span class="visually-hidden">, sold</span>' in page
    assert '<span class="place held"><bdi>2D</bdi>' in page


async def test_the_list_tells_how_full_a_schedule_is_and_finds_it_by_city(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    buyer = await sign_up(database)
    await pay(database, await reserve(database, line, buyer, ["1A", "1B"]), buyer)

    found = await browser.get("/staff/bus/schedules", params={"city": "hurghada"})
    elsewhere = await browser.get("/staff/bus/schedules", params={"city": "Paris"})
    table = await browser.get("/staff/bus/schedules.csv")

    assert path(line) in found.text
    assert '<meter min="0" max="100" value="25"' in found.text
    assert "6 of 8 free" in found.text
    assert "No schedule stands like this." in elsewhere.text
    assert table.text.splitlines()[1].endswith(",scheduled,on_sale,320.00,EGP,8,6,25")


async def test_members_of_another_provider_know_nothing_of_it(
    browser: httpx2.AsyncClient, database: Database, line: Line
) -> None:
    other = await open_line(database)
    await sign_in(browser, await manager_of(database, other.provider))

    page = await browser.get(path(line))
    listed = await browser.get("/staff/bus/schedules")
    cancel = await browser.post(path(line, "/cancel"), data={"reason": "mine now"})

    assert (page.status_code, cancel.status_code) == (404, 404)
    assert path(line) not in listed.text
    assert path(other) in listed.text


async def test_a_clerk_reads_and_changes_nothing(browser: httpx2.AsyncClient, database: Database, line: Line) -> None:
    clerk = await sign_up(database, members={line.provider.id: "clerk"})
    await sign_in(browser, clerk)

    page = await browser.get(path(line))
    acts = [await browser.post(path(line, act), data={"reason": "why not"}) for act in ("", "/cancel", "/delete")]

    assert page.status_code == 200
    assert f'action="{path(line)}' not in page.text
    assert [act.status_code for act in acts] == [403, 403, 403]


async def test_another_price_and_time_are_written_once_for_the_version_that_was_read(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    offer = await offer_of(database, line)
    form = await form_of(browser, line)
    later = utc_to_local(offer.schedule.departs_at + timedelta(minutes=10), "Africa/Cairo").strftime(WALL)

    saved = await browser.post(path(line), data={**form, "departure": later, "base_price": "350.50"})
    stale = await browser.post(path(line), data={**form, "base_price": "1.00"})
    changed = (await offer_of(database, line)).schedule

    assert saved.headers["location"] == f"{path(line)}?done=saved"
    assert stale.status_code == 412
    assert changed.base_price == 35_050
    assert utc_to_local(changed.departs_at, "Africa/Cairo").strftime(WALL) == later
    assert changed.arrives_at == offer.schedule.arrives_at
    assert "schedule_changed" in await actions_of(database, line.schedule_id)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("base_price", "0", "The price must be more than zero."),
        ("base_price", "ten", "This does not fit here."),
        ("base_price", "1.005", "is not an amount of EGP"),
        ("departure", "2020-01-31T10:00", "The departure must lie in the future."),
        ("departure", "soon", "This does not fit here."),
        ("arrival", "2020-01-31T10:00", "The arrival must be after the departure."),
        ("base_price", "", "Please fill this in."),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_does_not_fit_is_told_beside_its_field(
    *, browser: httpx2.AsyncClient, line: Line, manager: Person, field: str, value: str, words: str
) -> None:
    form = await form_of(browser, line)

    answer = await browser.post(path(line), data={**form, field: value})

    error = re.search(rf'id="{field}-error">([^<]+)<', answer.text)
    assert answer.status_code == 422
    assert error is not None
    assert words in error[1].replace("&#39;", "'")


async def test_cancelling_says_first_how_many_bookings_it_refunds_and_asks_why(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    buyer = await sign_up(database)
    await pay(database, await reserve(database, line, buyer, ["1A"]), buyer)

    page = await browser.get(path(line))
    unfounded = await browser.post(path(line, "/cancel"), data={"reason": ""})

    assert "1 paid booking is refunded in full." in page.text
    assert "Cancel this schedule and refund 1 booking in full?" in page.text
    assert unfounded.status_code == 422
    assert "Please fill this in." in unfounded.text
    assert (await offer_of(database, line)).schedule.status == "scheduled"


async def test_a_cancelled_schedule_sells_nothing_more_and_its_reason_is_kept(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    answer = await browser.post(path(line, "/cancel"), data={"reason": "no driver"})
    again = await browser.post(path(line, "/cancel"), data={"reason": "no driver"})
    page = (await browser.get(path(line))).text
    async with database.reader() as db:
        jobs = await db.scalar(
            sa.text("SELECT count(*) FROM jobs WHERE key = :key").bindparams(
                key=f"{checkout.CANCEL_OCCURRENCE}:{line.schedule_id}"
            )
        )

    assert answer.headers["location"] == f"{path(line)}?done=schedule_cancelled"
    assert again.status_code == 409
    assert jobs == 1
    assert 'id="change"' not in page
    assert (await offer_of(database, line)).inventory.state == "cancelled"
    assert "schedule_cancelled" in await actions_of(database, line.schedule_id)


async def test_seats_are_generated_and_put_on_sale(browser: httpx2.AsyncClient, database: Database) -> None:
    line = await open_line(database, is_generated=False)
    await sign_in(browser, await manager_of(database, line.provider))

    before = await browser.get(path(line))
    answer = await browser.post(path(line, "/generate-seats"))
    after = await browser.get(answer.headers["location"])

    assert "No seats were generated yet, so nothing is on sale." in before.text
    assert "The seats were generated; they are on sale." in after.text
    assert after.text.count('class="place "') == 8


async def test_seats_that_are_held_are_not_generated_again(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    await reserve(database, line, await sign_up(database), ["1A"])

    answer = await browser.post(path(line, "/generate-seats"))

    assert answer.status_code == 409
    assert "The seats cannot be generated again" in answer.text


async def test_what_is_not_sold_can_be_deleted(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    version = str((await offer_of(database, line)).schedule.version)

    answer = await browser.post(path(line, "/delete"), data={"version": version})

    assert answer.headers["location"] == "/staff/bus/schedules?done=deleted"
    assert (await browser.get(path(line))).status_code == 404


async def test_a_run_is_planned_with_its_seats_on_sale(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    offer = await offer_of(database, line)
    departure = utc_to_local(offer.schedule.departs_at + timedelta(days=1), "Africa/Cairo").strftime(WALL)
    form = {
        "route_id": str(line.route_id),
        "bus_id": str(line.bus_id),
        "departure": departure,
        "base_price": "300",
        "with_seats": "yes",
    }

    page = await browser.get("/staff/bus/schedules/new")
    answer = await browser.post("/staff/bus/schedules/new", data=form)
    shown = await browser.get(answer.headers["location"])
    again = await browser.post("/staff/bus/schedules/new", data=form)

    assert str(line.route_id) in page.text
    assert "300.00 EGP" in shown.text
    assert "on sale" in shown.text
    assert again.status_code == 409
    assert 'id="bus_id-error">This bus is on another schedule in that time.' in again.text


async def test_nobody_plans_with_the_bus_of_another_provider(
    browser: httpx2.AsyncClient, database: Database, line: Line, manager: Person
) -> None:
    other = await open_line(database)

    answer = await browser.post(
        "/staff/bus/schedules/new",
        data={
            "route_id": str(line.route_id),
            "bus_id": str(other.bus_id),
            "departure": "2030-01-31T10:00",
            "base_price": "300",
        },
    )

    assert answer.status_code == 404
    assert "There is no such bus." in answer.text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_arabic_schedule_reads_from_right_to_left(
    browser: httpx2.AsyncClient, database: Database, line: Line
) -> None:
    await sign_in(browser, await manager_of(database, line.provider), language="ar")

    page = (await browser.get(path(line))).text
    bare = re.sub(r"<title>.*?</title>|<bdi.*?</bdi>|<[^>]*>|&#?\w+;|Holdfast|English|EGP|CSV|Amal|Hassan", " ", page)

    assert '<html lang="ar" dir="rtl"' in page
    assert set(re.findall(r"[A-Za-z]{2,}", bare)) <= {
        "Cairo",
        "Hurghada",
        "main",
    }  # what they are called by who entered them
