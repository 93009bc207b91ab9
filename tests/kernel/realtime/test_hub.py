"""What a hub grants, refuses and survives, over real sockets on real databases."""

import asyncio
import contextlib
import json
import time as clocks
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import logins
from holdfast.kernel.realtime import RealtimeSettings
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from tests import builders, builders_identity
from tests.builders import Time
from tests.builders_identity import Person
from tests.journeys.calls import eventually
from tests.journeys.deaf import Deaf
from tests.journeys.watching import watching as client_of
from tests.kernel.realtime.serving import Road, Served, served

#: Nothing but what a test makes faster by itself happens while it runs.
QUIET = RealtimeSettings(poll_seconds=0.02, ping_seconds=60, recheck_seconds=60, notice_seconds=60)
PATIENCE_SECONDS = 10.0
POLICY, TRY_LATER = 1008, 1013


@contextlib.asynccontextmanager
async def watching(url: str, **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(url, compression=None, **options) as socket:
        yield socket


async def told(socket: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """The next message (of that kind)."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            message: dict[str, Any] = json.loads(await socket.recv())
            if kind in {None, message["type"]}:
                return message


async def end_of(socket: ClientConnection) -> int:
    """The code that the server closes with."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await socket.wait_closed()
    assert socket.close_code is not None
    return socket.close_code


async def sign_in(socket: ClientConnection, person: Person) -> dict[str, Any]:
    """The snapshot that says what is theirs."""
    await socket.send(json.dumps({"type": "authenticate", "token": person.token}))
    while True:
        message = await told(socket, "snapshot")
        if "held_by_me" in message["seats"][0]:
            return message


async def has_sockets(site: Served, number: int) -> bool:
    return site.hub.sockets == number


def delay_of(message: dict[str, Any]) -> float:
    """How old what it says of the time is."""
    return (datetime.now(UTC) - datetime.fromisoformat(message["server_time"])).total_seconds()


# Limits


@pytest.mark.parametrize("limit", [{"sockets_per_address_max": 2}, {"sockets_max": 2}])
async def test_one_socket_too_many_is_told_to_try_later_and_finds_a_place_once_another_left(
    database: Database, limit: dict[str, int]
) -> None:
    room = await builders.room(database)

    async with served(database, replace(QUIET, **limit)) as site, watching(site.of(room)) as first:
        await told(first, "snapshot")
        async with watching(site.of(room)) as second:
            await told(second, "snapshot")
            async with watching(site.of(room)) as third:
                assert await end_of(third) == TRY_LATER
        await eventually(partial(has_sockets, site, 1), "the second has left")

        async with watching(site.of(room)) as again:
            assert (await told(again))["type"] == "snapshot"


async def test_who_asks_faster_than_ten_times_a_second_waits(database: Database) -> None:
    room = await builders.room(database)

    async with served(database, QUIET) as site, watching(site.of(room)) as socket:
        await told(socket, "snapshot")
        began = clocks.monotonic()
        for _ in range(6):
            await socket.send('{"since": ""}')
        for _ in range(6):
            await told(socket, "snapshot")

    assert clocks.monotonic() - began >= 5 * QUIET.asked_seconds


async def test_who_never_reads_is_let_go_while_others_are_told_at_once(database: Database) -> None:
    room = await builders.room(database, places=200)
    hasty = replace(QUIET, write_seconds=0.3, asked_seconds=0)

    async with served(database, hasty) as site, watching(site.of(room)) as awake:
        await told(awake, "snapshot")
        with Deaf(site.of(room), is_greedy=True) as deaf:
            asking = asyncio.create_task(deaf.run())
            async with asyncio.timeout(30):  # sooner than a ping that is not answered would end it
                await eventually(partial(has_sockets, site, 2), "both are there")
                number = 0
                while site.hub.sockets > 1:
                    await builders.hold(database, room, [number])
                    held = clocks.monotonic()
                    assert (await told(awake, "changes"))["available_seats"] == 199 - number
                    assert clocks.monotonic() - held < 2
                    number += 1
                    await asyncio.sleep(0.2)
            asking.cancel()


# Time


async def test_silence_is_broken_by_heartbeats(database: Database) -> None:
    room = await builders.room(database)

    async with served(database, replace(QUIET, ping_seconds=0.1)) as site, watching(site.of(room)) as socket:
        snapshot = await told(socket, "snapshot")
        ping = await told(socket)

    assert ping["type"] == "ping"
    assert "seats" not in ping
    assert (ping["position"], ping["available_seats"]) == (snapshot["position"], 10)
    assert abs(delay_of(ping)) < 1


async def test_who_comes_later_is_told_the_time_of_now(database: Database) -> None:
    room = await builders.room(database)

    async with served(database, QUIET) as site, watching(site.of(room)) as early:
        first = await told(early, "snapshot")
        await asyncio.sleep(2)
        async with watching(site.of(room)) as late:
            second = await told(late, "snapshot")

    apart = datetime.fromisoformat(second["server_time"]) - datetime.fromisoformat(first["server_time"])
    assert 1.9 < apart.total_seconds() < 4
    assert abs(delay_of(second)) < 1


async def test_a_lapse_that_got_lost_is_found_out_with_the_next_message(database: Database, time: Time) -> None:
    """It moves no position, and what is told next says nothing of its place: only the sum does."""
    room = await builders.room(database)
    await builders.hold(database, room, [0])
    is_lost = asyncio.Event()

    def loses(message: dict[str, Any]) -> bool:
        is_lapse: bool = message["type"] == "lapsed"
        if is_lapse:
            is_lost.set()
        return is_lapse

    async with served(database, QUIET) as site, client_of(site.of(room), loses=loses) as client:
        assert client.seats == {"C1": "held"}
        await time.forward(minutes=15)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_lost.wait()
        assert client.seats == {"C1": "held"}
        await builders.hold(database, room, [5])

        await client.sees({"C6": "held"}, patience=PATIENCE_SECONDS)


async def test_what_was_asked_is_asked_again_where_the_answer_got_lost_too(database: Database) -> None:
    room = await builders.room(database)
    came: list[str] = []

    def loses(message: dict[str, Any]) -> bool:
        came.append(message["type"])
        return came in (["snapshot", "changes"], ["snapshot", "changes", "changes", "changes"])

    async with served(database, QUIET) as site, client_of(site.of(room), loses=loses) as client:
        await builders.hold(database, room, [0])
        await eventually(partial(has_come, came, 2), "the first change is lost")
        await builders.hold(database, room, [1])

        await client.sees({"C1": "held", "C2": "held"}, patience=PATIENCE_SECONDS)

    assert came == ["snapshot", "changes", "changes", "changes", "changes"]
    assert client.live.resyncs == 2


async def has_come(came: list[str], number: int) -> bool:
    return len(came) >= number


# Who is signed in


@pytest.mark.parametrize(
    "often",
    [replace(QUIET, notice_seconds=0.05), replace(QUIET, recheck_seconds=0.2)],
    ids=["noticed", "at-the-next-look"],
)
async def test_a_login_that_ends_ends_its_sockets_and_no_others(database: Database, often: RealtimeSettings) -> None:
    room = await builders.room(database)
    amal, badr = await builders_identity.sign_up(database), await builders_identity.sign_up(database)

    async with (
        served(database, often) as site,
        watching(site.of(room)) as hers,
        watching(site.of(room)) as his,
        watching(site.of(room)) as anybodys,
    ):
        await sign_in(hers, amal)
        await sign_in(his, badr)
        async with database.transaction() as db:
            now = await clock.moment(db)
            await logins.end_all(db, amal.id, because="logout", actor=amal.actor, now=now)
        assert await end_of(hers) == POLICY

        await builders.hold(database, room, [0], owner=badr.actor)
        assert (await told(his, "changes"))["seats"][0]["held_by_me"] is True
        assert "held_by_me" not in (await told(anybodys, "changes"))["seats"][0]


async def test_a_change_of_role_is_looked_at_and_ends_nothing(database: Database) -> None:
    room = await builders.room(database)
    amal = await builders_identity.sign_up(database)

    async def promote(db: Transaction) -> None:
        await identity.grant_role(
            db,
            amal.id,
            role="operator",
            settings=builders_identity.SETTINGS,
            actor=Actor.system(),
            now=await clock.moment(db),
        )

    async with served(database, replace(QUIET, notice_seconds=0.05)) as site, watching(site.of(room)) as hers:
        await sign_in(hers, amal)
        await database.run(promote)
        await asyncio.sleep(0.3)
        await builders.hold(database, room, [0], owner=amal.actor)

        assert (await told(hers, "changes"))["seats"][0]["held_by_me"] is True


# Without a database


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_without_a_database_sockets_are_kept_and_go_on_where_they_were(database: Database) -> None:
    """What it costs is the time: nobody is shown out for it, and newcomers are told to come later."""
    room = await builders.room(database)
    amal = await builders_identity.sign_up(database)
    address = database.url
    road = Road(str(address.host), int(address.port or 0))
    often = replace(QUIET, ping_seconds=0.2, notice_seconds=0.05, recheck_seconds=0.1)
    async with road.open() as port, contextlib.AsyncExitStack() as stack:
        by_road = address.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        far = await stack.enter_async_context(Database(by_road, pool_size=3, test_clock=True))
        site = await stack.enter_async_context(served(far, often))
        hers = await stack.enter_async_context(watching(site.of(room)))
        before = await sign_in(hers, amal)

        road.cut()
        await builders.hold(database, room, [0], owner=amal.actor)
        for _ in range(3):
            assert (await told(hers, "ping"))["position"] == before["position"]
        async with watching(site.of(room)) as newcomer:
            came = await end_of(newcomer)
        road.mend()
        change = await told(hers, "changes")

    assert came == TRY_LATER
    assert change["after"] == before["position"]
    assert [seat["held_by_me"] for seat in change["seats"]] == [True]
