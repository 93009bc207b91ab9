"""Take down whatever goes wrong in a browser while a test looks elsewhere; a test fails that leaves any of it."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, WebSocket

_ALLOWED_HOST = "127.0.0.1"
_LOCAL_SCHEMES = {"about", "blob", "data", "chrome-error"}
#: A request that the browser gives up because the person goes elsewhere, or saves what comes, has not failed.
_GIVEN_UP = "net::ERR_ABORTED"
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  window.holdfastViolation(`${event.violatedDirective} refused ${event.blockedURI} ${event.sample}`);
});
"""


class Watch:
    """What went wrong on the pages of a test: console errors, crashes of scripts, refusals by the content security
    policy, failed requests, requests to any other origin.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """What matches is meant to happen in this test: `watch.expect("status of 404")`."""
        self._expected.append(re.compile(pattern))

    @property
    def unexpected(self) -> list[str]:
        return [line for line in self.found if not any(pattern.search(line) for pattern in self._expected)]

    async def over(self, context: BrowserContext) -> None:
        """Look at every page of this context, from its beginning."""
        await context.expose_binding("holdfastViolation", self._violation)
        await context.add_init_script(_TELL_VIOLATIONS)
        context.on("page", self._page)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("console", self._console)

    def _page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.found.append(f"script crashed: {error}"))
        page.on("websocket", self._socket)
        page.on("crash", lambda _: self.found.append("the page crashed"))

    def _violation(self, source: Any, text: str) -> None:
        self.found.append(f"content security policy at {source['page'].url}: {text}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            place = message.location or {}
            self.found.append(f"console: {message.text} ({place.get('url', '')})")

    def _request(self, request: Request) -> None:
        self._look_at(request.url)

    def _socket(self, socket: WebSocket) -> None:
        self._look_at(socket.url)

    def _look_at(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _LOCAL_SCHEMES and parts.hostname != _ALLOWED_HOST:
            self.found.append(f"request to another origin: {url}")

    def _failed(self, request: Request) -> None:
        if request.failure != _GIVEN_UP:
            self.found.append(f"request failed: {request.method} {request.url}: {request.failure}")
