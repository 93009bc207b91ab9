"""The demo that the other tests look at is the one a person starts."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.demo import Demo

pytestmark = pytest.mark.parametrize("view", ["desk-en"], indirect=True)


async def test_the_demo_is_ready_and_somebody_can_sign_in(demo: Demo, page: Page) -> None:
    account = demo.account("customer")

    ready = await page.goto(f"{demo.url}/api/v1/health/ready")
    body = {"email": account.email, "password": account.password}
    login = await page.request.post(f"{demo.url}/api/v1/users/login", data=body)

    assert ready is not None
    assert ready.status == 200
    await expect(page.locator("body")).to_contain_text('"migrations":"in order"')
    assert "access_token" in await login.json()
