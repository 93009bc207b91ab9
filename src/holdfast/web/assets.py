"""Serve the files of `static/`: read once, named by what is in them, kept by browsers for good.

All files stand under one digest, so that a module finds its neighbours by their plain names.
"""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

from holdfast.kit.errors import NotFound

FOLDER = Path(__file__).with_name("static")
PATH = "/static"
_SMALLEST_WORTH_PACKING = 500
_TYPES = MappingProxyType({".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"})


class NoSuchFile(NotFound):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class Asset:
    media_type: str
    content: bytes
    packed: bytes | None


class Assets:
    """Every file below `folder`, by its path there."""

    def __init__(self, folder: Path = FOLDER) -> None:
        files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
        self._assets = {name: _read(path) for name, path in files.items()}
        digest = hashlib.sha256()
        for name, asset in self._assets.items():
            digest.update(f"{name}\0{len(asset.content)}\0".encode() + asset.content)
        self.digest = digest.hexdigest()[:16]

    def link(self, name: str) -> str:
        """Where a page finds the file; a name there is none of is a bug."""
        assert name in self._assets, f"no file {name} in static/"
        return f"{PATH}/{self.digest}/{name}"

    def answer(self, request: Request, digest: str, name: str) -> Response:
        """The file, packed where the browser can unpack it; kept only by its present digest. NoSuchFile."""
        asset = self._assets.get(name)
        if asset is None:
            raise NoSuchFile
        headers = {"Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
        if digest == self.digest:
            headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.packed, media_type=asset.media_type, headers=headers)
        return Response(asset.content, media_type=asset.media_type, headers=headers)


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    is_text = media_type.startswith("text/") or media_type.endswith(("json", "xml"))
    is_worth_it = is_text and len(content) > _SMALLEST_WORTH_PACKING
    return Asset(media_type, content, gzip.compress(content, 9, mtime=0) if is_worth_it else None)
