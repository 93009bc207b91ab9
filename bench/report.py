"""What the bench says: a bar while it runs, the table, JSON, and docs/performance.md with its plots."""

import contextlib
import os
import platform
import pstats
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import plots
from bench.ground import Outcome, Row

ROOT = Path(__file__).resolve().parents[1]
_NOTHING = "-"
PAGE = ROOT / "docs" / "performance.md"
_BEGIN, _END = "<!-- figures begin: written by ./run bench --write-docs -->", "<!-- figures end -->"


@dataclass(frozen=True, slots=True)
class Told:
    """A row that was measured, with where and when."""

    row: Row
    outcome: Outcome
    scale: str
    machine: str
    at: datetime


class Bar:
    """Progress for who watches a terminal; a line a row for who does not."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("bench", total=total)
        self._name = ""

    def begin(self, name: str) -> None:
        self._name = name
        self._progress.update(self._task, description=name)

    def detail(self, words: str) -> None:
        self._progress.update(self._task, description=f"{self._name}: {words}")

    def done(self, row: Row, outcome: Outcome) -> None:
        self._progress.advance(self._task)
        self._progress.console.print(f"{row.name}: {said(row, outcome)}", markup=False)
        for line in outcome.lines:
            self._progress.console.print(f"    {line}", markup=False)
        for line in outcome.wrong:
            self._progress.console.print(f"    WRONG  {line}", markup=False)


@contextlib.contextmanager
def progress(total: int) -> Iterator[Bar]:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        yield Bar(bar, total)


def said(row: Row, outcome: Outcome) -> str:
    """A row in one line."""
    if outcome.skipped is not None:
        return f"not measured: {outcome.skipped}"
    cells = cells_of(row, outcome)
    return (
        f"{cells['ours']} against {cells['theirs']} {cells['unit']}, ratio {cells['ratio']}"
        f" (must {cells['must']}, aim {cells['aim']}): {cells['ok']}"
    )


def cells_of(row: Row, outcome: Outcome) -> dict[str, str]:
    sign = "≤ " if row.is_most else ""
    return {
        "row": row.name,
        "what": row.what,
        "unit": row.unit,
        "ours": _number(outcome.ours),
        "theirs": _NOTHING if outcome.theirs is None else _number(outcome.theirs),
        "ratio": _NOTHING if outcome.ratio is None else _number(outcome.ratio),
        "must": _NOTHING if row.must is None else sign + _number(row.must),
        "aim": _NOTHING if row.aim is None else sign + _number(row.aim),
        "ok": _verdict(row, outcome),
    }


def show(outcomes: Sequence[tuple[Row, Outcome]], *, scale: str) -> None:
    """The table, on the standard output."""
    cells = [cells_of(row, outcome) for row, outcome in outcomes]
    columns = ("row", "ours", "theirs", "unit", "ratio", "must", "aim", "ok")
    widths = {column: max(len(column), *(len(cell[column]) for cell in cells)) for column in columns}
    lines = ["  ".join(column.ljust(widths[column]) for column in columns)]
    lines += ["  ".join(cell[column].ljust(widths[column]) for column in columns) for cell in cells]
    if scale != "full":
        lines.append(f"\n{scale}: less of everything than the targets speak of, so the ratios are a first impression")
    sys.stdout.write("\n".join(line.rstrip() for line in lines) + "\n")
    sys.stdout.flush()


def show_profiles(folder: Path) -> None:
    """Where our servers spent their time, by the functions themselves."""
    for seen in sorted(folder.glob("*.pstats")):
        pstats.Stats(str(seen), stream=sys.stdout).sort_stats("tottime").print_stats(40)


def values(outcomes: Sequence[tuple[Row, Outcome]], *, scale: str) -> list[dict[str, Any]]:
    """For programs, and for `put_together`."""
    about = {"scale": scale, "machine": _machine(), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    return [
        {
            "row": row.name,
            "ours": round(outcome.ours, 3),
            "theirs": None if outcome.theirs is None else round(outcome.theirs, 3),
            "ratio": None if outcome.ratio is None else round(outcome.ratio, 4),
            "must": row.must,
            "aim": row.aim,
            "ok": row.holds(outcome),
            "lines": outcome.lines,
            "wrong": outcome.wrong,
            "series": outcome.series,
            "skipped": outcome.skipped,
            **about,
        }
        for row, outcome in outcomes
    ]


def put_together(runs: Sequence[list[dict[str, Any]]], rows: Sequence[Row]) -> list[Told]:
    """What several runs told: of a row measured more than once the last, in the order of the rows."""
    last = {told["row"]: told for run in runs for told in run}
    return [
        Told(
            row,
            Outcome(
                ours=told["ours"],
                theirs=told["theirs"],
                ratio=told["ratio"],
                lines=told["lines"],
                wrong=told["wrong"],
                series={name: [(x, y) for x, y in points] for name, points in told["series"].items()},
                skipped=told["skipped"],
            ),
            scale=told["scale"],
            machine=told["machine"],
            at=datetime.fromisoformat(told["at"]),
        )
        for row in rows
        if (told := last.get(row.name)) is not None
    ]


def write_docs(told: Sequence[Told], *, page: Path = PAGE) -> None:
    """Put what was told into the page, between its two marks, and the plots beside it."""
    lines = [_BEGIN, "", *_where(told), ""]
    lines += [
        "| row | what | ours | theirs | unit | ratio | must | aim | |",
        "|---|---|---:|---:|---|---:|---:|---:|---|",
    ]
    for each in told:
        cell = cells_of(each.row, each.outcome)
        names = ("row", "what", "ours", "theirs", "unit", "ratio", "must", "aim", "ok")
        lines.append("| " + " | ".join(cell[name] for name in names) + " |")
    pictures = page.with_suffix("")
    pictures.mkdir(exist_ok=True)

    def show_picture(name: str, title: str, drawn: str) -> None:
        (pictures / f"{name}.svg").write_text(drawn, encoding="utf-8")
        lines.extend(["", f"![{title}]({pictures.name}/{name}.svg)"])

    if bars := [bar for each in told if (bar := _bar(each)) is not None]:
        title = "Each row against what it must be (1) and aims at (the mark); further right is better"
        show_picture("ratios", title, plots.bars(title, bars))
    for each in told:
        if each.outcome.series:
            drawn = plots.lines(each.row.what, each.outcome.series, unit=each.row.unit)
            show_picture(each.row.name, each.row.what, drawn)
    lines += ["", "<details><summary>What each run said</summary>", ""]
    for each in told:
        said_of_it = [*each.outcome.lines, *(f"WRONG: {line}" for line in each.outcome.wrong)]
        lines += [f"- **{each.row.name}**", *(f"  - {line}" for line in said_of_it)]
    lines += ["", "</details>", "", _END]
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(f"{re.escape(_BEGIN)}.*{re.escape(_END)}", re.DOTALL)
    assert pattern.search(text), f"{page} has no place for the figures"
    page.write_text(pattern.sub(lambda _: "\n".join(lines), text), encoding="utf-8")


def _where(told: Sequence[Told]) -> list[str]:
    """Where and when it was measured; more than once where runs were put together."""
    found: dict[str, list[str]] = {}
    for each in told:
        found.setdefault(f"{each.machine}. {each.at:%d %B %Y}, scale: {each.scale}.", []).append(each.row.name)
    if len(found) <= 1:
        return list(found)
    return [f"- {about} Rows: {', '.join(names)}." for about, names in found.items()]


def _bar(told: Told) -> plots.Bar | None:
    """A row in shares of what it must be, from above where less is better."""
    row, outcome = told.row, told.outcome
    value = outcome.ratio if row.compares == "ratio" else outcome.ours
    if row.must is None or not value or outcome.skipped is not None:
        return None
    share, aim = value / row.must, (row.aim or row.must) / row.must
    return plots.Bar(row.name, *((1 / share, 1 / aim) if row.is_most else (share, aim)), is_met=row.holds(outcome))


def _verdict(row: Row, outcome: Outcome) -> str:
    if outcome.skipped is not None:
        return "not measured"
    if outcome.wrong:
        return "WRONG"
    if not row.holds(outcome):
        return "missed"
    value = outcome.ratio if row.compares == "ratio" else outcome.ours
    if row.aim is None or value is None:
        return "told"
    reached = value <= row.aim if row.is_most else value >= row.aim
    return "aim" if reached else "must"


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _machine() -> str:
    model = ""
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        model = f" ({found[1]})" if found else ""
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{os.cpu_count()} cores{model}, Linux {kernel}, Python {platform.python_version()}"
