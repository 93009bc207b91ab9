"""Write tables as CSV that spreadsheets open without running anything that stands in them."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
#: So that spreadsheets know that it is UTF-8.
_MARK = "\ufeff"


def csv_of(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """The table with its head, as UTF-8."""
    text = io.StringIO(newline="")
    text.write(_MARK)
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL)
    writer.writerow([cell(title) for title in head])
    writer.writerows([[cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def cell(value: Any) -> str:  # noqa: ANN401 - whatever stands in a table
    """A value as text; what a spreadsheet would take for a formula is made plain text by an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
