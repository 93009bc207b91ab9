"""A whole journey: search, choose, pay, see the ticket, cancel; in every view, by keyboard alone."""

from datetime import timedelta

from playwright.async_api import Page, expect

from tests.builders_identity import PASSWORD
from tests.e2e.views import View
from tests.e2e.visitors import GOOD_CARD, customer
from tests.journeys.world import World


async def test_a_customer_books_pays_sees_the_ticket_and_cancels_by_keyboard_alone(
    world: World, page: Page, view: View
) -> None:
    line = await world.line(departs_in=timedelta(days=2, hours=3), rows=10, modifier="40.00")
    someone = await customer(world, page, view, is_signed_in=False)

    # Search: nothing today, and other days are offered
    await page.goto(f"{someone.url}/")
    await someone.looks_around()
    await someone.press(page.locator("main a[href='/bus']"))
    await page.wait_for_url("**/bus")
    await someone.type(page.locator("#origin"), line.ends[0].upper())
    await someone.type(page.locator("#destination"), line.ends[1])
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(someone.says("Nothing leaves on this day."))).to_be_visible()
    await someone.looks_around()
    await someone.press(page.locator(".empty a.button").first)
    await expect(page.locator("a.run")).to_have_count(1)
    await someone.looks_around()

    # Choose: the best seats are offered, two others are taken by hand
    await someone.press(page.locator("a.run"))
    await page.locator("seat-map svg[role=grid]").wait_for()
    offer = someone.counts("It is chosen on the map.", "They are chosen on the map.", 1)
    await expect(page.locator("form [role=status]").first).to_contain_text(offer)
    await someone.looks_around()
    await someone.tab_to(page.locator("seat-map [role=gridcell][tabindex='0']"))
    chosen = page.locator("seat-map [role=gridcell][data-look=chosen]")
    await expect(chosen).to_have_count(1)
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press(" ")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Enter")
    await expect(chosen).to_have_count(3)
    await expect(page.locator("#sum")).to_contain_text("380.00 EGP")
    await someone.looks_around()

    # Hold: a stranger signs in first, and the choice is kept
    await someone.press(someone.button("Sign in and hold these seats"))
    await page.wait_for_url("**/sign-in?**")
    await someone.looks_around()
    await someone.type(page.locator("#email"), someone.person.email)
    await someone.type(page.locator("#password"), PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/bus/schedules/**")
    await expect(chosen).to_have_count(3)
    await someone.press(someone.button("Hold these seats"))
    await page.wait_for_url("**/holds/*")

    # Pay
    await expect(page.get_by_role("timer")).to_have_text("15:00")
    await expect(page.locator(".lines .total").last).to_have_text("380.00 EGP")
    await someone.looks_around()
    await someone.press(page.locator("#pay button"))
    await page.wait_for_url(lambda url: url.startswith(world.site.sandbox_url))
    await someone.looks_around()
    await someone.type(page.get_by_role("textbox"), GOOD_CARD)
    await page.keyboard.press("Enter")

    # The ticket
    await page.wait_for_url("**/bookings/*?paid=1")
    await expect(page.locator(".ticket img")).to_have_count(3)
    await someone.looks_around()
    codes = await page.evaluate("() => [...document.querySelectorAll('.ticket img')].map((code) => code.naturalWidth)")
    assert all(codes), "the codes are shown"
    async with page.expect_download() as download:
        await someone.press(someone.link("Tickets as PDF"))
    assert (await (await download.value).path()).read_bytes().startswith(b"%PDF-")
    async with page.expect_download() as download:
        await someone.press(someone.link("Add to calendar"))
    assert b"BEGIN:VEVENT" in (await (await download.value).path()).read_bytes()

    # Cancel one seat, then the rest: first what comes back, then the act
    await someone.press(page.locator("nav a[href='/bookings']"))
    await page.wait_for_url("**/bookings")
    await someone.looks_around()
    await someone.press(page.locator("main a.card"))
    await page.wait_for_url("**/bookings/*")
    await someone.press(page.locator("input[name=items]").nth(1), " ")
    await someone.press(page.locator("input[name=items]").nth(2), " ")
    await someone.press(someone.button("See what is paid back"))
    await page.wait_for_url("**/cancel?**")
    await expect(page.locator(".lines .total").last).to_have_text("100.00 EGP")
    await someone.looks_around()
    await someone.press(someone.button("Cancel these places"))
    await page.wait_for_url("**?cancelled=1")
    await expect(page.locator(".ticket img")).to_have_count(2)
    await expect(page.get_by_role("status").first).to_contain_text("100.00 EGP")
    await someone.press(someone.button("See what is paid back"))
    await page.wait_for_url("**/cancel?**")
    await someone.press(someone.button("Cancel the booking"))
    await page.wait_for_url("**?cancelled=1")
    await expect(page.locator(".ticket img")).to_have_count(0)
    await someone.looks_around()
    assert await world.seat_map(line) == {}
    await world.agrees()
