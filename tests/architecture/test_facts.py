"""Facts are read by programs of others: what they promise stands in docs/facts.md."""

import dataclasses
from dataclasses import dataclass

from holdfast.app import facts
from holdfast.kit.outbox import Fact
from tests.architecture import source

PAGE = source.ROOT / "docs" / "facts.md"
PERSONAL = ("name", "email", "phone", "address", "text", "note", "subject")


@dataclass(frozen=True, slots=True)
class Undescribed(Fact):
    number: int


def test_the_page_of_facts_is_current() -> None:
    assert PAGE.exists(), "./run facts > docs/facts.md"
    assert PAGE.read_text() == facts.page(), "./run facts > docs/facts.md, and read the difference"


def test_every_fact_says_when_it_is_published() -> None:
    assert len(facts.ours()) >= 16
    assert [kind.name() for kind in facts.ours() if not facts.when(kind)] == []
    assert facts.when(Undescribed) is None


def test_every_fact_is_one_of_a_feature_and_frozen() -> None:
    for kind in facts.ours():
        assert kind.__module__.endswith(".values"), kind
        assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]


def test_no_fact_has_a_field_for_anything_personal() -> None:
    fields = [(kind.name(), field.name) for kind in facts.ours() for field in dataclasses.fields(kind)]

    assert [where for where in fields if any(word in where[1].split("_") for word in PERSONAL)] == []
