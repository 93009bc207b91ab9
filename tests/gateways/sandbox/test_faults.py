import asyncio
import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel.payments import GatewayRefused, GatewayUnknown
from holdfast.kit.money import Money
from tests.gateways.port_contract import request
from tests.gateways.sandbox.serving import API_KEY, SECRET, SandboxWorld


async def test_told_to_duplicate_it_sends_each_webhook_so_many_times_more(world: SandboxWorld) -> None:
    await world.tell(duplicate=19)
    session = await world.opened()

    await world.pay(session.reference)

    await world.shop.waits_for(session.reference, ["payment.success"] * 20)
    assert max(world.shop.tries.values()) == 20


async def test_told_to_lose_it_never_sends_until_told_to(world: SandboxWorld) -> None:
    await world.tell(lose=1)
    session = await world.opened()
    await world.pay(session.reference)
    await asyncio.sleep(0.2)
    assert world.shop.told(session.reference) == []

    event_id = (await world.api.get("/v1/webhooks", params={"reference": session.reference})).json()["webhooks"][0]
    await world.api.post(f"/v1/webhooks/{event_id['event_id']}/send")

    await world.shop.waits_for(session.reference, ["payment.success"])


async def test_told_to_hold_it_sends_only_once_released(world: SandboxWorld) -> None:
    await world.tell(hold=True)
    session = await world.opened()
    await world.pay(session.reference)
    await asyncio.sleep(0.2)
    assert world.shop.told(session.reference) == []

    await world.tell(hold=False)

    await world.shop.waits_for(session.reference, ["payment.success"])


async def test_told_to_delay_it_sends_later(world: SandboxWorld) -> None:
    await world.tell(delay_seconds=0.3)
    session = await world.opened()

    await world.pay(session.reference)

    await asyncio.sleep(0.15)
    assert world.shop.told(session.reference) == []
    await world.shop.waits_for(session.reference, ["payment.success"])


async def test_told_to_reorder_it_sends_the_last_first(world: SandboxWorld) -> None:
    await world.tell(reorder=2)
    session = await world.opened()
    await world.api.post(f"/v1/simulate/{session.reference}", json={"outcome": "failed"})

    await world.api.post(f"/v1/simulate/{session.reference}", json={"outcome": "late_success"})

    await world.shop.waits_for(session.reference, ["payment.success", "payment.failed"])


async def test_told_to_complete_early_it_sends_the_webhook_before_the_opener_is_answered(world: SandboxWorld) -> None:
    await world.tell(complete_before_answer=1)

    session = await world.opened()

    assert world.shop.told(session.reference) == ["payment.success"]


async def test_told_to_decline_it_declines_the_good_card_once(world: SandboxWorld) -> None:
    await world.tell(decline=1)
    first, second = await world.opened(), await world.opened()

    await world.pay(first.reference)
    await world.pay(second.reference)

    await world.shop.waits_for(first.reference, ["payment.failed"])
    await world.shop.waits_for(second.reference, ["payment.success"])


@pytest.mark.parametrize(("amount", "currency"), [("9.99", None), ("12.50", "USD")])
async def test_told_to_capture_something_else_it_says_what_it_captured(
    world: SandboxWorld, amount: str, currency: str | None
) -> None:
    await world.tell(capture={"amount": amount, "currency": currency})
    wish = request(world)
    session = await world.gateway.open(wish)

    await world.pay(session.reference)

    payment = await world.gateway.payment(key=wish.key)
    assert payment is not None
    assert payment.captured == Money.parse(amount, currency or "EGP")
    assert payment.amount == wish.amount


async def test_told_to_fail_a_refund_it_fails_and_the_money_can_be_asked_for_anew(world: SandboxWorld) -> None:
    await world.tell(refund_failures=1)
    session = await world.opened()
    await world.pay(session.reference)
    whole = Money.parse("12.50", "EGP")
    keys = [str(uuid4()), str(uuid4())]

    for key in keys:
        await world.gateway.refund(key=key, payment_reference=session.reference, amount=whole)
        await world.refund_settled(key)

    states = [await world.gateway.refund_state(key=key) for key in keys]
    assert [state.status for state in states if state] == ["failed", "processed"]
    entries = [one for one in (await world.books())["entries"] if one["payment_reference"] == session.reference]
    assert [(one["kind"], one["amount"]) for one in entries] == [("capture", "12.50"), ("refund", "12.50")]


async def test_a_refusal_is_a_definite_no_and_nothing_was_done(world: SandboxWorld) -> None:
    await world.tell(api=[{"operation": "open", "kind": "refuse"}])
    wish = request(world)

    with pytest.raises(GatewayRefused):
        await world.gateway.open(wish)

    assert await world.gateway.payment(key=wish.key) is None


@pytest.mark.parametrize(("kind", "is_done"), [("error", False), ("error_after", True)])
async def test_an_error_says_nothing_about_what_was_done(world: SandboxWorld, kind: str, *, is_done: bool) -> None:
    await world.tell(api=[{"operation": "open", "kind": kind}])
    wish = request(world)

    with pytest.raises(GatewayUnknown):
        await world.gateway.open(wish)

    assert (await world.gateway.payment(key=wish.key) is not None) == is_done


async def test_an_answer_that_does_not_come_in_time_is_unknown_and_asking_tells_it(world: SandboxWorld) -> None:
    hasty = SandboxGateway(world.url, api_key=API_KEY, secrets=(SECRET,), timeout_seconds=0.1)
    await world.tell(api=[{"operation": "open", "kind": "silence_after", "seconds": 0.3}])
    wish = request(world)

    with pytest.raises(GatewayUnknown):
        await hasty.open(wish)

    assert await hasty.payment(key=wish.key) is not None
    await hasty.close()


async def test_a_call_that_meets_a_connection_that_is_being_closed_is_made_again_by_another(
    world: SandboxWorld,
) -> None:
    wishes = [request(world), request(world)]

    async with one_call_a_connection(world.url) as (url, calls):
        kept = SandboxGateway(url, api_key=API_KEY, secrets=(SECRET,), timeout_seconds=2)
        opened = [(await kept.open(wish)).reference for wish in wishes]
        await kept.close()

    assert calls == ["heard", "broken off", "heard"]
    assert opened == [(await world.gateway.open(wish)).reference for wish in wishes]


@contextlib.asynccontextmanager
async def one_call_a_connection(url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """A way to the gateway that keeps connections open, but breaks each off when a second call comes by it."""
    calls: list[str] = []
    host, port = url.removeprefix("http://").split(":")

    async def relay(asker: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        answers, onward = await asyncio.open_connection(host, port)
        answering = asyncio.create_task(copy(answers, back))
        is_used = False
        while part := await asker.read(65_536):
            if part.startswith(b"POST"):
                calls.append("broken off" if is_used else "heard")
                if is_used:
                    break
                is_used = True
            onward.write(part)
        onward.close()
        await answering

    async def copy(answers: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while part := await answers.read(65_536):
            back.write(part)
        back.close()

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", calls


async def test_faults_count_down_and_are_forgotten(world: SandboxWorld) -> None:
    await world.tell(lose=3, api=[{"kind": "refuse", "times": 2}])
    with pytest.raises(GatewayRefused):
        await world.gateway.payment(key="x")
    left = (await world.api.get("/v1/faults")).json()

    await world.api.delete("/v1/faults")

    assert (left["lose"], left["api"][0]["times"]) == (3, 1)
    forgotten = (await world.api.get("/v1/faults")).json()
    assert (forgotten["lose"], forgotten["api"]) == (0, [])
