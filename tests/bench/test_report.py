"""What the bench says, and that every row has its place."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import plots, report
from bench.__main__ import main
from bench.ground import Bench, Outcome, Row
from bench.rows import ROWS

FILE = Path(__file__).parents[2] / "docs" / "performance.md"


def nothing(_: Bench) -> Outcome:
    raise AssertionError


FASTER = Row("faster", "ours against theirs", "holds/s", 2.0, 3.0, nothing)
SOONER = Row("sooner", "p99", "ms", 0.5, 0.1, nothing, is_most=True)
SMALL = Row("small", "memory", "MB", 200, 150, nothing, is_most=True, compares="ours")


@pytest.mark.parametrize(
    ("row", "outcome", "ok", "verdict"),
    [
        (FASTER, Outcome(30, 10, 3.0), True, "aim"),
        (FASTER, Outcome(20, 10, 2.0), True, "must"),
        (FASTER, Outcome(19, 10, 1.9), False, "missed"),
        (FASTER, Outcome(90, 10, 9.0, wrong=["sold twice"]), False, "WRONG"),
        (FASTER, Outcome(0, skipped="no Redis"), False, "not measured"),
        (SOONER, Outcome(1, 10, 0.1), True, "aim"),
        (SOONER, Outcome(6, 10, 0.6), False, "missed"),
        (SMALL, Outcome(149), True, "aim"),
        (SMALL, Outcome(201), False, "missed"),
    ],
)
def test_a_row_is_as_it_must_be_or_says_how_not(row: Row, outcome: Outcome, ok: bool, verdict: str) -> None:
    cells = report.cells_of(row, outcome)

    assert row.holds(outcome) is ok
    assert cells["ok"] == verdict


def test_programs_are_told_a_list_of_rows() -> None:
    told = json.loads(json.dumps(report.values([(FASTER, Outcome(30, 10, 3.0)), (SMALL, Outcome(149))], scale="quick")))

    names = ("row", "ours", "theirs", "ratio", "must", "aim", "ok")
    assert [{name: each[name] for name in names} for each in told] == [
        {"row": "faster", "ours": 30, "theirs": 10, "ratio": 3.0, "must": 2.0, "aim": 3.0, "ok": True},
        {"row": "small", "ours": 149, "theirs": None, "ratio": None, "must": 200, "aim": 150, "ok": True},
    ]


def test_a_run_is_put_into_the_page_between_its_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "performance.md"
    page.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    outcome = Outcome(30, 10, 3.0, lines=["ours: 30/s"], series={"one": [(1, 10.0), (100, 30.0)]})

    for _ in range(2):  # again, it takes the place of the run before
        run = json.loads(json.dumps(report.values([(FASTER, outcome)], scale="quick")))
        report.write_docs(report.put_together([run], [FASTER]), page=page)

    written = page.read_text(encoding="utf-8")
    assert written.count("| faster |") == 1
    assert "![ours against theirs](performance/faster.svg)" in written
    assert (
        written.partition("<!-- figures begin")[0]
        == FILE.read_text(encoding="utf-8").partition("<!-- figures begin")[0]
    )
    ET.parse(tmp_path / "performance" / "faster.svg")
    drawn = ET.parse(tmp_path / "performance" / "ratios.svg")
    assert {"faster", "must"} <= {"".join(each.itertext()) for each in drawn.iter()}


def test_of_several_runs_the_last_word_on_each_row_is_kept_with_where_it_was_measured(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(FILE.read_text(encoding="utf-8"), encoding="utf-8")
    first = report.values([(FASTER, Outcome(30, 10, 3.0)), (SMALL, Outcome(149))], scale="full")
    then = report.values([(FASTER, Outcome(50, 10, 5.0, wrong=["sold twice"]))], scale="quick")

    report.write_docs(report.put_together([first, then], [SMALL, FASTER]), page=page)

    written = page.read_text(encoding="utf-8")
    assert "| small | memory | 149 |" in written
    assert "| faster | ours against theirs | 50 | 10 | holds/s | 5 | 2 | 3 | WRONG |" in written
    assert written.index("scale: full. Rows: small.") < written.index("scale: quick. Rows: faster.")


def test_bars_show_where_each_row_stands_between_must_and_aim() -> None:
    rows = [plots.Bar("good & fast", 1.5, 1.2, is_met=True), plots.Bar("bad", 0.05, 2.0, is_met=False)]

    drawn = ET.fromstring(plots.bars("how", rows))

    shapes = list(drawn.iter("{http://www.w3.org/2000/svg}rect"))
    assert float(shapes[0].attrib["width"]) > float(shapes[1].attrib["width"])
    assert shapes[0].attrib["fill"] != shapes[1].attrib["fill"]


def test_a_plot_names_its_lines_and_shows_every_point() -> None:
    drawn = ET.fromstring(plots.lines("a & b", {"one": [(1, 5.0), (1000, 7.0)], "two": [(1, 0.0)]}, unit="µs"))

    texts = ["".join(each.itertext()) for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert {"a & b", "µs", "one", "two"} <= set(texts)
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) == 3


def test_each_row_has_a_name_of_its_own_and_stands_in_the_page() -> None:
    names = [row.name for row in ROWS]
    page = FILE.read_text(encoding="utf-8")

    assert len(set(names)) == len(names)
    assert [name for name in names if f"`{name}`" not in page] == []


def test_a_row_that_there_is_not_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--row", "nonsense"])

    assert ended.value.code == 2
    assert "no row nonsense" in capsys.readouterr().err
