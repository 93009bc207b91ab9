"""Let two people edit one thing without losing either's work: ETag out, If-Match in (412, 428)."""

import re
from dataclasses import dataclass

from starlette.requests import Request

from holdfast.kit.errors import PreconditionFailed, PreconditionRequired, Unreadable

_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')


@dataclass(eq=False)
class MalformedVersion(Unreadable):
    """If-Match holds one ETag as it was given, or *."""


@dataclass(eq=False)
class VersionRequired(PreconditionRequired):
    """Say in If-Match which version you read."""


@dataclass(eq=False)
class VersionStale(PreconditionFailed):
    """It was changed since you read it: this is version {version} now."""

    version: int


def etag(version: int) -> str:
    """The header of a row's version."""
    return f'"{version}"'


def expect_version(request: Request, *, required: bool = False) -> int | None:
    """The version the caller read; None where any will do. VersionRequired, MalformedVersion."""
    value = request.headers.get("if-match", "").strip()
    if not value:
        if required:
            raise VersionRequired
        return None
    if value == "*":
        return None
    match = _ETAG.fullmatch(value)
    if match is None:
        raise MalformedVersion
    return int(match[1])


def check_version(expected: int | None, actual: int) -> None:
    """VersionStale where the caller read another one; the UPDATE still names the version, since the write decides."""
    if expected is not None and expected != actual:
        raise VersionStale(actual)
