"""Read what a request carries, strictly: one meaning for every byte, or a named refusal before anything is done.

Python's own JSON reader takes the last of two equal keys, NaN, binary floats and any depth; none of these may reach
a sale (safety, bad input).
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from email.message import Message
from typing import Any, NoReturn
from urllib.parse import unquote_plus

from starlette.requests import Request
from starlette.types import Message as Event
from starlette.types import Receive

from holdfast.kit.errors import Invalid, TooLarge, Unreadable, UnsupportedMedia
from holdfast.kit.words import Phrase, mark

JSON = "application/json"
FORM = "multipart/form-data"
DEPTH_MAX = 64
NUMBER_LENGTH_MAX = 40
EXPONENT_MAX = 30
INTEGER_MAX = 2**63 - 1
#: What Python's reader says, as far as what was sent can make it.
JSON_MISTAKES = (
    mark("Expecting value"),
    mark("Expecting property name enclosed in double quotes"),
    mark("Expecting ':' delimiter"),
    mark("Expecting ',' delimiter"),
    mark("Illegal trailing comma before end of object"),
    mark("Illegal trailing comma before end of array"),
    mark("Unterminated string starting at"),
    mark("Invalid control character at"),
    mark("Invalid \\escape"),
    mark("Invalid \\uXXXX escape"),
    mark("Extra data"),
    mark("Unexpected UTF-8 BOM (decode using utf-8-sig)"),
)
#: Without any of these, ASCII holds nothing that `_refuse_characters` refuses: an escape, NUL, 19 digits in a row.
_SUSPICIOUS = re.compile(rb"\\u|\x00|[0-9]{19}")
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


@dataclass(eq=False)
class BodyTooLarge(TooLarge):
    """The body is larger than the {limit_bytes} bytes accepted here."""

    limit_bytes: int


@dataclass(eq=False)
class MediaTypeUnsupported(UnsupportedMedia):
    """The body must be sent as {accepted}, in UTF-8."""

    accepted: str


@dataclass(eq=False)
class EncodingUnsupported(UnsupportedMedia):
    """Send the body as it is, without a content encoding."""


@dataclass(eq=False)
class MalformedJson(Unreadable):
    """The body is not JSON: {reason}."""

    reason: str


@dataclass(eq=False)
class DuplicateKey(Unreadable):
    """The body names one field twice."""


@dataclass(eq=False)
class NotUnicode(Unreadable):
    """The body is not text in UTF-8."""


@dataclass(eq=False)
class NonFiniteNumber(Unreadable):
    """The body holds NaN or Infinity, which JSON does not know."""


@dataclass(eq=False)
class NumberTooLong(Unreadable):
    """The body holds a number with more than {digits_max} digits or an exponent beyond {exponent_max}."""

    digits_max: int = NUMBER_LENGTH_MAX
    exponent_max: int = EXPONENT_MAX


@dataclass(eq=False)
class TooDeep(Unreadable):
    """The body is nested deeper than {depth_max} levels."""

    depth_max: int = DEPTH_MAX


@dataclass(eq=False)
class MalformedForm(Unreadable):
    """The form cannot be read."""


@dataclass(eq=False)
class NulCharacter(Invalid):
    """A text holds the character NUL."""

    errors: list[dict[str, str]]


@dataclass(eq=False)
class NumberOutOfRange(Invalid):
    """A number is larger than any that is kept here."""

    errors: list[dict[str, str]]


@dataclass(eq=False)
class UnknownFields(Invalid):
    """Nothing is read from a body here, yet one was sent."""

    errors: list[dict[str, str]]


class ReadRequest(Request):
    """A request whose body was read by us already."""

    def __init__(self, request: Request, raw: bytes, value: Any = None) -> None:  # noqa: ANN401 - any JSON
        super().__init__(request.scope, request.receive)
        self._body = raw
        self._json = value


async def read(request: Request, *, reads: str, limit: int, has_body: bool) -> Request:
    """The request with its body read and checked; `reads` is json, raw or form."""
    if reads == "raw":
        return ReadRequest(request, await raw_body(request, limit))
    if reads == "form":
        return _with_form(request, limit)
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return request
    content = await raw_body(request, limit)
    if not content:
        return ReadRequest(request, b"")
    _expect_json(request)
    value = parse(content)
    if not has_body and value not in ({}, None):
        names = list(value)[:20] if isinstance(value, dict) else []
        raise UnknownFields([problem_at((name,), "unknown_field", "No such field.") for name in names])
    return ReadRequest(request, content, value)


async def raw_body(request: Request, limit: int) -> bytes:
    """The bytes as they came. BodyTooLarge beyond `limit`, also where no length was announced."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > len(str(limit)) or int(announced) > limit):
        raise BodyTooLarge(limit)
    if request.headers.get("content-encoding", "identity") != "identity":
        raise EncodingUnsupported
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise BodyTooLarge(limit)
    return bytes(content)


def parse(content: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The value; numbers with a point or an exponent become Decimal, never a binary float."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise NotUnicode from None
    _refuse_depth(content)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        place = Phrase("{what} at line {line}, column {column}", what=error.msg, line=error.lineno, column=error.colno)
        raise MalformedJson(place) from None
    if not content.isascii() or _SUSPICIOUS.search(content):
        _refuse_characters(value)
    return value


def problem_at(place: tuple[str | int, ...], code: str, detail: str, *, where: str = "body") -> dict[str, str]:
    """One member of `errors`: where (RFC 6901), which rule, in words."""
    pointer = "".join("/" + str(part)[:80].replace("~", "~0").replace("/", "~1") for part in place)
    return {"in": where, "pointer": _writable(pointer), "code": code, "detail": detail}


def refuse_nul_in_address(request: Request) -> None:
    """NUL in a path or query can be stored by no database and names nothing."""
    for name, value in request.path_params.items():
        if "\x00" in str(value):
            raise NulCharacter([problem_at((name,), "nul_character", "Leave NUL out.", where="path")])
    query = request.scope.get("query_string", b"")
    if b"%00" in query or b"\x00" in query:
        name = next((key for key, value in request.query_params.multi_items() if "\x00" in key + value), "")
        raise NulCharacter([problem_at((unquote_plus(name),), "nul_character", "Leave NUL out.", where="query")])


def _expect_json(request: Request) -> None:
    sent = request.headers.get("content-type", "text/plain")
    if sent == JSON:
        return
    message = Message()
    message["content-type"] = sent
    charset = message.get_param("charset", "utf-8")
    if message.get_content_type() != "application/json" or str(charset).lower() not in {"utf-8", "utf8"}:
        raise MediaTypeUnsupported(JSON)


def _with_form(request: Request, limit: int) -> Request:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise MediaTypeUnsupported(FORM)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > len(str(limit)) or int(announced) > limit):
        raise BodyTooLarge(limit)
    return Request(request.scope, _counted(request.receive, limit))


def _counted(receive: Receive, limit: int) -> Receive:
    received = 0

    async def count() -> Event:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise BodyTooLarge(limit)
        return message

    return count


def _refuse_depth(content: bytes) -> None:
    """Before parsing, since the parser recurses."""
    if content.count(b"[") + content.count(b"{") <= DEPTH_MAX:
        return
    depth = 0
    for token in _TOKENS.finditer(content):
        first = content[token.start()]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise TooDeep
        elif first in b"]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise DuplicateKey
    return result


def _integer(digits: str) -> int:
    if len(digits) > NUMBER_LENGTH_MAX:
        raise NumberTooLong
    return int(digits)


def _decimal(digits: str) -> Decimal:
    if len(digits) > NUMBER_LENGTH_MAX:
        raise NumberTooLong
    value = Decimal(digits)
    if value and abs(value.adjusted()) > EXPONENT_MAX:
        raise NumberTooLong
    return value


def _constant(_: str) -> NoReturn:
    raise NonFiniteNumber


def _refuse_characters(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Without recursion; a refusal names the place."""
    nodes: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while nodes:
        place, node = nodes.pop()
        if isinstance(node, str):
            _refuse_text(node, place)
        elif isinstance(node, dict):
            for key, child in node.items():
                _refuse_text(key, (*place, key))
                nodes.append(((*place, key), child))
        elif isinstance(node, list):
            nodes.extend(((*place, index), child) for index, child in enumerate(node))
        elif isinstance(node, int) and abs(node) > INTEGER_MAX:
            raise NumberOutOfRange([problem_at(place, "number_out_of_range", "The number is too large.")])


def _refuse_text(text: str, place: tuple[str | int, ...]) -> None:
    if text.isascii():
        if "\x00" in text:
            raise NulCharacter([problem_at(place, "nul_character", "Leave NUL out.")])
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotUnicode from None
    if "\x00" in text:
        raise NulCharacter([problem_at(place, "nul_character", "Leave NUL out.")])


def _writable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "")
