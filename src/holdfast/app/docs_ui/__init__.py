"""The API to read and try in a browser, at /api/docs: Swagger UI from files of our own, over /openapi.json.

The page runs no inline script and reaches no other origin. Its files are asked for by their content's hash, so they may
be kept for a year and are fresh after an upgrade. The vendored ones are as npm's swagger-ui-dist 5.35.0 has them.
"""

import asyncio
import functools
import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from holdfast.kernel.audit import anyone
from holdfast.kit.http import Router, allow

PATH = "/api/docs"
_HERE = Path(__file__).parent
_FILES = {
    "swagger-ui.css": ("vendor/swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": ("vendor/swagger-ui-bundle.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
#: img-src: the arrows in Swagger UI's style sheet are data; connect-src: the description, and what is tried out
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOR_EVER = "public, max-age=31536000, immutable"
_NOT_MODIFIED = 304

router = Router(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    zipped: bytes
    media_type: str
    digest: str


@router.get(PATH)
@allow(anyone)
async def show_docs() -> Response:
    """The page; the first call reads and packs what it needs."""
    page = await asyncio.to_thread(_page)
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(page, media_type="text/html", headers=headers)


@router.get(PATH + "/{digest}/{name}")
@allow(anyone)
async def show_docs_file(digest: str, name: str, request: Request) -> Response:
    """One of the page's files, by its hash; one of an older version is gone."""
    if name not in _FILES or (asset := await asyncio.to_thread(_asset, name)).digest != digest:
        raise HTTPException(404)
    headers = {"Cache-Control": _FOR_EVER, "ETag": f'"{digest}"', "Vary": "Accept-Encoding"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    return Response(asset.zipped, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})


@functools.cache
def _page() -> str:
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    for name in _FILES:
        text = text.replace(f'"{name}"', f'"{PATH}/{_asset(name).digest}/{name}"')
    return text


@functools.cache
def _asset(name: str) -> _Asset:
    file, media_type = _FILES[name]
    content = (_HERE / file).read_bytes()
    return _Asset(content, gzip.compress(content, 6, mtime=0), media_type, hashlib.sha256(content).hexdigest()[:16])
