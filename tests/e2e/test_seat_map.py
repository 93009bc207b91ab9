"""The seat map while others book: what is taken fades, what is missed comes back, a change is drawn at once."""

import asyncio

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from tests.e2e.looks import axe
from tests.e2e.views import View
from tests.e2e.visitors import customer
from tests.journeys.world import World

GONE = {"en": "was just taken", "ar": "أخذ شخص آخر"}
NO_CONNECTION = "No connection. What you see may have changed; it is checked again when you hold seats."
BOTH = pytest.mark.parametrize("view", ["desk-en", "phone-ar"], indirect=True)
_COUNT_FRAMES = """
async () => {
  const map = document.querySelector("seat-map");
  const id = map.querySelector("[role=grid] .place").dataset.id;
  const frame = () => new Promise(requestAnimationFrame);
  await frame(); await frame();
  let count = 0;
  map.learn([{ seat_id: id, status: "reserved" }]);
  while (map.querySelector(`[data-id="${id}"]`).dataset.look !== "held") { await frame(); count++; }
  await frame();
  return count + 1;
}
"""


@BOTH
async def test_a_seat_that_another_takes_is_shown_at_once_and_the_rest_of_the_choice_stays(
    world: World, page: Page, view: View
) -> None:
    line, other = await world.line(rows=4), await world.customer()
    someone = await customer(world, page, view, is_signed_in=False)
    await someone.open_map(line, "?seats=1A,1B")
    await someone.looks("1A", "chosen")

    reservation = await world.reserve(other, line, "1A")

    await someone.looks("1A", "held")
    await someone.looks("1B", "chosen")
    await expect(page.locator(".toasts")).to_contain_text(GONE[view.language])
    await axe(page)
    await other.ask("DELETE", f"/reservations/{reservation['id']}")
    await someone.looks("1A", "free")


@BOTH
async def test_without_a_connection_the_map_says_so_and_shows_what_it_missed_once_it_is_back(
    world: World, page: Page, view: View
) -> None:
    line, other = await world.line(), await world.customer()
    someone = await customer(world, page, view, is_signed_in=False)
    sockets: list[WebSocketRoute] = []
    is_down = asyncio.Event()

    async def connect(socket: WebSocketRoute) -> None:
        if is_down.is_set():
            await socket.close(code=1001)
            return
        socket.connect_to_server()
        sockets.append(socket)

    await page.route_web_socket("**/seats?*", connect)
    await someone.open_map(line)
    await page.wait_for_function("() => document.querySelector('seat-map').live.isOnline")
    banner = page.locator("seat-map .offline")
    await expect(banner).to_be_hidden()

    is_down.set()
    await sockets[0].close(code=1001)
    await expect(banner).to_have_text(someone.says(NO_CONNECTION))
    await axe(page)
    await world.reserve(other, line, "1A")
    await someone.looks("1A", "free")
    is_down.clear()

    await someone.looks("1A", "held")
    await expect(banner).to_be_hidden()


@BOTH
async def test_a_double_click_holds_once(world: World, page: Page, view: View) -> None:
    line = await world.line()
    someone = await customer(world, page, view)
    await someone.open_map(line)
    await someone.choose("1A", "2B")

    sent = await someone.click_twice(someone.button("Hold these seats"))

    await expect(page.locator("#pay")).to_be_visible()
    assert sent == sent[:1]
    assert await world.seat_map(line) == {"1A": "reserved", "2B": "reserved"}


@pytest.mark.parametrize("view", ["desk-en"], indirect=True)
async def test_a_map_of_fifty_seats_redraws_a_change_within_two_frames(world: World, page: Page, view: View) -> None:
    line = await world.line(rows=13)
    someone = await customer(world, page, view, is_signed_in=False)
    await someone.open_map(line)
    assert await page.locator("seat-map [role=gridcell][data-look]").count() >= 50

    frames = await page.evaluate(_COUNT_FRAMES)

    assert frames <= 2
