from typing import Any

import httpx2
import pytest

from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel.payments import GatewayRefused
from holdfast.kit.money import Money
from tests.gateways.port_contract import request
from tests.gateways.sandbox.serving import SECRET, SandboxWorld


async def test_without_the_key_nothing_is_answered(world: SandboxWorld) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}):
        answer = await world.browser.get(f"{world.url}/v1/books", headers=headers)

        assert (answer.status_code, answer.json()["code"]) == (401, "wrong_key")


async def test_a_wrong_key_is_a_refusal_to_the_platform(world: SandboxWorld) -> None:
    stranger = SandboxGateway(world.url, api_key="wrong", secrets=(SECRET,))

    with pytest.raises(GatewayRefused):
        await stranger.open(request(world))

    await stranger.close()


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"amount": "0"}, 422),
        ({"amount": "-1"}, 422),
        ({"amount": "1.005"}, 422),
        ({"amount": "NaN"}, 422),
        ({"amount": "1", "currency": "XYZ"}, 422),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 422),
        ({"expires_at": "2090-01-01T00:00:00"}, 422),
        ({"webhook_url": "file:///etc/passwd"}, 422),
        ({"return_url": "javascript:alert(1)"}, 422),
        ({"colour": "red"}, 422),
        ({"key": ""}, 422),
    ],
)
async def test_a_checkout_that_makes_no_sense_is_refused(
    world: SandboxWorld, change: dict[str, Any], status: int
) -> None:
    body = world.body() | change

    answer = await world.api.post("/v1/checkouts", json=body)

    assert answer.status_code == status


async def test_an_outcome_can_be_brought_about(world: SandboxWorld) -> None:
    for outcome, status in (("success", "completed"), ("failed", "failed"), ("expired", "expired")):
        session = await world.opened()

        assert (await _simulated(world, session.reference, outcome)).json()["status"] == status
        assert (await _simulated(world, session.reference, outcome)).json()["status"] == status


async def test_what_is_over_can_only_be_paid_late(world: SandboxWorld) -> None:
    session = await world.opened()
    await _simulated(world, session.reference, "expired")

    refused = await _simulated(world, session.reference, "success")
    late = await world.gateway.simulate(session.reference, "late_success")

    assert (refused.status_code, refused.json()["code"]) == (409, "checkout_over")
    assert late.status == "completed"
    await world.shop.waits_for(session.reference, ["payment.expired", "payment.success"])


async def test_the_fee_is_a_share_of_what_was_captured(world: SandboxWorld) -> None:
    wish = request(world, amount="33.33")
    session = await world.gateway.open(wish)
    await world.pay(session.reference)

    payment = await world.gateway.payment(key=wish.key)

    assert payment is not None
    assert payment.fee == Money.parse("0.50", "EGP")


async def test_the_books_hold_each_movement_and_their_sums_by_currency(world: SandboxWorld) -> None:
    before = {total["currency"]: Money.parse(total["net"], "EGP") for total in (await world.books())["totals"]}
    session = await world.opened(amount="10.00")
    await world.pay(session.reference)
    await world.gateway.refund(key="r-books", payment_reference=session.reference, amount=Money.parse("4.00", "EGP"))
    await world.refund_settled("r-books")

    books = await world.books()

    mine = [one for one in books["entries"] if one["payment_reference"] == session.reference]
    assert [(one["kind"], one["amount"], one["fee_amount"]) for one in mine] == [
        ("capture", "10.00", "0.15"),
        ("refund", "4.00", "0.00"),
    ]
    after = {total["currency"]: Money.parse(total["net"], "EGP") for total in books["totals"]}
    assert after["EGP"] - before.get("EGP", Money.zero("EGP")) == Money.parse("5.85", "EGP")


async def test_a_long_list_comes_whole(world: SandboxWorld) -> None:
    begun = world.now()
    keys = {(await _opened_key(world)) for _ in range(205)}

    listed = [payment.key for payment in await world.gateway.since(begun)]

    assert len(listed) == len(set(listed))
    assert keys <= set(listed)


async def _opened_key(world: SandboxWorld) -> str:
    wish = request(world)
    await world.gateway.open(wish)
    return wish.key


async def _simulated(world: SandboxWorld, reference: str, outcome: str) -> httpx2.Response:
    return await world.api.post(f"/v1/simulate/{reference}", json={"outcome": outcome})
