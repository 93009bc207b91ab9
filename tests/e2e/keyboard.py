"""Go through a page as somebody does who has no pointer: Tab from one thing to the next, and keys."""

from playwright.async_api import Locator, Page

_STEPS_MAX = 150


async def reach(page: Page, target: Locator) -> None:
    """Tab until the target has the focus; what can't be reached so is out of reach for many people."""
    handle = await target.element_handle()
    for _ in range(_STEPS_MAX):
        if await page.evaluate("element => element === document.activeElement", handle):
            return
        await page.keyboard.press("Tab")
    message = f"{target} can't be reached by Tab"
    raise AssertionError(message)


async def press(page: Page, target: Locator, key: str = "Enter") -> None:
    await reach(page, target)
    await page.keyboard.press(key)


async def write(page: Page, target: Locator, text: str) -> None:
    """Into a field, whatever stands in it."""
    await reach(page, target)
    await page.keyboard.press("Control+A")
    await page.keyboard.type(text)
