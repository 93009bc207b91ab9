"""What a field of an answer looks like, by its kind in the table."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and str(UUID(value)) == value


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+\.\d{2}", value) is not None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_id,
    "text": lambda value: isinstance(value, str) and value != "",
    "flag": lambda value: isinstance(value, bool),
    "count": _is_count,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "amount": _is_amount,
    "moment": _is_moment,
    "object": lambda value: isinstance(value, dict | list),
}


def check(record: Mapping[str, Any], name: str, kind: str) -> None:
    """The field is there and of its kind; `hidden`: it is not there; with `?` it may be null."""
    if kind == "hidden":
        assert name not in record
        return
    assert name in record, f"{name} is not among {sorted(record)}"
    value = record[name]
    if kind.endswith("?") and value is None:
        return
    assert KINDS[kind.removesuffix("?")](value), f"{name} is {value!r}, no {kind}"
