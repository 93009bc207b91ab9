"""Every table says how long it is kept, and docs/retention.md says the same."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from holdfast.app import worker
from holdfast.app.products import PRODUCTS
from holdfast.kernel import retention
from holdfast.kernel.product import Products
from holdfast.kit import migrate
from holdfast.kit.keeping import Kept

PAGE = Path(__file__).parents[2] / "docs" / "retention.md"
REGENERATE = "if the change is meant: ./run retention > docs/retention.md"
#: Who is personal though nothing personal is in the name.
PERSONAL_COLUMNS = {"email", "phone_number", "first_name", "last_name", "address", "agent", "reason", "body", "text"}


@pytest.fixture(scope="module")
def kept() -> tuple[Kept, ...]:
    return worker.kept(Products(PRODUCTS))


def test_every_table_says_how_long_it_is_kept_and_no_other_does(kept: tuple[Kept, ...]) -> None:
    named = [each.table for each in kept]

    assert len(named) == len(set(named))
    assert set(named) == set(migrate.declared().tables), "a row in kernel/retention/table.py, or `kept` of the product"


def test_what_goes_by_age_has_an_age_and_a_verb(kept: tuple[Kept, ...]) -> None:
    assert [each.table for each in kept if (each.after is None) != (each.forget is None)] == []


def test_what_is_personal_does_not_outlive_its_person(kept: tuple[Kept, ...]) -> None:
    assert [each.table for each in kept if each.personal and each.erasure == "stays"] == []


def test_a_column_that_may_say_who_somebody_is_stands_in_a_table_that_says_so(kept: tuple[Kept, ...]) -> None:
    personal = {each.table for each in kept if each.personal}
    tables = migrate.declared().tables.values()
    telling = {table.name for table in tables if _is_telling(table)} - {"cancellation_quotes"}  # a word of the terms

    assert telling - personal == set()


def test_the_page_is_made_of_the_table_of_today(kept: tuple[Kept, ...]) -> None:
    assert PAGE.read_text() == retention.described(kept), REGENERATE


def _is_telling(table: sa.Table) -> bool:
    return bool(PERSONAL_COLUMNS & set(table.columns.keys()))
