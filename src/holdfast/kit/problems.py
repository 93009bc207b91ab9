"""Answer every failure as problem+json (RFC 9457): a stable code, words, the fact's own fields, and nothing else.

No stack, SQL, path of a file or value of the request ever stands in an answer. `detail`, also of each of `errors`, is
in the caller's language (Accept-Language, else the platform's); all else is for programs and the same in any language.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from holdfast.kit import validation, words
from holdfast.kit.bodies import problem_at
from holdfast.kit.db import violated
from holdfast.kit.errors import Contended, Error, message_of
from holdfast.kit.money import Money

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 50

_log = structlog.stdlib.get_logger("holdfast.edge")
_CODES = {"extra_forbidden": "unknown_field"}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
_TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large"}
_DETAILS = {
    400: words.mark("The request cannot be read."),
    404: words.mark("There is nothing at this address."),
    405: words.mark("This address does not take that method."),
    413: words.mark("The request is larger than what is accepted."),
}
_DETAIL = words.mark("The request cannot be answered.")
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_PLAIN = frozenset({str, int, bool, type(None)})


def install(app: FastAPI) -> None:
    """Every failure that has a name is answered here; what has none, by `kit.headers.Envelope`."""
    app.add_exception_handler(Error, _named)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, of_the_framework)
    app.add_exception_handler(IntegrityError, _violated)


def answer(request: Request, error: Error) -> Response:
    """The problem that tells this fact."""
    fields = {name: plain(value) for name, value in error.fields.items()}
    headers: dict[str, str] = {}
    if "retry_after" in fields:
        headers["Retry-After"] = str(max(0, math.ceil(fields["retry_after"])))
    if error.status == 401:  # noqa: PLR2004 - a status
        headers["WWW-Authenticate"] = 'Bearer realm="holdfast"'
    locale = language_of(request)
    return respond(
        request,
        status=error.status,
        title=error.title,
        code=error.code,
        detail=detail_of(error, locale),
        fields=fields,
        headers=headers,
        locale=locale,
    )


def detail_of(error: Error, locale: str) -> str:
    """What happened, in that language; names of states and the like are said in it too."""
    fields = {name: _spoken(value, locale) for name, value in error.fields.items()}
    return words.say(message_of(type(error)), locale).format(**fields)


def language_of(request: Request) -> words.Locale:
    """The language the caller is told failures in."""
    default = getattr(request.app.state, "locale", "en") if "app" in request.scope else "en"
    return words.accepted(request.headers.get("accept-language"), default=default)


def respond(
    request: Request,
    *,
    status: int,
    title: str,
    code: str,
    detail: str,
    fields: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    locale: words.Locale | None = None,
) -> Response:
    """`detail` is said in the caller's language (`locale`, where it is known), as is that of each of the `errors`."""
    locale = locale or language_of(request)
    members = {
        **(fields or {}),
        "type": f"urn:holdfast:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": words.told(detail, locale),
    }
    if "errors" in members:
        members["errors"] = [{**each, "detail": words.told(each["detail"], locale)} for each in members["errors"]]
    request.scope.setdefault("state", {})["problem_code"] = code  # the edge counts them
    request_id = request.scope["state"].get("request_id")
    if request_id:
        members["instance"] = f"urn:holdfast:request:{request_id}"
    content = _JSON.encode(members).encode("utf-8", "replace")
    in_language = {"Content-Language": locale, "Vary": "Accept-Language"}
    return Response(content, status_code=status, headers={**(headers or {}), **in_language}, media_type=MEDIA_TYPE)


def internal_error(request: Request) -> Response:
    """What is answered for a bug: that it is one, and the id under which it stands in the log."""
    return respond(
        request,
        status=500,
        title="Internal Server Error",
        code="internal_error",
        detail=words.mark("Something went wrong on our side. It was recorded under this request's id."),
    )


def plain(value: Any) -> Any:  # noqa: ANN401 - any field of a fact
    """The value as JSON can say it."""
    return value if type(value) in _PLAIN else _made_plain(value)


def _made_plain(value: Any) -> Any:  # noqa: ANN401 - any field of a fact
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Money):
        return {"amount": value.amount, "currency": value.currency}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Any:  # noqa: ANN401 - any field of a fact
    match value:
        case Enum():
            return _plain_scalar(value.value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID() | Decimal():
            return str(value)
    assert value is None or isinstance(value, (bool, int, float, str)), f"{type(value).__name__} travels in no problem"
    return value


async def _named(request: Request, error: Exception) -> Response:
    assert isinstance(error, Error)
    return answer(request, error)


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return respond(
        request,
        status=422,
        title="Unprocessable Content",
        code="validation_failed",
        detail=words.mark("The request does not fit what is expected here; errors names each place."),
        fields={"errors": [_place(found) for found in list(error.errors())[:ERRORS_MAX]]},
    )


def _place(found: Mapping[str, Any]) -> dict[str, str]:
    """Never the value that was sent: it may be a password."""
    where, *path = found["loc"] or ("body",)
    code = _CODES.get(found["type"], found["type"])
    return problem_at(tuple(path), code, validation.told(found), where=str(where))


async def of_the_framework(request: Request, error: Exception) -> Response:
    """The problem of what the framework itself refuses: no such route, no such method."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    title = _TITLES.get(status, "Error")
    return respond(
        request,
        status=status,
        title=title,
        code=_HTTP_CODES.get(status, "http_error"),
        detail=_DETAILS.get(status, _DETAIL),
        headers=error.headers,
    )


async def _violated(request: Request, error: Exception) -> Response:
    """A constraint no feature expected to meet: two requests at once, most likely; the log says which."""
    assert isinstance(error, IntegrityError)
    _log.warning("constraint violated", constraint=violated(error)[:200])
    return answer(request, Contended())


def _spoken(value: Any, locale: str) -> Any:  # noqa: ANN401 - any field of a fact
    if isinstance(value, str):
        return words.told(value, locale)
    if isinstance(value, Money):
        return f"{value.amount} {value.currency}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return words.listed((str(_spoken(item, locale)) for item in plain(value)), locale)
    if isinstance(value, datetime):
        return plain(value)
    return value
