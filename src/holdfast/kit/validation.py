"""Say what is wrong with a value in our words, whatever the validator's own are: they can be said in any language."""

from collections.abc import Mapping
from typing import Any

from holdfast.kit.words import Phrase, mark

_NUMBER = mark("This is not a number.")
_WHOLE = mark("This is not a whole number.")
_TEXT = mark("This is not a text.")
_LIST = mark("This is not a list.")
_OBJECT = mark("This is not an object.")
_BOOLEAN = mark("Say true or false.")
_ID = mark("This is not an id.")
_DATE = mark("Write a date as 2026-01-31.")
_TIME = mark("Write a time of day as 18:30.")
_MOMENT = mark("Write a moment as 2026-01-31T18:30:00+02:00; the offset is required.")
_FUTURE = mark("This must lie in the future.")
_PAST = mark("This must lie in the past.")
_CHOICE = mark("This must be one of: {expected}.")
_ADDRESS = mark("This is not the address of a page.")
_SHORTER = mark("At most {max_length} characters are possible.")

#: Type of pydantic's -> what we say; placeholders are what pydantic knows of the case.
MESSAGES: Mapping[str, str] = {
    "missing": mark("This is required."),
    "extra_forbidden": mark("No such field."),
    "invalid_key": _TEXT,
    "json_invalid": mark("This is not JSON."),
    "none_required": mark("Leave this empty."),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "too_short": mark("At least {min_length} are needed here, not {actual_length}."),
    "too_long": mark("At most {max_length} are possible here."),
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": mark("At least {min_length} characters are needed."),
    "string_too_long": _SHORTER,
    "string_pattern_mismatch": mark("This does not have the form {pattern}."),
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": mark("The number is too large."),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "is_instance_of": mark("This is of another kind than what is expected."),
    "decimal_max_digits": mark("At most {max_digits} digits are possible."),
    "decimal_max_places": mark("At most {decimal_places} decimals are possible."),
    "decimal_whole_digits": mark("At most {whole_digits} digits may stand before the point."),
    "greater_than": mark("This must be more than {gt}."),
    "greater_than_equal": mark("This must be {ge} or more."),
    "less_than": mark("This must be less than {lt}."),
    "less_than_equal": mark("This must be {le} or less."),
    "multiple_of": mark("This must be a multiple of {multiple_of}."),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": _PAST,
    "date_future": _FUTURE,
    "time_type": _TIME,
    "time_parsing": _TIME,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": _PAST,
    "datetime_future": _FUTURE,
    "timezone_aware": _MOMENT,
    "timezone_naive": mark("Write a local time as 2026-01-31T18:30, without an offset."),
    "uuid_type": _ID,
    "uuid_parsing": _ID,
    "uuid_version": _ID,
    "union_tag_invalid": mark("This must be one of: {expected_tags}."),
    "union_tag_not_found": mark("Say with {discriminator} which kind this is."),
    "url_type": _ADDRESS,
    "url_parsing": _ADDRESS,
    "url_syntax_violation": _ADDRESS,
    "url_too_long": _SHORTER,
    "url_scheme": mark("The address must begin with {expected_schemes}."),
    "recursion_loop": mark("This is nested too deep."),
}


def told(found: Mapping[str, Any]) -> str:
    """One error as pydantic lists it, without the value that was sent: it may be a password."""
    message = MESSAGES.get(found["type"])
    if message is None:  # one of ours: PydanticCustomError
        return str(found["msg"]).removeprefix("Value error, ")
    context = {name: _plain(value) for name, value in found.get("ctx", {}).items()}
    try:
        return Phrase(message, **context)
    except KeyError:  # context was left out by who listed the errors
        return str(found["msg"])


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a constraint compares with
    return value.replace(" or ", ", ") if isinstance(value, str) else value
