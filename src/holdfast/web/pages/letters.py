"""Every letter that a demo sent, to be read by whoever tries it; absent in production."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Path, Request
from starlette.responses import Response

from holdfast.kernel.audit import anyone
from holdfast.kit.http import allow, path_id
from holdfast.kit.letters import FileSender, Letter
from holdfast.web.failures import PageNotFound
from holdfast.web.frame import frame_of, show
from holdfast.web.routing import Pages

router = Pages()

LISTED = 30
#: A letter's own styles stand inside it. It runs nothing, loads nothing, and opens what it links to elsewhere.
_SANDBOX = "allow-popups allow-popups-to-escape-sandbox"
_LETTER_CSP = (
    f"sandbox {_SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


@router.get("/demo/outbox")
@allow(anyone)
async def outbox_page(request: Request, before: UUID | None = None) -> Response:
    """Newest first; `before`: the last one seen."""
    found = await _letters(request).letters(limit=LISTED + 1, before=before)
    return await show(
        request,
        "web/letters.html",
        letters=found[:LISTED],
        last=found[LISTED - 1].id if len(found) > LISTED else None,
        zone=frame_of(request).identity.zone,
    )


@router.get("/demo/outbox/{letter_id}")
@allow(anyone)
async def letter_page(request: Request) -> Response:
    """Both parts of it, and what it brought along."""
    response = await show(
        request,
        "web/letter.html",
        letter=await _letter(request),
        sandbox=_SANDBOX,
        zone=frame_of(request).identity.zone,
    )
    response.headers["Content-Security-Policy"] += "; frame-src 'self'"
    return response


@router.get("/demo/outbox/{letter_id}/html")
@allow(anyone)
async def letter_html(request: Request) -> Response:
    """The HTML part by itself, for the frame on its page: shut in, whatever stands in it."""
    letter = await _letter(request)
    if letter.html is None:
        raise PageNotFound
    headers = {"Content-Security-Policy": _LETTER_CSP, "X-Frame-Options": "SAMEORIGIN"}
    return Response(letter.html, media_type="text/html; charset=utf-8", headers=headers)


@router.get("/demo/outbox/{letter_id}/attachments/{number}")
@allow(anyone)
async def letter_attachment(request: Request, number: Annotated[int, Path(ge=0, le=100)]) -> Response:
    """A file that came with it, to be saved."""
    letter = await _letter(request)
    if number >= len(letter.attachments):
        raise PageNotFound
    attachment = letter.attachments[number]
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(attachment.name)}"}
    return Response(attachment.content, media_type=attachment.media_type, headers=headers)


async def _letter(request: Request) -> Letter:
    letter = await _letters(request).letter(path_id(request, "letter_id"))
    if letter is None:
        raise PageNotFound
    return letter


def _letters(request: Request) -> FileSender:
    letters = request.app.state.letters
    assert isinstance(letters, FileSender)
    return letters
