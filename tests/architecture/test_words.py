"""Whatever a person may read is said in Arabic, too: with the same values in it, once, and nothing that nobody says."""

import ast
from collections import Counter, defaultdict
from pathlib import Path
from typing import get_args

import pytest
from pydantic_core import core_schema

from holdfast.kit import validation, words
from tests.architecture import source, texts
from tests.architecture.texts import Entry, Said

#: Of pydantic's kinds of mistakes those that no JSON can make here: kinds of Python objects, and what no field is.
# fmt: off
NEVER_MET = {
    "arguments_type", "assertion_error", "bytes_invalid_encoding", "bytes_too_long", "bytes_too_short",
    "bytes_type", "callable_type", "complex_str_parsing", "complex_type", "counter_type", "dataclass_exact_type",
    "default_factory_not_called", "deque_type", "ellipsis_error", "fraction_parsing", "fraction_type",
    "frozen_dict_type", "frozen_field", "frozen_instance", "get_attribute_error", "is_subclass_of",
    "iteration_error", "json_type", "missing_argument", "missing_keyword_only_argument",
    "missing_positional_only_argument", "missing_sentinel_error", "multiple_argument_values", "named_tuple_type",
    "needs_python_object", "no_such_attribute", "ordered_dict_type", "recursion_depth_exceeded",
    "set_item_not_hashable", "string_not_ascii", "time_delta_parsing", "time_delta_type", "timezone_offset",
    "unexpected_keyword_argument", "unexpected_positional_argument", "value_error",
}
# fmt: on
SAY_IT = "write it in the ar.po of the folder that says it"


@pytest.fixture(scope="module")
def said() -> list[Said]:
    return texts.all_said()


@pytest.fixture(scope="module")
def arabic() -> list[Entry]:
    return texts.all_arabic()


def test_every_text_has_an_arabic_one(said: list[Said], arabic: list[Entry]) -> None:
    known = {entry.text for entry in arabic if all(form.strip() for form in entry.forms)}

    missing = [f"{one.where}: {one.text}" for one in said if one.text not in known]

    assert missing == [], SAY_IT


def test_what_counts_has_all_six_forms(said: list[Said], arabic: list[Entry]) -> None:
    counted = {one.text: one for one in said if one.many is not None}
    forms = {entry.text: entry for entry in arabic}

    wrong = [
        f"{one.where}: {text}"
        for text, one in counted.items()
        if text in forms and (len(forms[text].forms) != 6 or forms[text].many != one.many)
    ]

    assert wrong == [], "msgid, msgid_plural and msgstr[0] to msgstr[5], as the header counts them"


def test_the_same_values_stand_in_both_languages(arabic: list[Entry]) -> None:
    """The forms for none, one and two may say the number in a word."""
    wrong = [f"{entry.where}: {entry.text} | {form}" for entry in arabic for form in _differing(entry)]

    assert wrong == []


def test_nothing_is_left_half_translated(arabic: list[Entry]) -> None:
    fuzzy = [f"{entry.where}: {entry.text}" for entry in arabic if entry.is_fuzzy]
    latin = [
        f"{entry.where}: {form}" for entry in arabic for form in entry.forms if form and not _is_arabic(form, entry)
    ]

    assert fuzzy == []
    assert latin == []


def test_nobody_keeps_an_arabic_text_that_is_never_said(said: list[Said], arabic: list[Entry]) -> None:
    alive = {one.text for one in said}

    dead = [f"{entry.where}: {entry.text}" for entry in arabic if entry.text not in alive]

    assert dead == [], "its English text was changed or is gone"


def test_a_text_is_said_in_one_way(arabic: list[Entry]) -> None:
    ways = defaultdict(set)
    for entry in arabic:
        ways[entry.text].add(entry.forms)

    assert {text: forms for text, forms in ways.items() if len(forms) > 1} == {}


def test_a_text_stands_once_in_a_file() -> None:
    """gettext's reader keeps the last of two and says nothing."""
    for path in sorted(source.PACKAGE.rglob("ar.po")):
        written = sum(line.startswith('msgid "') for line in path.read_text().splitlines()) - 1

        assert written == sum(1 for _ in texts.entries_of(path)), path


def test_every_file_counts_as_arabic_does() -> None:
    for path in sorted(source.PACKAGE.rglob("ar.po")):
        head = path.read_text().partition("\n\n")[0]

        assert '"Language: ar\\n"' in head, path
        assert "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 :" in head, path


def test_every_kind_of_mistake_in_a_field_is_said_in_our_words() -> None:
    kinds = set(get_args(core_schema.ErrorType))

    assert kinds - validation.MESSAGES.keys() - NEVER_MET == set()


def test_no_mistake_of_ours_has_the_name_of_one_of_pydantics() -> None:
    """Its message would be replaced by the one that belongs to that name."""
    found = [
        f"{path}:{node.lineno}"
        for path, tree in source.files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("PydanticCustomError")
        if isinstance(node.args[0], ast.Constant) and node.args[0].value in validation.MESSAGES
    ]

    assert found == []


def test_errors_say_something_and_name_only_their_own_fields() -> None:
    wrong = [
        error.__name__
        for error in texts.error_classes()
        if not error.__dict__.get("__doc__")
        or texts.placeholders(error.__doc__ or "") - set(getattr(error, "__dataclass_fields__", {}))
    ]

    assert wrong == []


# The finders find


def test_texts_are_found_in_code() -> None:
    tree = ast.parse(
        "from holdfast.kit.words import mark, Phrase as P\n"
        "words.say('one', locale); mark('two'); P('three {n}', n=1); words.plural('a', 'b', n, l); words.say(name, l)\n"
        "PydanticCustomError('code', 'four'); problem_at(place, 'code', 'five'); audit.policy('x', allowed='six')\n"
        "said('no'); other.say('no'); words.listed('no', l)"
    )

    found = [(one.text, one.many) for one in texts.texts_in(tree, "planted")]

    assert sorted(found, key=str) == sorted(
        [("one", None), ("two", None), ("three {n}", None), ("a", "b"), ("four", None), ("five", None), ("six", None)],
        key=str,
    )


def test_a_text_put_together_is_refused() -> None:
    with pytest.raises(AssertionError, match="planted:1"):
        list(texts.texts_in(ast.parse("words.say(f'hello {name}', locale)"), "planted"))


def test_texts_are_found_in_templates(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        "<h1>{{ _('Hello %(name)s', name=name) }}</h1>{% trans %}Good\n   bye{% endtrans %}\n"
        "{{ ngettext('one place', '%(num)d places', count) }} {{ _(dynamic) }}"
    )

    found = Counter((one.text, one.many) for one in texts.texts_of_template(page, "page.html"))

    assert found == Counter({("Hello %(name)s", None): 1, ("Good bye", None): 1, ("one place", "%(num)d places"): 1})


def test_a_differing_placeholder_is_seen() -> None:
    good = Entry(
        "{count} seat", "{count} seats", ("لا مقاعد", "مقعد", "مقعدان", "{count}", "{count}", "{count}"), "", False
    )
    bad = Entry("at {place!r}", None, ("في {plce!r}",), "", False)
    dropped = Entry("{count} seat", "{count} seats", ("", "مقعد", "مقعدان", "مقاعد", "{count}", "{count}"), "", False)

    assert _differing(good) == []
    assert _differing(bad) == ["في {plce!r}"]
    assert _differing(dropped) == ["مقاعد"]


def test_a_phrase_reads_as_english_and_is_told_in_arabic_with_its_values() -> None:
    inner = words.Phrase("the deck has {columns} columns", columns=5)
    outer = words.Phrase("The seat layout is not right at {pointer}: {reason}.", pointer="/decks", reason=inner)

    assert outer == "The seat layout is not right at /decks: the deck has 5 columns."
    assert words.told(outer, "en") == outer
    assert words.told(outer, "ar-EG") == "مخطط المقاعد غير صحيح عند /decks: عدد أعمدة الطابق 5."


def _differing(entry: Entry) -> list[str]:
    wanted = texts.placeholders(entry.text) | texts.placeholders(entry.many or "")
    counting = {"count", "num", "n"}
    return [
        form
        for place, form in enumerate(entry.forms)
        if form
        if (texts.placeholders(form) ^ wanted) - (counting if len(entry.forms) > 1 and place < 3 else set())
    ]


def _is_arabic(form: str, entry: Entry) -> bool:
    bare = texts._PLACEHOLDER.sub("", form)  # noqa: SLF001 - the same rule
    return (
        any("\u0600" <= letter <= "\u06ff" for letter in bare)
        or not any(map(str.isalpha, bare))
        or entry.text.isupper()
    )
