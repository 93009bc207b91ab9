"""The start page, the language, and the files of every page."""

from datetime import timedelta

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from holdfast.kernel.audit import anyone
from holdfast.kit.http import Router, allow, cacheable
from holdfast.kit.words import Locale
from holdfast.web.frame import LANGUAGE_COOKIE, frame_of, show
from holdfast.web.routing import Pages, local_path

router = Pages()
#: Files are no pages: nobody is known by their login here.
files = Router(include_in_schema=False)

_LANGUAGE_KEPT = timedelta(days=365)


@router.get("/")
@allow(anyone)
async def start_page(request: Request) -> Response:
    return await show(request, "web/home.html")


@router.get("/language/{locale}")
@allow(anyone)
async def choose_language(request: Request, locale: Locale, next: str | None = None) -> Response:  # noqa: A002 - its name
    """Remember the language in this browser and go back to where one was."""
    response = RedirectResponse(local_path(next), status_code=303)
    response.set_cookie(
        LANGUAGE_COOKIE,
        locale,
        max_age=int(_LANGUAGE_KEPT.total_seconds()),
        path="/",
        secure=frame_of(request).identity.are_cookies_secure,
        httponly=True,
        samesite="lax",
    )
    return response


@files.get("/static/{digest}/{name:path}")
@allow(anyone)
async def static_file(request: Request, digest: str, name: str) -> Response:
    """A style, script or picture of our own."""
    return frame_of(request).assets.answer(request, digest, name)


@files.get("/favicon.ico")
@cacheable("public, max-age=86400")
@allow(anyone)
async def icon(request: Request) -> Response:
    """Browsers ask for it without being told to."""
    return frame_of(request).assets.answer(request, "", "icon.svg")
