"""Read what a form sends: strictly, with the words for what does not fit beside each field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from holdfast.kit.bodies import MalformedForm
from holdfast.kit.errors import Error
from holdfast.kit.fields import STRING_LENGTH_MAX
from holdfast.kit.words import mark, say
from holdfast.web.failures import told
from holdfast.web.frame import viewer_of

FORM_BYTES_MAX = 100_000
FIELDS_MAX = 2_000
_MEDIA_TYPE = "application/x-www-form-urlencoded"
MISSING = mark("Please fill this in.")
UNFIT = mark("This does not fit here. Please look at it again.")
TOO_LONG = mark("This is too long.")
TOO_SHORT = mark("This is too short.")
_TEXTS = {"missing": MISSING, "string_too_long": TOO_LONG, "string_too_short": TOO_SHORT}


class Form(BaseModel):
    """What a form says: all of it text; empty fields are as left out. `key`: made with the form, once for each."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        str_strip_whitespace=True,
        str_max_length=STRING_LENGTH_MAX,
        hide_input_in_errors=True,
    )

    key: str = ""


F = TypeVar("F", bound=Form)


@dataclass(frozen=True, slots=True)
class Filled(Generic[F]):
    """A form as it came: what was typed, what it says where it fits, and by field what is wrong, in words.

    `lists`: all that was typed or ticked of fields that are lists.
    """

    typed: Mapping[str, str] = field(default_factory=dict)
    said: F | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)


async def read(request: Request, form: type[F]) -> Filled[F]:
    """The form of a route declared `@raw(limit=…)`. A list is a field named several times. MalformedForm."""
    if not request.headers.get("content-type", "").startswith(_MEDIA_TYPE):
        raise MalformedForm
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except (UnicodeDecodeError, ValueError):
        raise MalformedForm from None
    if any("\0" in value for _, value in pairs):
        raise MalformedForm
    return await _filled(request, form, pairs)


async def asked(request: Request, form: type[F]) -> Filled[F]:
    """The form that an address carries behind its question mark: filters. Fields left empty filter nothing."""
    return await _filled(request, form, request.query_params.multi_items())


async def _filled(request: Request, form: type[F], pairs: Sequence[tuple[str, str]]) -> Filled[F]:
    many: dict[str, list[str]] = {}
    for name, value in pairs:
        many.setdefault(name, []).append(value)
    typed = {name: values[-1] for name, values in many.items()}
    lists = {name: values for name, values in many.items() if name in form.model_fields and _is_list(form, name)}
    fields: dict[str, Any] = {**lists}
    for name, values in many.items():
        if name not in lists and values[-1].strip():
            fields[name] = values[-1]
    try:
        return Filled(typed, form.model_validate(fields), lists=lists)
    except ValidationError as wrong:
        locale = (await viewer_of(request)).locale
        errors = {str(found["loc"][0]): say(_TEXTS.get(found["type"], UNFIT), locale) for found in wrong.errors()}
        return Filled(typed, None, errors, lists)


async def refused(request: Request, filled: Filled[F], error: Error, *, at: str = "") -> Filled[F]:
    """The same form with what the platform says against it, beside the field `at` or above all of them."""
    message = told(error, (await viewer_of(request)).locale)
    return Filled(filled.typed, filled.said, {**filled.errors, at: message}, filled.lists)


def _is_list(form: type[Form], name: str) -> bool:
    return str(form.model_fields[name].annotation).startswith(("list", "tuple"))
