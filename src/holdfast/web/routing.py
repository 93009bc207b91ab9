"""Routes whose answers people look at: known by the login cookie, refused to other sites, failing as pages do.

A page route is a route of the API with three differences: the caller is known by the cookie of their login; what
writes must come from a page of ours (Origin, Sec-Fetch-Site); and an error is a page, or the way to sign in.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.kernel.identity import InvalidToken, drop_page_login
from holdfast.kit.errors import Error, Forbidden, Unauthenticated
from holdfast.kit.http import Route, Router
from holdfast.web import failures
from holdfast.web.frame import frame_of

_SAFE = {"GET", "HEAD"}
_log = structlog.stdlib.get_logger("holdfast.web")


@dataclass(eq=False)
class FromAnotherSite(Forbidden):
    """This was sent from a page of another site, so nothing was done."""


class PageRoute(Route):
    """See this file's top."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        run = super().get_route_handler()

        async def look(request: Request) -> Response:
            request.state.is_page = True
            try:
                if request.method not in _SAFE:
                    refuse_other_sites(request)
                return await run(request)
            except Unauthenticated as error:
                return await _to_sign_in(request, error)
            except Error as error:
                return await failures.page(request, error)
            except RequestValidationError:
                return await failures.page(request, failures.UnfitAddress())
            except Exception:  # noqa: BLE001 - a page must always be shown; the log has the trace
                _log.exception("unexpected failure of a page", route=self.path_format)
                return await failures.page(request, failures.Broken())

        return look


class Pages(Router):
    """A router of pages; they stand in no API document."""

    def __init__(self) -> None:
        super().__init__(include_in_schema=False)
        self.route_class = PageRoute


def refuse_other_sites(request: Request) -> None:
    """FromAnotherSite unless the browser says that a page of ours sent this."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise FromAnotherSite
        return
    if request.headers.get("origin") not in frame_of(request).origins | {_own_origin(request)}:
        raise FromAnotherSite


def local_path(text: str | None, *, default: str = "/") -> str:
    """A path of ours to go on to, never another site's address."""
    if not text or not text.startswith("/") or text.startswith(("//", "/\\")) or len(text) > 500:  # noqa: PLR2004
        return default
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc and "\\" not in text and text.isprintable() else default


async def _to_sign_in(request: Request, error: Unauthenticated) -> Response:
    """Whoever looks is asked to sign in and comes back; what was being sent is shown as refused."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method not in _SAFE:
        wanted = local_path(urlsplit(request.headers.get("referer", "")).path)
    response = RedirectResponse(f"/sign-in?next={quote(wanted, safe='/')}", status_code=303)
    if isinstance(error, InvalidToken):
        drop_page_login(response, frame_of(request).identity)
    return response


def _own_origin(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"
