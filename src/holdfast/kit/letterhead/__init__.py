"""Write letters on one paper: plain text, and HTML that says the same, in the reader's language and direction.

A feature keeps its templates in a folder of its own, `<name>.txt` and `<name>.html`; they extend `letter.txt` and
`letter.html` and say their texts with `_("…", name=value)`. Text is escaped in HTML; nothing is loaded from anywhere.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, get_timezone_location
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from holdfast.kit import words
from holdfast.kit.money import Money, exponent
from holdfast.kit.words import Locale
from holdfast.kit.zones import utc_to_local

_OWN = Path(__file__).parent / "templates"
_MOMENTS: Mapping[Locale, str] = {"en": "EEEE d MMMM y, HH:mm", "ar": "EEEE d MMMM y، HH:mm"}


@dataclass(frozen=True, slots=True)
class Page:
    """One letter in both forms."""

    text: str
    html: str


def page(folder: Path, template: str, /, *, locale: str, subject: str, **fields: Any) -> Page:  # noqa: ANN401 - of templates
    """The templates of that name, filled in; a field that a template asks for and does not get is a bug."""
    return Page(
        text=text(folder, f"{template}.txt", locale=locale, subject=subject, **fields),
        html=_render(folder, f"{template}.html", locale=locale, fields={"subject": subject, **fields}),
    )


def text(folder: Path, template: str, /, *, locale: str, **fields: Any) -> str:  # noqa: ANN401 - fields of templates
    """One text template, filled in; what is left out of it leaves no gap."""
    return re.sub(r"\n{3,}", "\n\n", _render(folder, template, locale=locale, fields=fields)).strip()


def plain_page(*, subject: str, paragraphs: Sequence[str], link: str | None, issuer: str, locale: str) -> str:
    """The HTML of a letter that is nothing but paragraphs, one of which may be its link."""
    fields = {"subject": subject, "paragraphs": paragraphs, "link": link, "issuer": issuer}
    return _render(_OWN, "plain.html", locale=locale, fields=fields)


def amount(money: Money, locale: str) -> str:
    """12.50 EGP as that language writes it."""
    decimal = Decimal(money.minor).scaleb(-exponent(money.currency))
    return format_currency(decimal, money.currency, locale=words.spoken(locale))


def moment(at: datetime, zone: str, locale: str) -> str:
    """The day and time that clocks there show, and whose time that is."""
    language = words.spoken(locale)
    local = utc_to_local(at, zone)
    place = "UTC" if zone in {"UTC", "Etc/UTC"} else get_timezone_location(local, locale=language)
    return f"{format_datetime(local, _MOMENTS[language], locale=language)} ({place})"


def _render(folder: Path, template: str, *, locale: str, fields: Mapping[str, Any]) -> str:
    language = words.spoken(locale)
    tools: Mapping[str, str | Callable[..., str]] = {
        "_": partial(_say, language),
        "locale": language,
        "direction": words.direction(language),
    }
    return _environment(folder).get_template(template).render({**fields, **tools})


def _say(language: Locale, message: str, /, **fields: object) -> str:
    return words.say(message, language).format(**fields)


@cache
def _environment(folder: Path) -> Environment:
    return Environment(
        loader=FileSystemLoader([folder, _OWN]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
