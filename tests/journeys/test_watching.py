"""Whoever watches a schedule sees every change, in order, whichever server made it; no worker runs here."""

import asyncio
import json
import random
import socket
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from holdfast.kernel import realtime
from holdfast.kernel.audit import Actor
from holdfast.kernel.realtime.client import Refused, Watching
from holdfast.kit import clock
from holdfast.kit.db import Transaction
from holdfast.kit.outbox import outbox
from tests.journeys.watching import address, watching
from tests.journeys.world import World

PASSWORD_FIELDS = ("user", "owner", "email", "hold", "until", "expires")


async def test_every_watcher_sees_a_seat_go_and_come_back(world: World) -> None:
    line = await world.line()
    amal = await world.customer()

    async with watching(address(world, line)) as near, watching(address(world, line, server=1)) as far:
        reservation = await world.reserve(amal, line, "1A", "1B")
        await near.sees({"1A": "reserved", "1B": "reserved"})
        await far.sees({"1A": "reserved", "1B": "reserved"})
        assert near.live.available == 7
        await amal.ask("DELETE", f"/reservations/{reservation['id']}")
        await near.sees({})
        await far.sees({})

    assert near.told[0]["type"] == "snapshot"
    assert near.told[0]["schedule_id"] == line.id
    assert [message["after"] for message in near.told[1:]] == [message["position"] for message in near.told[:-1]]


async def test_a_paid_seat_is_shown_as_booked(world: World) -> None:
    line = await world.line()
    amal = await world.customer()

    async with watching(address(world, line, path="/ws")) as watcher:
        await world.book(amal, line, "2A")
        await watcher.sees({"2A": "booked"})


async def test_a_claim_that_runs_out_is_announced_at_its_moment_though_nobody_sweeps(world: World) -> None:
    line = await world.line()
    amal = await world.customer()

    async with watching(address(world, line)) as watcher:
        await world.reserve(amal, line, "1A")
        await watcher.sees({"1A": "reserved"})
        before = watcher.live.position
        await world.forward(minutes=15)
        await watcher.sees({})

    lapse = watcher.told[-1]
    assert lapse["type"] == "lapsed"
    assert [seat["seat_number"] for seat in lapse["seats"]] == ["1A"]
    assert lapse["position"] == before


async def test_a_seat_over_other_legs_stays_free_for_who_watches_these(world: World) -> None:
    line = await world.line(cities=(("Cairo", 0), ("Luxor", 600), ("Aswan", 900)))
    first, middle, last = line.cities
    amal = await world.customer()

    async with (
        watching(
            address(world, line, query=f"?{urlencode({'from_stop': first, 'to_stop': middle})}")
        ) as whoever_leaves_earlier,
        watching(
            address(world, line, query=f"?{urlencode({'from_stop': middle, 'to_stop': last})}")
        ) as whoever_boards_later,
    ):
        await world.reserve(amal, line, "1A", from_stop=first, to_stop=middle)
        await whoever_leaves_earlier.sees({"1A": "reserved"})
        await whoever_boards_later.until(lambda: len(whoever_boards_later.told) > 1)

    assert whoever_boards_later.seats == {}


async def test_who_is_signed_in_sees_what_is_theirs_and_others_do_not(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)

    async with (
        watching(address(world, line), token=amal.token) as hers,
        watching(address(world, line), token=badr.token) as his,
        watching(address(world, line)) as anybodys,
    ):
        await world.reserve(amal, line, "1A")
        await world.reserve(badr, line, "1B")
        both = {"1A": "reserved", "1B": "reserved"}
        for watcher in (hers, his, anybodys):
            await watcher.sees(both)
        await hers.until(lambda: hers.mine == {"1A"})
        await his.until(lambda: his.mine == {"1B"})

    assert anybodys.mine == set()
    texts = json.dumps(anybodys.told)
    assert not [word for word in (str(amal.id), str(badr.id), *PASSWORD_FIELDS) if word in texts.replace("held_by", "")]


async def test_a_page_of_ours_is_known_by_its_login_cookie_and_no_other_site_is(world: World) -> None:
    line = await world.line()
    amal = await world.customer()
    await world.reserve(amal, line, "1A")
    cookie = await page_cookie(world)

    ours = await first_messages(address(world, line), cookie=cookie, origin=world.site.urls[0])
    elsewhere = await closed_with(address(world, line), cookie=cookie, origin="https://elsewhere.example")

    assert "held_by_me" in ours["seats"][0]
    assert elsewhere == 1008


async def test_a_token_that_ends_ends_the_socket(world: World) -> None:
    line = await world.line()

    assert await closed_with(address(world, line), send={"type": "authenticate", "token": "hf_nobody"}) == 1008
    live = Watching(address(world, line), token="ey.not.one")
    with pytest.raises(Refused):
        await asyncio.wait_for(to_the_end(live), 20)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", 1008),
        ("[]", 1008),
        ('{"type": "subscribe"}', 1008),
        ('{"since": 5}', 1008),
        ('{"type": "authenticate"}', 1008),
        (b"bytes", 1008),
        ('{"since": "' + "9" * 17_000 + '"}', 1009),
        ("[" * 16_000, 1008),
    ],
)
async def test_what_breaks_a_rule_is_shown_out(world: World, sent: str | bytes, code: int) -> None:
    line = await world.line()

    assert await closed_with(address(world, line), raw=sent) == code


@pytest.mark.parametrize("path", ["/api/v1/ws/inventories/nothing", "/api/v1/ws/schedules/nothing/seats"])
async def test_what_is_not_there_cannot_be_watched(world: World, path: str) -> None:
    unknown = path.replace("nothing", "01a1fc9e-0000-7000-8000-000000000000")
    base = world.site.urls[0].replace("http", "ws", 1)

    assert await closed_with(base + path) == 1008
    assert await closed_with(base + unknown) == 1008


async def test_what_was_missed_is_asked_for_and_told(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)

    async with connect(address(world, line), compression=None) as raw:
        start = json.loads(await raw.recv())["position"]
        await world.reserve(amal, line, "1A")
        await world.reserve(badr, line, "2A")
        while len(changed := json.loads(await raw.recv())["seats"]) < 1:
            pass
        await asyncio.sleep(0.5)
        await raw.send(json.dumps({"since": start}))
        told = await told_from(raw, start)
        await raw.send(json.dumps({"since": "999.1"}))
        anew = await told_until(raw, "snapshot")

    assert changed
    assert {seat["seat_number"]: seat["status"] for seat in told["seats"]} == {"1A": "reserved", "2A": "reserved"}
    assert len(anew["seats"]) == 9


async def test_who_loses_a_third_of_what_is_told_ends_equal_all_the_same(world: World) -> None:
    line = await world.line(rows=6)
    people = await world.crowd(8)
    dice, luck = random.Random(7), {"is_bad": True}

    def is_lost(message: dict[str, Any]) -> bool:
        return luck["is_bad"] and message["type"] == "changes" and dice.random() < 0.3

    async with watching(address(world, line), loses=is_lost) as unlucky, watching(address(world, line)) as lucky:
        for round_ in range(4):
            held = await asyncio.gather(
                *[world.reserve(person, line, line.seats[number * 3]) for number, person in enumerate(people)]
            )
            await asyncio.sleep(0.2)
            if round_ < 3:
                await asyncio.gather(
                    *[
                        person.ask("DELETE", f"/reservations/{reservation['id']}")
                        for person, reservation in zip(people, held, strict=True)
                    ]
                )
                await asyncio.sleep(0.2)
        shown = await world.seat_map(line)
        await lucky.sees(shown)
        luck["is_bad"] = False
        await world.reserve(await world.customer(), line, line.seats[1])
        shown = await world.seat_map(line)
        await lucky.sees(shown)
        await unlucky.sees(shown)

    assert len(shown) == 9
    assert unlucky.live.resyncs > 0


async def test_a_new_epoch_has_everybody_begin_anew(world: World) -> None:
    line = await world.line()

    async def begin(db: Transaction) -> int:
        return await realtime.begin_epoch(db, actor=Actor.system(), now=await clock.moment(db))

    async with watching(address(world, line)) as watcher:
        before = watcher.live.position
        epoch = await world.database.run(begin)
        await watcher.until(lambda: watcher.live.position != before)

    assert watcher.told[-1]["type"] == "snapshot"
    assert watcher.live.position is not None
    assert watcher.live.position.startswith(f"{epoch}.")


async def test_a_gap_in_the_stream_is_mended_by_a_snapshot(world: World) -> None:
    """As after seven days away: the rows between are gone."""
    line = await world.line()
    amal, badr = await world.crowd(2)
    await world.reserve(amal, line, "1A")
    here = outbox.c.inventory_id == UUID(line.id)

    async with connect(address(world, line), compression=None) as raw:
        json.loads(await raw.recv())
        async with world.database.transaction() as db:
            gone = [row._asdict() for row in await db.all(sa.select(outbox).where(here))]
            await db.execute(sa.delete(outbox).where(here))
        await world.reserve(badr, line, "1B")
        await told_until(raw, "changes")
        await raw.send(json.dumps({"since": "1.0"}))
        anew = await told_until(raw, "snapshot")

    assert {seat["seat_number"] for seat in anew["seats"] if seat["status"] == "reserved"} == {"1A", "1B"}
    async with world.database.transaction() as db:  # the check of others who share this site would name the gap
        await db.execute(sa.insert(outbox), gone)


async def test_who_never_reads_is_let_go_and_harms_nobody(world: World) -> None:
    """A socket whose client reads nothing: what cannot be sent waits in bounded queues, and others are told at once."""
    line = await world.line()
    amal = await world.customer()
    parts = urlsplit(world.site.urls[0])
    path = f"/api/v1/ws/schedules/{line.id}/seats"
    asleep = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    asleep.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    key = "dGhlIHNhbXBsZSBub25jZQ=="
    asleep.sendall(
        f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )

    async with watching(address(world, line)) as awake:
        for _ in range(3):
            reservation = await world.reserve(amal, line, "1A")
            await awake.sees({"1A": "reserved"}, patience=5)
            await amal.ask("DELETE", f"/reservations/{reservation['id']}")
            await awake.sees({}, patience=5)
    asleep.close()


async def to_the_end(live: Watching) -> None:
    async for _ in live:
        pass


async def page_cookie(world: World) -> str:
    async with httpx2.AsyncClient(base_url=world.site.urls[0], trust_env=False) as browser:
        answer = await browser.post(
            "/register",
            data={
                "first_name": "Amal",
                "last_name": "Hassan",
                "email": f"page-{random.getrandbits(60):x}@example.org",
                "phone_number": "01001234567",
                "password": "Correct-Horse-7",
            },
            headers={"Sec-Fetch-Site": "same-origin"},
        )
        assert answer.status_code == 303, answer.text
        return f"holdfast_login={browser.cookies['holdfast_login']}"


async def first_messages(url: str, *, cookie: str, origin: str) -> dict[str, Any]:
    headers = {"Cookie": cookie}
    async with connect(url, origin=origin, additional_headers=headers, compression=None) as raw:  # type: ignore[arg-type]
        message: dict[str, Any] = json.loads(await raw.recv())
        return message


async def closed_with(
    url: str,
    *,
    cookie: str | None = None,
    origin: str | None = None,
    send: dict[str, str] | None = None,
    raw: str | bytes | None = None,
) -> int | None:
    """The code that the server ends the socket with."""
    headers = {} if cookie is None else {"Cookie": cookie}
    async with connect(url, origin=origin, additional_headers=headers, compression=None) as client:  # type: ignore[arg-type]
        try:
            if send is not None or raw is not None:
                await client.send(raw if raw is not None else json.dumps(send))
            async with asyncio.timeout(15):
                while True:
                    await client.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None


async def told_until(raw: Any, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(15):
        while True:
            message: dict[str, Any] = json.loads(await raw.recv())
            if message["type"] == kind:
                return message


async def told_from(raw: Any, after: str) -> dict[str, Any]:
    """The message that goes on from that position and tells of two places."""
    async with asyncio.timeout(15):
        while True:
            message: dict[str, Any] = json.loads(await raw.recv())
            if message.get("after") == after and len(message["seats"]) > 1:
                return message
