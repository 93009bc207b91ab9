"""What people do on our pages, and how: with fingers or mouse, or by keyboard alone."""

import asyncio
import re
from dataclasses import dataclass

from playwright.async_api import Locator, Page, Route, expect

from holdfast.kit.words import plural, say
from tests.builders_identity import PASSWORD
from tests.e2e.looks import axe, scrolls_sideways
from tests.e2e.views import View
from tests.journeys.calls import Line, Person
from tests.journeys.world import World

GOOD_CARD = "4242 4242 4242 4242"
_TABS_MAX = 150
_IS_SEEN = """
(node) => {
  const [{left, top, width, height}] = node.getClientRects();  // of what goes over several lines, the first
  const there = document.elementFromPoint(left + width / 2, top + height / 2);
  const looks = [node, ...node.querySelectorAll("*")].map((each) => getComputedStyle(each));
  return {
    isOnTop: node.contains(there) || (node.labels ? [...node.labels].some((label) => label.contains(there)) : false),
    isMarked: looks.some((look) => look.outlineStyle !== "none" || parseFloat(look.strokeWidth) > 3),
  };
}
"""


@dataclass
class Visitor:
    """Somebody at a page of the site, in a language."""

    world: World
    page: Page
    view: View
    person: Person

    @property
    def url(self) -> str:
        return self.world.site.urls[0]

    def says(self, message: str, **fields: object) -> str:
        """Our words in the language of the page."""
        text = say(message, self.view.language)
        return text.format(**fields) if fields else text

    def counts(self, one: str, many: str, count: int) -> str:
        return plural(one, many, count, self.view.language).replace("%(num)s", str(count)).format(count=count)

    # Looking

    async def looks_around(self) -> None:
        """The page is one for everybody: accessible, as wide as the screen, written in the right direction."""
        await expect(self.page.locator("html")).to_have_attribute("dir", self.view.direction)
        await expect(self.page.get_by_role("heading", level=1)).to_have_count(1)
        assert re.fullmatch(r".{2,}", await self.page.title())
        await axe(self.page)
        assert not await scrolls_sideways(self.page), self.page.url

    def button(self, message: str) -> Locator:
        return self.page.get_by_role("button", name=self.says(message), exact=True)

    def link(self, message: str) -> Locator:
        return self.page.get_by_role("link", name=self.says(message), exact=True)

    # Going

    async def sign_in(self) -> None:
        await self.page.goto(f"{self.url}/language/{self.view.language}?next=/sign-in")
        await self.page.locator("#email").fill(self.person.email)
        await self.page.locator("#password").fill(PASSWORD)
        await self.page.locator("main form button").click()
        await self.page.wait_for_url(lambda url: "/sign-in" not in url)

    # By keyboard alone

    async def sign_in_by_keyboard(self) -> None:
        await self.page.goto(f"{self.url}/sign-in")
        await self.type(self.page.locator("#email"), self.person.email)
        await self.type(self.page.locator("#password"), PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url(lambda url: "/sign-in" not in url)

    async def tab_to(self, target: Locator) -> None:
        """Press Tab until it is reached; what has the focus must be seen to have it."""
        await expect(target).to_have_count(1)
        for _ in range(_TABS_MAX):
            await self.page.keyboard.press("Tab")
            if await target.evaluate("(node) => node === document.activeElement"):
                seen = await target.evaluate(_IS_SEEN)
                assert seen == {"isOnTop": True, "isMarked": True}, f"{target} has the focus, but {seen}"
                return
        message = f"{target} is not reached by {_TABS_MAX} tabs"
        raise AssertionError(message)

    async def press(self, target: Locator, key: str = "Enter") -> None:
        await self.tab_to(target)
        await self.page.keyboard.press(key)

    async def type(self, target: Locator, text: str) -> None:
        await self.tab_to(target)
        await self.page.keyboard.press("Control+a")
        await self.page.keyboard.type(text)

    async def section(self, path: str) -> None:
        """To one of the sections for staff: beside the page, or folded away on a phone."""
        if self.view.is_phone:
            await self.press(self.page.locator(".staff-menu > summary"))
        menu = ".staff-menu" if self.view.is_phone else ".staff-side"
        await self.press(self.page.locator(f"{menu} a[href='{path}']"))
        await self.page.wait_for_url(f"**{path}")

    async def agree(self) -> None:
        """To what is asked before something that can't be undone."""
        await expect(self.page.locator("dialog#ask [value=yes]")).to_be_focused()
        await self.page.keyboard.press("Enter")

    async def done(self, word: str) -> None:
        """Return once the page says that it was done."""
        await self.page.wait_for_url(f"**done={word}")
        await expect(self.page.locator(".notice.good").first).to_be_visible()


class Customer(Visitor):
    """Somebody who looks for a seat and pays."""

    async def click_twice(self, button: Locator) -> list[str]:
        """Impatiently: again while the answer to the first click is on its way. The addresses that were sent to."""
        sent: list[str] = []
        is_sent = asyncio.Event()

        async def answer_slowly(route: Route) -> None:
            if route.request.method != "POST":
                await route.continue_()
                return
            sent.append(route.request.url)
            answer = await route.fetch(max_redirects=0)
            is_sent.set()
            await asyncio.sleep(0.5)
            await route.fulfill(response=answer)

        await self.page.route(f"{self.url}/**", answer_slowly)
        await button.scroll_into_view_if_needed()
        box = await button.bounding_box()
        assert box is not None
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        await self.page.mouse.click(*middle)
        await is_sent.wait()
        await self.page.mouse.click(*middle)
        return sent

    def on_map(self, number: str) -> Locator:
        """A place, by the name that is read aloud."""
        return self.page.locator(f"seat-map [role=gridcell][aria-label*=' {number}{self.says_comma}']")

    @property
    def says_comma(self) -> str:
        return "\N{ARABIC COMMA}" if self.view.language == "ar" else ","

    async def looks(self, number: str, look: str) -> None:
        """Return once that place looks like that: free, chosen, mine, held, sold."""
        await expect(self.on_map(number)).to_have_attribute("data-look", look)

    async def open_map(self, line: Line, query: str = "") -> None:
        await self.page.goto(f"{self.url}/bus/schedules/{line.id}{query}")
        await self.page.locator("seat-map svg[role=grid]").first.wait_for()

    async def choose(self, *numbers: str) -> None:
        for number in numbers:
            await self.on_map(number).click()
            await self.looks(number, "chosen")


async def customer(world: World, page: Page, view: View, *, is_signed_in: bool = True) -> Customer:
    """Somebody with an account in the language of the page."""
    person = await world.customer(locale=view.language)
    found = Customer(world, page, view, person)
    if is_signed_in:
        await found.sign_in()
    return found
