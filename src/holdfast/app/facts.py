"""The page of facts, docs/facts.md: made from the classes that are published, and held to them by a test."""

import dataclasses
import importlib
import inspect
import types
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from holdfast.kernel.webhooks import TEST
from holdfast.kit import outbox
from holdfast.kit.outbox import Fact

_HEAD = f"""# Facts

Made by `./run facts > docs/facts.md`; a test holds it to the code.

A fact tells of something that happened. It is written in the transaction of the change it tells of and delivered
afterwards, at least once: to the parts of the platform that listen, and to the programs of providers
([webhooks](webhooks.md)). Fields hold ids, words, numbers and moments, never anything personal: whoever may know more
asks the API by the id.

- **Ignore what you don't know**: fields may be added to a fact, and facts to this page, at any time.
- **A breaking change is a new version**, sent beside the old one for as long as that is announced; a message says its
  `version`. Ignore versions you were not written for.
- **The same fact may come twice**, and facts may come in another order than they happened. Its id is always the same.
- `inventory_id` names what was for sale (an occurrence), `user_id` whose it is; both are null where there is none.
- A fact about an inventory, and one that names a `provider_id`, is sent to the endpoints of that provider and to the
  platform's own; all others to the platform's own alone.
- `{TEST}` is no fact: it is sent when an endpoint is tested.

What changes in an inventory, place by place, is not told as facts: follow it over a [socket](realtime.md).
"""


def page() -> str:
    """All of it, by the feature that publishes."""
    kinds = ours()
    parts = [_HEAD]
    for feature in sorted({feature_of(kind) for kind in kinds}):
        parts.append(f"## {feature}\n")
        parts += [_told(kind) for kind in kinds if feature_of(kind) == feature]
    return "\n".join(parts).rstrip() + "\n"


def ours() -> Sequence[type[Fact]]:
    """Every fact of the platform: the application knows every feature, and so every fact."""
    importlib.import_module("holdfast.app.main")
    return [kind for kind in outbox.kinds() if kind.__module__.startswith("holdfast.")]


def feature_of(kind: type[Fact]) -> str:
    """holdfast.kernel.bookings.values -> bookings."""
    return kind.__module__.split(".")[2]


def when(kind: type[Fact]) -> str | None:
    """Its own docstring: when it is published. None where the dataclass has made one up."""
    text = vars(kind).get("__doc__") or ""
    return None if not text or text.startswith(f"{kind.__name__}(") else " ".join(inspect.cleandoc(text).split())


def _told(kind: type[Fact]) -> str:
    rows = "\n".join(f"| `{name}` | {words} |" for name, words in _fields(kind))
    return (
        f"### {kind.name()}, version {kind.version}\n\n{when(kind)}\n\n| field | what it holds |\n|---|---|\n{rows}\n"
    )


def _fields(kind: type[Fact]) -> Iterator[tuple[str, str]]:
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        yield field.name, _words(hints[field.name])


def _words(hint: Any) -> str:  # noqa: ANN401 - any annotation of a fact's field
    plain = {UUID: "id", str: "word", int: "number", bool: "true or false", datetime: "moment"}
    if hint in plain:
        return plain[hint]
    inner = [each for each in get_args(hint) if each is not Ellipsis]
    if get_origin(hint) in {Union, types.UnionType}:
        kinds = [_words(each) for each in inner if each is not type(None)]
        return " or ".join([*kinds, "null"])
    if get_origin(hint) in {tuple, list}:
        return f"list: {_words(inner[0])}"
    return " or ".join(f"`{each}`" for each in inner)  # a Literal
