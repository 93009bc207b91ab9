"""The API to read and try at /api/docs. It speaks English, as the description does that it shows."""

import pytest
from playwright.async_api import Page, expect

from tests.e2e.demo import Demo
from tests.e2e.looks import axe, scrolls_sideways

pytestmark = pytest.mark.parametrize("view", ["phone-en", "desk-en"], indirect=True)


async def test_the_api_can_be_read_by_everybody(demo: Demo, page: Page) -> None:
    await page.goto(f"{demo.url}/api/docs")

    await expect(page.get_by_role("heading", name="Holdfast")).to_be_visible()
    for group in ("Health", "Accounts"):
        await page.locator(f"#operations-tag-{group} button").click()
    await page.locator("#operations-Health-show_readiness .opblock-summary-control").click()
    await page.locator("#operations-Accounts-create_user .opblock-summary-control").click()
    await expect(page.locator("#operations-Accounts-create_user textarea")).to_be_visible()
    assert not await scrolls_sideways(page)
    await axe(page)


async def test_who_signs_in_with_a_token_can_call_as_themselves(demo: Demo, page: Page) -> None:
    account = demo.account("customer")
    body = {"email": account.email, "password": account.password}
    login = await (await page.request.post(f"{demo.url}/api/v1/users/login", data=body)).json()

    await page.goto(f"{demo.url}/api/docs")
    await page.locator(".auth-wrapper .authorize").first.click()
    dialog = page.locator(".dialog-ux")
    await axe(page)
    await dialog.locator("input").fill(login["access_token"])
    await dialog.locator("button.authorize").click()
    await axe(page)
    await dialog.locator("button.btn-done").click()
    await page.locator("#operations-tag-Accounts button").first.click()
    mine = page.locator("#operations-Accounts-show_me")
    await mine.locator(".opblock-summary-control").click()
    await mine.locator("button.execute").click()

    await expect(mine.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    await expect(mine.locator(".live-responses-table .microlight").first).to_contain_text(account.email)
    await axe(page)
    assert not await scrolls_sideways(page)
