"""Everybody at once, over HTTP: two server processes on PostgreSQL, one on SQLite."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx2
import pytest

from tests.journeys import shared
from tests.journeys.calls import Json, Line, Person, refusal
from tests.journeys.sites import Site
from tests.journeys.world import World, open_world
from tests.races.racing import drop_key_of_changes, drop_key_of_claims

CROWD = 200
#: Of the schedule's 49: 40 are wanted.
ROUNDS_TO_SHOW = 5
WANTED = 40


async def everybody_reserves(
    people: Sequence[Person], line: Line, wishes: Sequence[Sequence[str]]
) -> list[httpx2.Response]:
    """Each wants some seats, all at the same moment."""
    return await asyncio.gather(
        *(
            person.ask("POST", "/reservations/create", {"schedule_id": line.id, "seat_numbers": list(wish)})
            for person, wish in zip(people, wishes, strict=True)
        )
    )


def statuses(answers: Sequence[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def seats_of(reservation: Json) -> list[str]:
    return [seat["seat_number"] for seat in reservation["seats"]]


async def test_of_two_hundred_who_want_one_seat_one_gets_it_and_the_others_are_told_its_name(world: World) -> None:
    line, people = await world.line(), await world.crowd(CROWD)

    answers = await everybody_reserves(people, line, [["1A"]] * CROWD)

    assert statuses(answers) == {201: 1, 409: CROWD - 1}
    for answer in answers:
        if answer.status_code == httpx2.codes.CONFLICT:
            assert refusal(answer, 409, "slots_taken")["labels"] == ["1A"]
    assert await world.seat_map(line) == {"1A": "reserved"}
    await world.agrees()


async def test_two_hundred_for_forty_seats_get_exactly_forty(world: World) -> None:
    line, people = await world.line(rows=12), await world.crowd(CROWD)
    wishes = [[line.seats[number // 2 % WANTED]] for number in range(CROWD)]  # the same at both servers

    answers = await everybody_reserves(people, line, wishes)

    assert statuses(answers) == {201: WANTED, 409: CROWD - WANTED}
    got = [seat for answer in answers if answer.is_success for seat in seats_of(answer.json())]
    assert sorted(got) == sorted(line.seats[:WANTED])
    for answer, wish in zip(answers, wishes, strict=True):
        if not answer.is_success:
            assert refusal(answer, 409, "slots_taken")["labels"] == wish
    assert await world.seat_map(line) == dict.fromkeys(line.seats[:WANTED], "reserved")
    await world.agrees()


async def test_overlapping_wishes_are_granted_whole_or_not_at_all(world: World) -> None:
    """{A,B} against {B,A}, and triples in a ring: each shares a seat with the next."""
    line, people = await world.line(rows=12), await world.crowd(48)
    first = list(line.seats[:24])
    pairs = [first[at : at + 2][:: 1 if turn else -1] for at in range(0, 24, 2) for turn in (0, 1)]
    ring = list(line.seats[24:48])
    triples = [[ring[(at + step) % 24] for step in (0, 1, 2)] for at in range(24)]

    answers = await everybody_reserves(people, line, [*pairs, *triples])

    assert set(statuses(answers)) == {201, 409}
    wholes = [answer.json() for answer in answers if answer.is_success]
    assert all(len(seats_of(whole)) in {2, 3} for whole in wholes)
    taken = Counter(seat for whole in wholes for seat in seats_of(whole))
    assert set(taken.values()) == {1}
    assert set(first) <= set(taken)
    assert await world.seat_map(line) == dict.fromkeys(taken, "reserved")
    for answer in answers:
        if not answer.is_success:
            assert set(refusal(answer, 409, "slots_taken")["labels"]) <= set(taken)
    await world.agrees()


async def test_the_same_key_twenty_times_over_all_servers_is_one_effect_and_one_answer(world: World) -> None:
    line, person = await world.line(), await world.customer()
    wish = {"schedule_id": line.id, "seat_numbers": ["1A", "1B"]}

    answers = await asyncio.gather(*(person.ask("POST", "/reservations/create", wish, key="one") for _ in range(20)))

    assert statuses(answers) == {201: 20}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    (reservation,) = (await person.get("/reservations/active"))["items"]
    body = {"reservation_id": reservation["id"], "payment_method": "wallet"}
    opened = await settled(person, "/payments/initiate", body)
    assert len({each["payment_id"] for each in opened}) == 1
    await world.bank.pay(opened[0])
    booking = await world.confirmed(person, reservation)
    cancelled = await settled(person, f"/bookings/{booking['id']}/cancel", {})
    assert len({each["id"] for each in cancelled}) == 1
    await world.agrees()
    assert (await person.get(f"/payments/status/{booking['id']}"))["amount_refunded"] == "200.00"


async def settled(person: Person, path: str, body: Json) -> list[Json]:
    """What twenty requests with one key are answered in the end: 409 while the first is under way, then its answer."""

    async def insist() -> Json:
        for _ in range(100):
            answer = await person.ask("POST", path, body, key="the-same")
            if answer.is_success:
                said: Json = answer.json()
                return said
            refusal(answer, 409, "request_in_flight")
            await asyncio.sleep(0.2)
        raise AssertionError(path)

    return await asyncio.gather(*(insist() for _ in range(20)))


async def test_two_cancellations_at_once_over_two_servers_refund_once(world: World) -> None:
    line, person = await world.line(), await world.customer()
    booking = await world.book(person, line, "1A", "1B")

    answers = await asyncio.gather(*(person.ask("POST", f"/bookings/{booking['id']}/cancel", {}) for _ in range(10)))

    assert statuses(answers) == {200: 1, 409: 9}
    await world.agrees()
    assert (await person.get(f"/payments/status/{booking['id']}"))["amount_refunded"] == "200.00"


# The same without the guards


@pytest.fixture(scope="module")
def bare_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Servers on PostgreSQL without the turn, the key of claims, the numbers of changes, and the keys of requests."""
    with shared.own_site(
        request, tmp_path_factory, "postgresql", servers=2, test_without="turn,pk,seq,key", pool_size="20"
    ) as site:
        yield site


@pytest.fixture
async def bare_world(bare_site: Site) -> AsyncIterator[World]:
    async with open_world(bare_site) as world:
        yield world


@pytest.mark.xdist_group("bare")
async def test_without_turn_and_primary_key_a_seat_is_sold_again_and_again(bare_world: World) -> None:
    """Each of the guards alone still refuses the second (test_turn), in a batch the number of the change too."""
    await drop_key_of_claims(bare_world.database)
    await drop_key_of_changes(bare_world.database)
    people = await bare_world.crowd(CROWD)

    for _ in range(ROUNDS_TO_SHOW):
        line = await bare_world.line(rows=12)
        wishes = [[line.seats[number // 2 % WANTED]] for number in range(CROWD)]  # the same at both servers
        answers = await everybody_reserves(people, line, wishes)
        if statuses(answers)[201] > WANTED:
            break

    assert statuses(answers)[201] > WANTED
    found = bare_world.site.run("check", "--json")
    assert found.returncode == 1
    assert "slot_claimed_twice" in {breach["name"] for breach in json.loads(found.stdout)["breaches"]}


@pytest.mark.xdist_group("bare")
async def test_without_the_key_each_repeat_has_an_effect(bare_world: World) -> None:
    line = await bare_world.line()

    answers = await asyncio.gather(
        *(line.operator.ask("POST", "/routes", {"stops": _stops(line)}, key="the-same") for _ in range(20))
    )

    assert statuses(answers) == {201: 20}
    assert len({answer.json()["id"] for answer in answers}) == 20


async def test_with_the_key_each_repeat_is_told_of_the_first_effect(world: World) -> None:
    line = await world.line()

    made = await settled(line.operator, "/routes", {"stops": _stops(line)})

    assert len({each["id"] for each in made}) == 1
    assert len((await line.operator.get(f"/routes?provider_id={line.provider_id}"))["items"]) == 2


def _stops(line: Line) -> list[Json]:
    return [
        {"city": city, "zone": "Africa/Cairo", "minutes_from_start": 60 * number, "km": 60 * number}
        for number, city in enumerate(line.cities)
    ]
