"""One's own notifications over HTTP: read in one's own language, marked as read once."""

from collections.abc import AsyncIterator

import httpx2
import pytest

from holdfast.app.main import create_app
from holdfast.kit.ids import new_id
from tests import builders
from tests.builders_identity import Person, browsing
from tests.kernel.notifications import world as worlds
from tests.kernel.notifications.world import HAPPENINGS, World

pytestmark = pytest.mark.alone


@pytest.fixture
async def amal(world: World) -> Person:
    return await world.person()


@pytest.fixture
async def client(world: World, amal: Person) -> AsyncIterator[httpx2.AsyncClient]:
    """Amal's."""
    app = create_app(world.house.settings, database=world.database, gateways={})
    async with browsing(app, amal) as client:
        yield client


async def test_each_happening_stands_in_the_list_of_whom_it_happened_to(
    world: World, amal: Person, client: httpx2.AsyncClient
) -> None:
    other = await world.person()
    mine, theirs = await worlds.cancelled(world, amal), await worlds.confirmed(world, other)
    await world.work()

    listed = (await client.get("/notifications")).json()

    assert [each["template"] for each in listed["items"]] == ["cancelled", "confirmed"]
    assert {each["booking_id"] for each in listed["items"]} == {str(mine.id)}
    assert str(theirs.id) not in str(listed)
    assert (listed["unread"], listed["next_cursor"]) == (2, None)
    assert set(listed["items"][0]) == {"id", "template", "title", "text", "booking_id", "created_at", "read_at"}


@pytest.mark.parametrize(
    ("locale", "header", "title"),
    [
        ("en", None, "is confirmed"),
        ("ar", None, "تم تأكيد حجزك"),
        ("en", "ar-EG,ar;q=0.9,en;q=0.5", "تم تأكيد حجزك"),
        ("ar", "en-GB", "is confirmed"),
        ("ar", "fr", "تم تأكيد حجزك"),
    ],
)
async def test_it_is_said_in_the_language_asked_for_else_in_that_of_the_account(
    world: World, client: httpx2.AsyncClient, amal: Person, *, locale: str, header: str | None, title: str
) -> None:
    await world.change_user(amal.id, locale=locale)
    booked = await worlds.confirmed(world, amal)
    await world.work()

    answer = await client.get("/notifications", headers={"Accept-Language": header} if header else {})

    [shown] = answer.json()["items"]
    assert title in shown["title"]
    assert booked.reference in shown["title"]
    assert booked.reference in shown["text"]


@pytest.mark.parametrize("locale", ["en", "ar"])
async def test_every_kind_can_be_listed(world: World, amal: Person, client: httpx2.AsyncClient, locale: str) -> None:
    for happen in HAPPENINGS.values():
        await happen(world, amal)
    await world.work()

    headers = {**await world.headers(amal), "Accept-Language": locale}  # their sign-in of before has ended
    items = (await client.get("/notifications?limit=100", headers=headers)).json()["items"]

    assert {each["template"] for each in items} == set(HAPPENINGS)
    assert all(each["title"] and each["text"] and "{" not in each["title"] + each["text"] for each in items)


async def test_it_is_read_once_and_the_first_moment_stays(
    world: World, amal: Person, client: httpx2.AsyncClient
) -> None:
    await worlds.confirmed(world, amal)
    await world.work()
    [shown] = (await client.get("/notifications?unread=true")).json()["items"]

    first = await client.post(f"/notifications/{shown['id']}/read")
    await world.time.forward(minutes=5)
    again = await client.post(f"/notifications/{shown['id']}/read")

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json() == {**shown, "read_at": first.json()["read_at"]}
    assert first.json()["read_at"] is not None
    listed = (await client.get("/notifications?unread=true")).json()
    assert (listed["items"], listed["unread"]) == ([], 0)
    assert len((await client.get("/notifications?unread=false")).json()["items"]) == 1
    [told] = await world.told(amal)
    actions = (await builders.told_of(world.database, entity_id=told.id)).actions
    assert actions == ["notification_sent", "notification_read"]


async def test_the_list_goes_on_where_it_stopped(world: World, amal: Person, client: httpx2.AsyncClient) -> None:
    for _ in range(5):
        await worlds.confirmed(world, amal)
    await world.work()

    seen, address = [], "/notifications?limit=2"
    while True:
        page = (await client.get(address)).json()
        seen += [each["id"] for each in page["items"]]
        assert page["unread"] == 5
        if page["next_cursor"] is None:
            break
        address = f"/notifications?limit=2&cursor={page['next_cursor']}"

    told = await world.told(amal)
    assert seen == [str(each.id) for each in sorted(told, key=lambda each: each.fact_id, reverse=True)]


async def test_somebody_elses_and_nobodys_are_not_found(world: World, amal: Person, client: httpx2.AsyncClient) -> None:
    other = await world.person()
    await worlds.confirmed(world, other)
    await world.work()
    [theirs] = await world.told(other)

    answers = [await client.post(f"/notifications/{each}/read") for each in (theirs.id, new_id())]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "notification_not_found")] * 2
    [still] = await world.told(other)
    assert still.read_at is None


async def test_who_is_not_signed_in_has_none(world: World) -> None:
    app = create_app(world.house.settings, database=world.database, gateways={})

    async with browsing(app) as stranger:
        listed = await stranger.get("/notifications")
        read = await stranger.post(f"/notifications/{new_id()}/read")

    assert (listed.status_code, read.status_code) == (401, 401)


async def test_an_empty_list_is_a_list(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/notifications")).json() == {"items": [], "next_cursor": None, "unread": 0}
