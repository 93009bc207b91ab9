"""The demo that the other tests look at is the one a person starts; README shows what they see then."""

from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from holdfast.kit.words import say
from tests.e2e.conftest import OpenPage
from tests.e2e.demo import Demo
from tests.e2e.looks import Camera, axe
from tests.e2e.views import View
from tests.e2e.visitors import GOOD_CARD

HELD = 3
#: The pictures of README.
SHOWN = {"search-desk-en", "seats-phone-en", "checkout-phone-ar", "booking-phone-en", "dashboard-desk-en"}


async def sign_in(demo: Demo, page: Page, role: str) -> None:
    account = demo.account(role)
    await page.goto(f"{demo.url}/sign-in")
    await page.locator("#email").fill(account.email)
    await page.locator("#password").fill(account.password)
    await page.locator("main form button").click()
    await page.wait_for_url(f"{demo.url}/")


@pytest.mark.parametrize("view", ["desk-en"], indirect=True)
async def test_the_demo_is_ready_and_somebody_can_sign_in(demo: Demo, page: Page) -> None:
    account = demo.account("customer")

    ready = await page.goto(f"{demo.url}/api/v1/health/ready")
    body = {"email": account.email, "password": account.password}
    login = await page.request.post(f"{demo.url}/api/v1/users/login", data=body)

    assert ready is not None
    assert ready.status == 200
    await expect(page.locator("body")).to_contain_text('"migrations":"in order"')
    assert "access_token" in await login.json()


@pytest.mark.parametrize("view", ["desk-en", "phone-en", "phone-ar"], indirect=True)
async def test_what_a_visitor_of_the_demo_sees(
    demo: Demo, page: Page, open_page: OpenPage, view: View, screenshot: Camera
) -> None:
    async def shows(seen: Page, name: str) -> None:
        await axe(seen)
        if f"{name}-{view.name}" in SHOWN:
            await screenshot(seen, f"{name}-{view.name}")

    # A customer finds a bus of which somebody holds seats, chooses others, pays
    await sign_in(demo, page, "customer")
    await page.goto(f"{demo.url}/language/{view.language}?next=/bus")
    await page.locator("#origin").fill("Cairo")
    await page.locator("#destination").fill("Alexandria")
    day = (datetime.now(UTC) + timedelta(days=3)).date()
    await page.locator("#day").fill(day.isoformat())
    await page.locator("main form[role=search] button").click()
    await expect(page.locator("a.run").nth(5)).to_be_visible()
    await shows(page, "search")
    departure = await hold_some(demo, page, day)
    await page.locator(f"a.run[href*='{departure}']").click()
    await page.locator("seat-map svg[role=grid]").first.wait_for()
    await expect(page.locator("seat-map [role=grid] [data-look=held]")).to_have_count(HELD)
    free = page.locator("seat-map [role=grid] [data-look=free]:not([aria-label*='1D'])")
    await free.nth(5).click()
    await page.locator("seat-map .scroll").evaluate("(map) => map.scrollIntoView()")
    await shows(page, "seats")
    await page.locator(".sum-line button").click()
    await expect(page.locator("count-down")).to_be_visible()
    await shows(page, "checkout")
    await page.locator("#pay button").click()
    await page.get_by_role("textbox").fill(GOOD_CARD)
    await page.locator("button.pay").click()
    await page.wait_for_url("**/bookings/*?paid=1")
    await expect(page.locator(".ticket img").first).to_be_visible()
    await shows(page, "booking")

    # An admin looks on
    staff = await open_page()
    await sign_in(demo, staff, "admin")
    await staff.goto(f"{demo.url}/language/{view.language}?next=/staff")
    await expect(staff.get_by_role("heading", level=1)).to_have_text(say("Overview", view.language))
    await staff.locator(".charts").scroll_into_view_if_needed()
    await shows(staff, "dashboard")


async def hold_some(demo: Demo, page: Page, day: date) -> str:
    """Somebody else holds a few seats of a departure of which nothing is taken yet; which one that is."""
    api, account = f"{demo.url}/api/v1", demo.account("clerk")
    login = await page.request.post(f"{api}/users/login", data={"email": account.email, "password": account.password})
    query = f"origin_city=Cairo&destination_city=Alexandria&departure_date={day}"
    found = (await (await page.request.get(f"{api}/bus/schedules/search?{query}")).json())["items"]
    free: str = next(each["id"] for each in found if each["available_seats"] == each["total_seats"])
    authorized = {"Authorization": f"Bearer {(await login.json())['access_token']}"}
    wanted = {"schedule_id": free, "count": HELD, "preference": "together"}
    held = await page.request.post(f"{api}/bus/reservations/create", data=wanted, headers=authorized)
    assert held.status == 201, await held.text()
    return free
