"""Show what went wrong as a page: what it is, in words, and the way on."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from holdfast.kit.errors import Error, Invalid, NotFound
from holdfast.kit.problems import detail_of
from holdfast.kit.words import mark, say
from holdfast.web.frame import frame_of, viewer_of

#: status -> what the page is called; the rest are "something went wrong"
TITLES = {
    401: mark("Please sign in"),
    403: mark("This is not for you"),
    404: mark("There is nothing here"),
    409: mark("Not possible right now"),
    422: mark("That cannot be done"),
    429: mark("Too many tries"),
    503: mark("Not possible right now"),
}
OTHER = mark("Something went wrong")


@dataclass(eq=False)
class Broken(Error):
    """Something went wrong on our side. It was written down; please try again in a moment."""

    status, title = 500, "Internal Server Error"


@dataclass(eq=False)
class PageNotFound(NotFound):
    """This page does not exist, or it is not yours to see."""


@dataclass(eq=False)
class UnfitAddress(Invalid):
    """This address asks for something that there cannot be."""


async def page(request: Request, error: Error) -> Response:
    """The error as a page of its own, in the viewer's language."""
    viewer = await viewer_of(request)
    heading = say(TITLES.get(error.status, OTHER), viewer.locale)
    response = frame_of(request).render(
        request,
        viewer,
        "web/error.html",
        {"heading": heading, "detail": told(error, viewer.locale), "status": error.status},
        status=error.status,
    )
    if "retry_after" in error.fields:
        response.headers["Retry-After"] = str(error.fields["retry_after"])
    return response


def told(error: Error, locale: str) -> str:
    """The error's message in that language."""
    return detail_of(error, locale)
