"""An operator's day: a bus, a route, a schedule; what is sold of it; its end; the books. By keyboard alone."""

from datetime import timedelta
from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from holdfast.kit.ids import new_id
from tests import builders_identity
from tests.e2e.views import View
from tests.e2e.visitors import Visitor
from tests.journeys.calls import Line
from tests.journeys.world import World

#: With an admin's journeys, each language and each width.
pytestmark = pytest.mark.parametrize("view", ["phone-en", "desk-ar"], indirect=True)


async def test_an_operator_plans_a_schedule_sells_cancels_and_reads_the_books(
    world: World, page: Page, view: View
) -> None:
    provider = await builders_identity.open_provider(world.database)
    (person,) = await world.crowd(1, roles=("operator",), member_of=provider.id, locale=view.language)
    someone = Visitor(world, page, view, person)
    suffix = new_id().hex[-6:]
    await someone.sign_in_by_keyboard()
    await someone.press(page.locator("header a[href='/staff']"))
    await page.wait_for_url("**/staff")
    await someone.looks_around()

    # A bus and a route
    await someone.section("/staff/bus/buses")
    await someone.press(someone.link("Enter a bus"))
    await someone.type(page.locator("#bus_number"), f"Bus {suffix}")
    await someone.type(page.locator("#rows"), "3")
    await someone.looks_around()
    await someone.press(someone.button("Enter it"))
    await someone.done("created")
    await expect(page.locator(".floor-table .place")).to_have_count(13)
    await someone.looks_around()
    await someone.section("/staff/bus/routes")
    await someone.press(someone.link("Open a route"))
    for number, city, arabic, minutes, km in (
        (1, f"Cairo {suffix}", f"القاهرة {suffix}", 0, 0),
        (2, f"Luxor {suffix}", f"الأقصر {suffix}", 600, 650),
    ):
        await someone.type(page.locator(f"#city-{number}"), city)
        await someone.type(page.locator(f"#city_ar-{number}"), arabic)
        await someone.type(page.locator(f"#minutes-{number}"), str(minutes))
        await someone.type(page.locator(f"#km-{number}"), str(km))
    await someone.looks_around()
    await someone.press(someone.button("Open it"))
    await someone.done("created")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("الأقصر" if view.language == "ar" else "Luxor")

    # A schedule, on sale at once
    await someone.section("/staff/bus/schedules")
    await someone.press(someone.link("Plan a schedule"))
    departure = (await world.now() + timedelta(days=9)).strftime("%Y-%m-%dT08:00")
    await page.locator("#departure").fill(departure)  # each browser's own picker
    await someone.type(page.locator("#base_price"), "200.00")
    await someone.looks_around()
    await someone.press(someone.button("Plan it"))
    await page.wait_for_url(lambda url: "/staff/bus/schedules/" in url and "/new" not in url)
    address = page.url.split("?")[0]
    await expect(page.locator(".floor-table .place")).to_have_count(13)

    # It sells: one booking paid, one hold
    line = Line(
        id=address.rsplit("/", 1)[1],
        operator=person,
        provider_id=UUID(str(provider.id)),
        cities=(f"Cairo {suffix}", f"Luxor {suffix}"),
        departs_at=await world.now(),
        seats=(),
    )
    paying, waiting = await world.crowd(2)
    booking = await world.book(paying, line, "1A", "1B")
    await world.reserve(waiting, line, "2A")
    await page.goto(address)
    await expect(page.locator(".floor-table .place.sold")).to_have_count(2)
    await expect(page.locator(".floor-table .place.held")).to_have_count(1)
    await someone.looks_around()

    # It does not run: for a reason, and everybody is paid back
    await someone.press(page.locator("details.act > summary"))
    await someone.type(page.locator("#reason-cancel"), "The road is closed.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await someone.agree()
    await someone.done("schedule_cancelled")
    await someone.looks_around()
    await world.agrees()
    await someone.press(someone.link("Its bookings"))
    await someone.press(page.locator("table a", has_text=booking["booking_reference"]))
    await expect(page.locator("#money")).to_be_visible()
    await expect(page.get_by_text(someone.says("the provider cancelled")).first).to_be_visible()
    await expect(page.get_by_text("400.00 EGP").first).to_be_visible()
    await someone.looks_around()

    # The books
    await someone.section("/staff/reports")
    await someone.looks_around()
    await someone.press(page.locator("a[href*='kind=finance']"))
    await expect(page.locator(".chip.bad")).to_have_count(0)
    await expect(page.locator("section[aria-labelledby=ties] .chip.good").first).to_be_visible()
    await someone.looks_around()
