"""Many rows through few statements: the same replies on both databases, however many trips it took."""

from typing import Any

from holdfast.kit.bulk import Program, Statement, found, open_writer
from holdfast.kit.db import Database

TIMES = Statement(
    "SELECT r.n AS n, r.n * {by} AS product, r.word AS word FROM {rows} ORDER BY r.n",
    rows={"n": "int", "word": "text"},
    values={"by": "int"},
    returns={"n": "int", "product": "int", "word": "text"},
)
WORDS = Statement(
    "SELECT r.word AS word, {said} AS said FROM {rows} WHERE r.word <> {said} ORDER BY r.word",
    rows={"word": "text"},
    values={"said": "text"},
    returns={"word": "text", "said": "text"},
)


async def ask(database: Database, program: Program[Any]) -> list[list[tuple[Any, ...]]]:
    writer = open_writer(database)
    replies = await writer.run(program)
    await writer.close()
    return [[tuple(row) for row in reply] for reply in replies]


async def test_what_is_asked_in_one_look_is_answered_each_by_its_own_rows(database: Database) -> None:
    replies = await ask(
        database,
        found(
            TIMES.of([(2, "two"), (1, None)], by=10),
            WORDS.of([("no",), ("yes",)], said="no"),
            TIMES.of([(3, "٣")], by=100),
        ),
    )

    assert replies == [[(1, 10, None), (2, 20, "two")], [("yes", "no")], [(3, 300, "٣")]]


async def test_what_asks_about_no_rows_finds_none_and_is_not_asked(database: Database) -> None:
    assert await ask(database, found(TIMES.of([], by=10), WORDS.of([("yes",)], said="no"), TIMES.of([], by=1))) == [
        [],
        [("yes", "no")],
        [],
    ]
    assert await ask(database, found(TIMES.of([], by=10))) == [[]]


async def test_a_row_is_found_by_its_names(database: Database) -> None:
    writer = open_writer(database)
    [[row]] = await writer.run(found(TIMES.of([(7, "seven")], by=3)))
    await writer.close()

    assert (row.n, row.product, row.word) == (7, 21, "seven")
