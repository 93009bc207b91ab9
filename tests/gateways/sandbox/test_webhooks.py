import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from holdfast.gateways.sandbox import SIGNATURE_HEADER, sign
from holdfast.gateways.sandbox.rules import retry_delay
from tests.gateways.sandbox.serving import (
    SECRET,
    SandboxWorld,
    sandbox_process,
)


async def test_a_webhook_comes_again_until_it_is_answered_with_a_2xx(world: SandboxWorld) -> None:
    world.shop.status = 503
    session = await world.opened()
    await world.pay(session.reference)
    await world.shop.waits_for(session.reference, ["payment.success"] * 3)
    await _answered(world, world.url, session.reference, 503)

    world.shop.status = 204

    await _answered(world, world.url, session.reference, 204)
    told = world.shop.told(session.reference)
    await asyncio.sleep(0.3)
    assert world.shop.told(session.reference) == told


async def test_every_attempt_has_the_same_bytes_and_a_signature_that_holds(world: SandboxWorld) -> None:
    world.shop.status = 500
    session = await world.opened()
    await world.pay(session.reference)
    await world.shop.waits_for(session.reference, ["payment.success"] * 2)
    world.shop.status = 200

    came = [one for one in world.shop.got if json.loads(one[1])["data"]["reference"] == session.reference]

    assert len({body for _, body in came}) == 1
    notices = [world.gateway.read(headers, body, now=world.now()) for headers, body in came]
    assert len({notice.event_id for notice in notices}) == 1


async def test_the_signature_is_as_documented(world: SandboxWorld) -> None:
    session = await world.opened()
    await world.pay(session.reference)

    headers, body = await world.webhook(session.reference, "payment.success")

    header = headers[SIGNATURE_HEADER.lower()]
    stamp = int(header.split(",")[0].removeprefix("t="))
    assert header == sign(SECRET, body, now=world.now().fromtimestamp(stamp, tz=world.now().tzinfo))
    assert abs(world.now().timestamp() - stamp) < 5


async def test_the_signature_is_of_the_time_that_the_sandbox_was_told(world: SandboxWorld) -> None:
    session = await world.opened()
    await world.tell_time_passes(seconds=500)
    await world.pay(session.reference)

    headers, body = await world.webhook(session.reference, "payment.success")

    notice = world.gateway.read(headers, body, now=world.now() + timedelta(seconds=500))
    assert notice.sent_at is not None
    assert abs(notice.sent_at - world.now() - timedelta(seconds=500)) < timedelta(seconds=5)


async def test_a_dispute_is_told(world: SandboxWorld) -> None:
    session = await world.opened()
    await world.pay(session.reference)
    await world.shop.waits_for(session.reference, ["payment.success"])

    answer = await world.api.post(f"/v1/simulate/{session.reference}", json={"outcome": "disputed"})

    assert answer.status_code == 200
    await world.shop.waits_for(session.reference, ["payment.success", "dispute.opened"])
    [(headers, body)] = [each for each in world.shop.got if b'"dispute.opened"' in each[1]]  # others may come again
    assert world.gateway.read(headers, body, now=world.now()).object == "dispute"


async def test_what_was_not_delivered_when_the_process_was_killed_is_delivered_by_the_next(
    world: SandboxWorld, tmp_path: Path
) -> None:
    file = tmp_path / "books.sqlite3"
    world.shop.status = 500
    with sandbox_process(file) as (process, url):
        reference = (await world.api.post(f"{url}/v1/checkouts", json=world.body())).json()["reference"]
        await world.enter_at(url, reference, "4242424242424242")
        await _answered(world, url, reference, 500)
        process.kill()
        process.wait()
    world.shop.status = 200

    with sandbox_process(file) as (_, url):
        await _answered(world, url, reference, 200)

        books = (await world.api.get(f"{url}/v1/books")).json()
    assert [total["captured"] for total in books["totals"]] == ["12.50"]


async def _answered(world: SandboxWorld, url: str, reference: str, status: int) -> None:
    """Return once the sandbox has taken down that its only webhook about this payment was answered so."""
    for _ in range(1_000):
        rows = (await world.api.get(f"{url}/v1/webhooks", params={"reference": reference})).json()["webhooks"]
        if [row["answered"] for row in rows] == [status]:
            return
        await asyncio.sleep(0.01)
    message = f"no webhook about {reference} was answered with {status}"
    raise AssertionError(message)


def test_the_service_knows_nothing_of_the_platform_it_serves() -> None:
    code = "import sys, holdfast.gateways.sandbox.__main__; print(*[name for name in sys.modules if 'kernel' in name])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert [name for name in loaded if name.startswith("holdfast")] == []


def test_attempts_come_ever_later_and_then_at_a_steady_pace() -> None:
    delays = [retry_delay(attempts, delays=(1, 2, 5, 15, 60)) for attempts in range(1, 8)]

    assert delays == [1, 2, 5, 15, 60, 60, 60]
