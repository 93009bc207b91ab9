"""Every text a person may read, found where it is said, and every Arabic one, found in the `ar.po` files."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import holdfast
from holdfast.kit.errors import Error, message_of
from tests.architecture import source

#: Functions of kit.words -> at which place their texts stand.
SAYING = {"say": (0,), "plural": (0, 1), "mark": (0,), "Phrase": (0,)}
#: Others that are handed a text to be said later: (place, name of the parameter).
HANDED = {
    "PydanticCustomError": (1, "message_template"),
    "problem_at": (2, "detail"),
    "policy": (-1, "allowed"),
    "RoleNeeded": (0, "allowed"),
}
_PLACEHOLDER = re.compile(r"\{(\w+)[^{}]*\}|%\((\w+)\)[a-z]")
_TEMPLATES = ("*.html", "*.txt", "*.jinja", "*.j2", "*.xml", "*.svg")


@dataclass(frozen=True)
class Said:
    """A text, its plural where it has one, and where it is said."""

    text: str
    many: str | None
    where: str


@dataclass(frozen=True)
class Entry:
    """One entry of an `ar.po`."""

    text: str
    many: str | None
    forms: tuple[str, ...]
    where: str
    is_fuzzy: bool


def all_said() -> list[Said]:
    return [*of_errors(), *of_code(), *of_templates()]


def of_errors() -> Iterator[Said]:
    """The messages of all error classes of the package, also of those that only serve as parents."""
    for error in error_classes():
        yield Said(message_of(error), None, f"{error.__module__}.{error.__name__}")


def error_classes() -> list[type[Error]]:
    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[Error]] = []
    waiting: list[type[Error]] = [Error]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            if kind not in found and kind.__module__.startswith("holdfast."):
                found.append(kind)
                waiting.append(kind)
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def of_code() -> Iterator[Said]:
    for path, tree in source.files():
        yield from texts_in(tree, str(path))


def texts_in(tree: ast.Module, path: str) -> Iterator[Said]:
    """What one file hands to `kit.words`, or to whatever says it later."""
    imported = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "holdfast.kit.words"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id="words"), attr=name) if name in SAYING:
                called = name
            case ast.Name(id=name) if imported.get(name) in SAYING:
                called = imported[name]
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in HANDED:
                yield from _handed(node, *HANDED[name], f"{path}:{node.lineno}")
                continue
            case _:
                continue
        where = f"{path}:{node.lineno}"
        parts = [_constant(node.args[place], where) for place in SAYING[called] if place < len(node.args)]
        if parts and parts[0] is not None:
            yield Said(parts[0], parts[1] if len(parts) > 1 else None, where)


def of_templates() -> Iterator[Said]:
    for pattern in _TEMPLATES:
        for path in sorted(source.PACKAGE.rglob(pattern)):
            yield from texts_of_template(path, str(path.relative_to(source.PACKAGE)))


def texts_of_template(path: Path, name: str) -> Iterator[Said]:
    options = {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}
    with path.open("rb") as lines:
        for line, function, messages, _ in babel_extract(lines, ("_", "gettext", "ngettext"), [], options):
            texts = [text for text in (messages if isinstance(messages, tuple) else (messages,)) if text]
            if texts:
                is_plural = function == "ngettext" and len(texts) > 1
                yield Said(texts[0], texts[1] if is_plural else None, f"{name}:{line}")


def all_arabic() -> list[Entry]:
    return [entry for path in sorted(source.PACKAGE.rglob("ar.po")) for entry in entries_of(path)]


def entries_of(path: Path) -> Iterator[Entry]:
    with path.open("rb") as lines:
        catalog = read_po(lines, locale="ar")
    for message in catalog:
        if message.id:
            ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
            forms = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
            where = f"{path.relative_to(source.PACKAGE.parent) if path.is_relative_to(source.PACKAGE) else path.name}"
            yield Entry(ids[0], ids[1] if len(ids) > 1 else None, forms, where, message.fuzzy)


def placeholders(text: str) -> set[str]:
    return {first or second for first, second in _PLACEHOLDER.findall(text)}


def _constant(node: ast.expr, where: str) -> str | None:
    """The text; none where a name stands, whose text is marked elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    assert not isinstance(node, ast.JoinedStr | ast.BinOp), f"{where}: a text put together cannot be translated"
    return None


def _handed(call: ast.Call, place: int, parameter: str, where: str) -> Iterator[Said]:
    values = [keyword.value for keyword in call.keywords if keyword.arg == parameter]
    if 0 <= place < len(call.args):
        values.append(call.args[place])
    for value in values:
        text = _constant(value, where)
        if text is not None:
            yield Said(text, None, where)
