"""What a command says: tables and bars for people, one JSON value for programs."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

#: Between two lines of progress in a log.
LINE_SECONDS = 2.0

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON value for a program to read.")]
DatabaseUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="embedded|URL",
        help="postgresql://…, sqlite:///…, or `embedded`: a PostgreSQL of our own in the data folder.",
    ),
]


class Screen:
    """One command's output. Results go to the standard output, progress and notes to the standard error."""

    def __init__(self, *, is_json: bool) -> None:
        self.is_json = is_json
        self.out = Console(highlight=False, soft_wrap=True)
        self._aside = Console(stderr=True, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Something by the way; not for programs."""
        if not self.is_json:
            self._aside.print(text, markup=False)

    def say(self, text: str, *, value: Mapping[str, Any]) -> None:
        """A result in words, or its value."""
        if self.is_json:
            self.value(value)
        else:
            self.words(text)

    def words(self, text: str) -> None:
        """For people alone, at once: what waits for a server's address may read it through a pipe."""
        if not self.is_json:
            self.out.print(text, markup=False)
            sys.stdout.flush()

    def value(self, value: Any) -> None:  # noqa: ANN401 - anything JSON can say
        sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
        sys.stdout.flush()

    def table(self, title: str, rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> None:
        """For people alone."""
        if self.is_json:
            return
        shown = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for column in columns:
            shown.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            shown.add_row(*(str(row.get(column) if row.get(column) is not None else "") for column in columns))
        self.out.print(shown)

    @contextlib.contextmanager
    def steps(self, what: str, total: int, *, line_seconds: float = LINE_SECONDS) -> Iterator[Callable[[str], None]]:
        """A bar while this lasts where a person watches, else a line now and then; call what it gives at each step."""
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._aside,
            transient=True,
            disable=self.is_json or not self._aside.is_terminal,
        )
        with bar:
            task = bar.add_task(what, total=total)
            count, told_at = 0, time.monotonic()

            def done(step: str) -> None:
                nonlocal count, told_at
                count += 1
                bar.update(task, advance=1, description=f"{what}: {step}")
                if bar.disable and time.monotonic() - told_at >= line_seconds:
                    told_at = time.monotonic()
                    self.note(f"{what}: {count:,} of {total:,}")

            yield done
