"""What travels in JSON: strict bodies in, exact answers out. `schemas` of every feature are made of these.

In a `Body` nothing is converted by luck ("1" is no number, true no quantity), no field is unknown, and everything has
a limit: the class itself refuses to be defined with an integer, a list or a mapping that has none.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, TypeAlias, get_args, get_origin
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from holdfast.kit import ids
from holdfast.kit.money import Money
from holdfast.kit.zones import YEAR_MAX, YEAR_MIN

STRING_LENGTH_MAX = 2_000
INTEGER_MAX = 2**31 - 1
LIST_LENGTH_MAX = 1_000

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})")
_WALL = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2})?")
_AMOUNT = re.compile(r"\d{1,13}(\.\d{1,6})?")


class Body(BaseModel):
    """What a request says."""

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        str_max_length=STRING_LENGTH_MAX,
        hide_input_in_errors=True,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401 - pydantic's own
        super().__pydantic_init_subclass__(**options)
        for name, field in cls.model_fields.items():
            _assert_limited(field.annotation, field.metadata, f"{cls.__name__}.{name}")


class Answer(BaseModel):
    """What an answer says; `present` functions make it of a feature's values."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Amount(Answer):
    """Money where it does not stand beside other fields."""

    amount: str
    currency: str

    @classmethod
    def of(cls, money: Money) -> "Amount":
        return cls(amount=money.amount, currency=money.currency)


def _id(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise PydanticCustomError("malformed_id", "This is not an id.")
    return ids.parse(value)


def _moment(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, str) and _MOMENT.fullmatch(value):
        parsed = _parsed(datetime.fromisoformat, value.upper(), "malformed_moment")
    else:
        raise PydanticCustomError(
            "malformed_moment", "Write a moment as 2026-01-31T18:30:00+02:00; the offset is required."
        )
    if parsed.tzinfo is None or not YEAR_MIN <= parsed.year <= YEAR_MAX:
        raise PydanticCustomError("malformed_moment", "A moment has an offset and lies between 1970 and 2199.")
    return parsed.astimezone(UTC)


def _wall(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _WALL.fullmatch(value):
        raise PydanticCustomError("malformed_time", "Write a local time as 2026-01-31T18:30, without an offset.")
    parsed = _parsed(datetime.fromisoformat, value.upper(), "malformed_time")
    _check_year(parsed)
    return parsed


def _date(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise PydanticCustomError("malformed_date", "Write a date as 2026-01-31.")
    parsed = _parsed(date.fromisoformat, value, "malformed_date")
    _check_year(parsed)
    return parsed


def _time(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise PydanticCustomError("malformed_time", "Write a time of day as 18:30.")
    return _parsed(time.fromisoformat, value, "malformed_time")


def _amount(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, (bool, float)) or not isinstance(value, (str, int, Decimal)):
        raise PydanticCustomError("malformed_amount", "Write an amount as a decimal string such as 12.50.")
    text = value if isinstance(value, str) else f"{value:f}" if isinstance(value, Decimal) else str(value)
    if not text.isascii() or not _AMOUNT.fullmatch(text):
        raise PydanticCustomError("malformed_amount", "Write an amount as a decimal string such as 12.50.")
    return Decimal(text)


def _number(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    return float(value) if isinstance(value, Decimal) else value


def _one_line(text: str) -> str:
    if any(unicodedata.category(letter) in {"Cc", "Zl", "Zp"} for letter in text):
        raise PydanticCustomError("control_character", "Leave control characters out.")
    return text


def _lines(text: str) -> str:
    if any(unicodedata.category(letter) == "Cc" and letter not in "\n\r\t" for letter in text):
        raise PydanticCustomError("control_character", "Leave control characters out.")
    return text


#: An id in its canonical form.
IdField: TypeAlias = Annotated[UUID, BeforeValidator(_id, json_schema_input_type=str)]
#: A moment with an offset; UTC afterwards.
MomentField: TypeAlias = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=datetime)]
#: A wall time of a place, naive: the feature reads it in the place's zone (`kit.zones.local_to_utc`).
WallTimeField: TypeAlias = Annotated[datetime, BeforeValidator(_wall, json_schema_input_type=str)]
DateField: TypeAlias = Annotated[date, BeforeValidator(_date, json_schema_input_type=date)]
TimeField: TypeAlias = Annotated[time, BeforeValidator(_time, json_schema_input_type=time)]
#: An amount of at least zero, exact; `Money.parse(body.amount, currency)` decides about its decimals.
AmountField: TypeAlias = Annotated[Decimal, BeforeValidator(_amount, json_schema_input_type=str | int)]
#: A measured number (a coordinate, a distance), the only kind of binary float; give it `Field(ge=…, le=…)`.
NumberField: TypeAlias = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
#: How many, from one on.
Count: TypeAlias = Annotated[int, Field(ge=1, le=INTEGER_MAX)]
#: A whole number from zero on.
Whole: TypeAlias = Annotated[int, Field(ge=0, le=INTEGER_MAX)]
#: A name or a title: one line, not empty, without blanks around it. Stored as it is; escaping is the page's affair.
ShortText: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)
]
#: A few sentences, with line breaks.
Text: TypeAlias = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=STRING_LENGTH_MAX), AfterValidator(_lines)
]
#: ISO 4217; whether there is one of that name, `Money` decides.
CurrencyField: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


def _parsed(read: Any, text: str, code: str) -> Any:  # noqa: ANN401 - one of the three fromisoformat
    try:
        return read(text)
    except ValueError:
        raise PydanticCustomError(code, "There is no such date or time.") from None


def _check_year(value: date) -> None:
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise PydanticCustomError("year_out_of_range", "Years from 1970 to 2199 are known here.")


def _assert_limited(annotation: Any, metadata: Sequence[Any], where: str) -> None:  # noqa: ANN401 - any type
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = [*metadata, *more]
    kind = get_origin(annotation) or annotation
    constraints = [part for item in metadata for part in (item.metadata if hasattr(item, "metadata") else [item])]
    if kind is int:
        assert any(hasattr(c, "le") or hasattr(c, "lt") for c in constraints), (
            f"{where}: say how large (kit.fields.Count)"
        )
    if isinstance(kind, type) and issubclass(kind, (list, set, frozenset, tuple, Mapping)):
        is_fixed = issubclass(kind, tuple) and Ellipsis not in get_args(annotation)
        is_capped = any(hasattr(c, "max_length") for c in constraints)
        assert is_fixed or is_capped, f"{where}: say how many (Field(max_length=…))"
    for inner in get_args(annotation):
        if inner is not Ellipsis and not isinstance(inner, (str, int)):
            _assert_limited(inner, (), where)
