"""What a test asks of a page besides what stands on it: is it accessible, how much is it, and its picture."""

from pathlib import Path

import pytest
from playwright.async_api import Page

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
_AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
_RUN_AXE = """
async (without) => {
  const context = {include: [["html"]], exclude: without.map((selector) => [selector])};
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  // preload: only rules on rotation and sound need it, of which no page has any; it takes as long as all the rest
  const only = {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], preload: false};
  const found = await axe.run(context, only);
  return found.violations.flatMap(({id, help, nodes}) => nodes.map((node) => {
    const data = node.any.concat(node.all, node.none).map((check) => check.message).join("; ");
    return `${id}: ${help}: ${node.html.slice(0, 160)} (${data})`;
  }));
}
"""
_WEIGH = """
() => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
  .reduce((sum, entry) => sum + entry.transferSize, 0)
"""


async def axe(page: Page, *, without: tuple[str, ...] = ()) -> None:
    """No breach of WCAG A or AA (2.0 to 2.2) that axe-core can see. `without`: selectors of what is not ours."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(_AXE)  # by the debugger's way, which the content security policy does not stop
    found = await page.evaluate(_RUN_AXE, list(without))
    assert not found, f"axe finds at {page.url}:\n" + "\n".join(found)


async def transferred(page: Page) -> int:
    """Bytes that this page and all it needs took over the wire; nothing for what was in the cache."""
    return int(await page.evaluate(_WEIGH))


async def scrolls_sideways(page: Page) -> bool:
    """The page is wider than the screen, which no page may be."""
    return bool(await page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth"))


class Camera:
    """Takes the pictures of README and docs, when asked to by `--pictures`."""

    def __init__(self, config: pytest.Config) -> None:
        self.is_on = bool(config.getoption("--pictures"))

    async def __call__(self, page: Page, name: str, *, full_page: bool = False) -> None:
        """Write docs/pictures/{name}.png, of what can be seen or of the full page."""
        if self.is_on:
            PICTURES.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=PICTURES / f"{name}.png", full_page=full_page, scale="css")
