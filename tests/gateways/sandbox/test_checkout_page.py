import asyncio
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.gateways.sandbox import create_sandbox
from tests.gateways.port_contract import request
from tests.gateways.sandbox.conftest import settings_in
from tests.gateways.sandbox.serving import API_KEY, SandboxWorld

SHOP = "http://shop.example:8080/back?payment=1"


async def test_the_page_shows_amount_description_time_left_and_the_test_numbers(world: SandboxWorld) -> None:
    session = await world.opened()

    page = await world.browser.get(session.url)

    assert page.status_code == 200
    for text in ("12.50", "EGP", "Cairo to Aswan, places 3 and 4", "9&nbsp;min", "4000 0000 0000 0119"):
        assert text in page.text


async def test_the_page_speaks_arabic_from_right_to_left(world: SandboxWorld) -> None:
    session = await world.opened()

    by_browser = await world.browser.get(session.url, headers={"Accept-Language": "ar-EG,ar;q=0.9,en;q=0.5"})
    by_choice = await world.browser.get(f"{session.url}?lang=ar", headers={"Accept-Language": "en"})
    english = await world.browser.get(session.url, headers={"Accept-Language": "fr, en;q=0.5"})

    for page in (by_browser, by_choice):
        assert '<html lang="ar" dir="rtl">' in page.text
        assert "رقم البطاقة" in page.text
    assert '<html lang="en" dir="ltr">' in english.text


async def test_the_page_runs_no_script_and_loads_nothing_from_elsewhere(world: SandboxWorld) -> None:
    session = await world.opened(return_url=SHOP)

    page = await world.browser.get(session.url)

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "<script" not in page.text
    assert "unsafe" not in policy
    assert policy.endswith("form-action 'self' http://shop.example:8080")
    assert page.headers["cache-control"] == "no-store"
    style = await world.browser.get(f"{world.url}/checkout.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "http" not in style.text


async def test_a_description_with_markup_is_shown_as_text(world: SandboxWorld) -> None:
    body = world.body() | {"description": "<script>alert(1)</script>"}
    url = (await world.api.post("/v1/checkouts", json=body)).json()["url"]

    page = await world.browser.get(url)

    assert "<script>" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


async def test_after_paying_the_customer_is_back_at_the_shop(world: SandboxWorld) -> None:
    session = await world.opened(return_url=SHOP)

    answer = await world.enter(session.reference, "4242-4242-4242-4242")

    assert (answer.status_code, answer.headers["location"]) == (303, SHOP)


async def test_without_a_shop_to_go_back_to_the_page_says_that_it_is_paid(world: SandboxWorld) -> None:
    session = await world.opened()

    answer = await world.enter(session.reference, "4242424242424242")

    assert answer.headers["location"] == f"/checkout/{session.reference}"
    page = await world.browser.get(session.url)
    assert "Your payment was received" in page.text
    assert "<form" not in page.text


async def test_fifty_clicks_at_once_capture_once(world: SandboxWorld) -> None:
    session = await world.opened()

    await asyncio.gather(*(world.pay(session.reference) for _ in range(50)))

    captures = [one for one in (await world.books())["entries"] if one["payment_reference"] == session.reference]
    assert [one["amount"] for one in captures] == ["12.50"]
    await world.shop.waits_for(session.reference, ["payment.success"])


async def test_a_number_that_is_no_test_number_changes_nothing(world: SandboxWorld) -> None:
    session = await world.opened()

    answer = await world.enter(session.reference, "4111111111111111")

    assert answer.status_code == 422
    assert "This is not a test number" in answer.text
    assert "4111" not in answer.text
    assert (await world.gateway.end(session.reference)).status == "expired"


async def test_the_customer_who_cancels_has_not_paid(world: SandboxWorld) -> None:
    session = await world.opened(return_url=SHOP)

    answer = await world.browser.post(session.url, data={"action": "cancel"})

    assert answer.headers["location"] == SHOP
    await world.shop.waits_for(session.reference, ["payment.failed"])
    assert "Nothing was charged" in (await world.browser.get(session.url)).text


async def test_after_the_deadline_the_page_says_so_and_takes_no_money(world: SandboxWorld) -> None:
    session = await world.opened(seconds=60)
    await world.tell_time_passes(seconds=61)

    await world.pay(session.reference)

    page = await world.browser.get(session.url)
    assert "This checkout has expired" in page.text
    await world.shop.waits_for(session.reference, ["payment.expired"])


async def test_the_late_number_captures_after_the_deadline(world: SandboxWorld) -> None:
    wish = request(world, seconds=60)
    session = await world.gateway.open(wish)
    await world.enter(session.reference, "4000 0000 0000 0069")

    working = await world.gateway.end(session.reference)
    await world.tell_time_passes(seconds=80)
    still_working = await world.gateway.payment(key=wish.key)
    await world.tell_time_passes(seconds=91)
    captured = await world.gateway.payment(key=wish.key)

    assert working.status == "processing"
    assert still_working is not None
    assert still_working.status == "processing"
    assert captured is not None
    assert captured.status == "completed"
    assert captured.at > wish.expires_at
    await world.shop.waits_for(session.reference, ["payment.success"])


async def test_the_silent_number_never_tells_and_expires_when_asked_after_the_deadline(world: SandboxWorld) -> None:
    wish = request(world, seconds=60)
    session = await world.gateway.open(wish)
    await world.enter(session.reference, "4000 0000 0000 0119")

    working = await world.gateway.payment(key=wish.key)
    await world.tell_time_passes(seconds=61)
    over = await world.gateway.payment(key=wish.key)

    assert working is not None
    assert working.status == "processing"
    assert over is not None
    assert over.status == "expired"
    listed = (await world.api.get("/v1/webhooks", params={"reference": session.reference})).json()
    assert listed == {"webhooks": []}


@pytest.mark.parametrize("body", [b"card=" + b"4" * 5_000, b"\xff\xfe=\x00", b"", b"a&b&c"])
async def test_a_senseless_form_is_no_error_of_ours(world: SandboxWorld, body: bytes) -> None:
    session = await world.opened()

    answer = await world.browser.post(session.url, content=body)

    assert answer.status_code in {413, 422}


async def test_a_checkout_that_does_not_exist_has_a_page_that_says_so(world: SandboxWorld) -> None:
    page = await world.browser.get(f"{world.url}/checkout/sbx_nothing")

    assert page.status_code == 404
    assert "There is no such checkout" in page.text


async def test_mounted_under_a_prefix_its_addresses_carry_it(world: SandboxWorld, tmp_path: Path) -> None:
    host = FastAPI()
    sandbox = create_sandbox(settings_in(tmp_path))
    host.mount("/sandbox", sandbox)
    transport = httpx2.ASGITransport(host)
    async with httpx2.AsyncClient(transport=transport, base_url="http://demo:8000") as client:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        url = (await client.post("/sandbox/v1/checkouts", json=world.body(), headers=headers)).json()["url"]
        page = await client.get(url)
        paid = await client.post(url, data={"card": "4242424242424242"})
        style = await client.get("/sandbox/checkout.css")
    await sandbox.state.sandbox.store.close()

    assert url.startswith("http://demo:8000/sandbox/checkout/sbx_")
    assert 'href="/sandbox/checkout.css"' in page.text
    assert paid.headers["location"].startswith("/sandbox/checkout/")
    assert style.status_code == 200
