"""docs/errors.md tells every code there is, once, as the classes have it."""

import importlib
import re
from collections import Counter

from holdfast.kit.errors import code_of
from tests.architecture import source

PAGE = source.ROOT / "docs" / "errors.md"
REGENERATE = "./run errors > docs/errors.md"


def test_the_page_about_errors_is_current() -> None:
    written = importlib.import_module("holdfast.app.error_page").error_page()

    assert PAGE.exists(), REGENERATE
    assert written == PAGE.read_text(), REGENERATE


def test_a_code_means_one_thing_and_has_one_anchor() -> None:
    codes = Counter(map(code_of, importlib.import_module("holdfast.app.error_page").classes()))
    anchors = Counter(re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE))

    assert [code for code, times in codes.items() if times > 1] == []
    assert [code for code, times in anchors.items() if times > 1] == []


def test_advice_is_for_codes_that_there_are() -> None:
    page = importlib.import_module("holdfast.app.error_page")
    codes = set(map(code_of, page.classes()))

    assert page._ADVICE.keys() - codes == set()  # noqa: SLF001 - the table is the page's own affair
