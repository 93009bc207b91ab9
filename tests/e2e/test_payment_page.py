"""The sandbox's hosted page, as a customer meets it on the way through a checkout."""

from playwright.async_api import Page, expect

from tests.e2e.looks import axe, scrolls_sideways
from tests.e2e.views import View
from tests.e2e.watch import Watch
from tests.journeys.calls import Json
from tests.journeys.world import World

GOOD_CARD = "4242 4242 4242 4242"
SILENT_CARD = "4000 0000 0000 0119"
LOOK_AGAIN = {"en": "Look again", "ar": "تحقّق مرة أخرى"}
PAID = {"en": "Paid", "ar": "تم الدفع"}


async def _payment(world: World) -> tuple[Json, Json]:
    """A reservation of one place, and the payment begun for it."""
    person, line = await world.customer(), await world.line()
    reservation = await world.reserve(person, line, "1A")
    return reservation, await world.initiate(person, reservation)


async def test_a_customer_pays_by_keyboard_alone(world: World, page: Page, view: View) -> None:
    _, payment = await _payment(world)

    await page.goto(payment["payment_url"])
    await page.keyboard.press("Tab")  # the other language
    await page.keyboard.press("Tab")
    await page.keyboard.type(GOOD_CARD)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_contain_text(PAID[view.language])
    assert (await world.bank.webhooks(payment))[0]["type"] == "payment.success"


async def test_the_payment_page_is_accessible_in_every_state(world: World, page: Page, view: View) -> None:
    _, payment = await _payment(world)

    await page.goto(payment["payment_url"])
    await expect(page.locator("html")).to_have_attribute("dir", view.direction)
    await expect(page.locator("html")).to_have_attribute("lang", view.language)
    await axe(page)
    assert not await scrolls_sideways(page)
    await page.get_by_role("textbox").fill(GOOD_CARD)
    await page.locator("button.pay").click()
    await expect(page.get_by_role("status")).to_be_visible()

    await axe(page)
    assert not await scrolls_sideways(page)


async def test_a_mistyped_number_is_explained_beside_the_field(world: World, page: Page, watch: Watch) -> None:
    _, payment = await _payment(world)
    watch.expect("status of 422")

    await page.goto(payment["payment_url"])
    await page.get_by_role("textbox").fill("4111 1111 1111 1111")
    await page.locator("button.pay").click()

    field = page.get_by_role("textbox")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(field).to_have_attribute("aria-invalid", "true")
    assert "problem" in (await field.get_attribute("aria-describedby") or "").split()
    await axe(page)


async def test_while_the_bank_is_at_work_the_customer_may_look_again(world: World, page: Page, view: View) -> None:
    _, payment = await _payment(world)

    await page.goto(payment["payment_url"])
    await page.get_by_role("textbox").fill(SILENT_CARD)
    await page.locator("button.pay").click()
    await expect(page.get_by_role("status")).to_be_visible()
    await axe(page)
    await world.bank.simulate(payment, "success")
    await page.get_by_role("link", name=LOOK_AGAIN[view.language]).click()

    await expect(page.get_by_role("status")).to_contain_text(PAID[view.language])
