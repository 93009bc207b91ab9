"""Say it in the reader's language: texts are written in English where they are used, and in Arabic in an `ar.po` near.

Any folder of the package may hold an `ar.po` for the texts written in it and below; together they are one catalog.
A test finds every text (errors, templates, `say`, `plural`, `mark`, `Phrase`) and fails where an Arabic one is missing.
"""

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

from babel import Locale as BabelLocale
from babel.core import negotiate_locale
from babel.messages.pofile import read_po

Locale: TypeAlias = Literal["en", "ar"]
LOCALES: tuple[Locale, ...] = get_args(Locale)
PACKAGE = Path(__file__).resolve().parents[1]
_ACCEPTED_CHARACTERS_MAX = 500
_ACCEPTED_KEPT = 1_000


class Phrase(str):
    """A text with values in it, said later: by itself it reads as English, `told` says it in any language.

    `Phrase("the deck has {columns} columns", columns=5)`; values that are texts or phrases are said too.
    """

    __slots__ = ("message", "values")
    message: str
    values: dict[str, Any]

    def __new__(cls, message: str, **values: Any) -> Self:  # noqa: ANN401 - whatever can be formatted
        phrase = super().__new__(cls, message.format(**values))
        phrase.message, phrase.values = message, values
        return phrase


def say(message: str, locale: str) -> str:
    """The text in that language, its placeholders as they were; the English one where there is no other."""
    if spoken(locale) == "en":
        return message
    return _catalog().get(message, (message,))[0]


def plural(singular: str, many: str, count: int, locale: str) -> str:
    """The text for so many, by that language's own rule (Arabic has six forms); placeholders as they were."""
    language = spoken(locale)
    if language == "en":
        return singular if count == 1 else many
    forms = _catalog().get(singular)
    if forms is None:
        return many
    return forms[_plural_index(language, count) if len(forms) > 1 else 0]


def told(text: str, locale: str) -> str:
    """A text that may be a `Phrase`: what the catalog knows is said in that language, anything else as it is."""
    if locale == "en":
        return text
    if not isinstance(text, Phrase):
        return say(text, locale)
    values = {name: told(value, locale) if isinstance(value, str) else value for name, value in text.values.items()}
    return say(text.message, locale).format(**values)


def listed(parts: Iterable[str], locale: str) -> str:
    """Several things in one line, with the comma of that language."""
    return ("\N{ARABIC COMMA} " if spoken(locale) == "ar" else ", ").join(told(part, locale) for part in parts)


def mark(message: str) -> str:
    """The text as it is: it stands in data and is said later."""
    return message


def spoken(locale: str) -> Locale:
    """`ar-EG` is spoken as `ar`; what is not spoken here, as English."""
    if locale in LOCALES:
        return locale
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in LOCALES else "en"


def accepted(header: str | None, *, default: str) -> Locale:
    """The language an Accept-Language header asks for: the best that is spoken, else `default`."""
    if not header or len(header) > _ACCEPTED_CHARACTERS_MAX:
        return spoken(default)
    return spoken(_negotiated(header) or default)


@functools.lru_cache(maxsize=_ACCEPTED_KEPT)
def _negotiated(header: str) -> str | None:
    wanted = sorted(map(_weighed, header.split(",")), key=lambda pair: -pair[1])
    tags = [tag.replace("-", "_") for tag, weight in wanted if weight > 0]
    return negotiate_locale(tags, LOCALES)


def direction(locale: str) -> Literal["ltr", "rtl"]:
    return "rtl" if BabelLocale.parse(spoken(locale)).text_direction == "rtl" else "ltr"


def _weighed(part: str) -> tuple[str, float]:
    tag, _, weight = part.partition(";")
    try:
        return tag.strip(), float(weight.partition("=")[2]) if weight else 1.0
    except ValueError:
        return tag.strip(), 0.0


@functools.cache
def _catalog() -> dict[str, tuple[str, ...]]:
    """Every Arabic text by its English one; of a plural, all forms by the singular."""
    texts: dict[str, tuple[str, ...]] = {}
    for file in sorted(PACKAGE.rglob("ar.po")):
        with file.open("rb") as lines:
            for entry in read_po(lines, locale="ar"):
                if entry.id and entry.string and not entry.fuzzy:
                    key = entry.id if isinstance(entry.id, str) else entry.id[0]
                    texts[key] = (entry.string,) if isinstance(entry.string, str) else tuple(entry.string)
    return texts


#: Where a form stands in an `ar.po`: nplurals=6, in the order in which gettext counts.
_FORMS = ("zero", "one", "two", "few", "many", "other")


def _plural_index(language: Locale, count: int) -> int:
    return _FORMS.index(BabelLocale.parse(language).plural_form(count))
