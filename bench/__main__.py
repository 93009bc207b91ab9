"""Measure: `./run bench [--quick] [--row NAME …] [--json FILE] [--write-docs [FILE …]]`; see docs/performance.md.

Exit code 0: every row that was asked for is as it must be and nothing was sold twice; 1: not so; 2: asked wrongly.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from bench import ground, report
from bench.ground import Bench, Outcome, Row
from bench.rows import ROWS
from bench.site import open_site

SCALES = {"full": ground.FULL, "quick": ground.QUICK, "tiny": ground.TINY}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="./run bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few seconds a row, and less of everything")
    parser.add_argument("--scale", choices=SCALES, help=argparse.SUPPRESS)
    parser.add_argument("--row", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    parser.add_argument("--list", action="store_true", help="the names of the rows, and what they compare")
    parser.add_argument("--processes", type=int, default=1, help="server processes of ours (rows are for 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write [{row, ours, theirs, ratio, must, aim, ok}]")
    parser.add_argument(
        "--write-docs",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="put table and plots into docs/performance.md; with files of --json: of those runs, and measure nothing",
    )
    parser.add_argument(
        "--profile", type=Path, metavar="FOLDER", help="let cProfile watch our server, and tell its top"
    )
    asked = parser.parse_args(words)
    if asked.write_docs:
        runs = [json.loads(file.read_text(encoding="utf-8")) for file in asked.write_docs]
        report.write_docs(report.put_together(runs, ROWS))
        return 0
    known = {row.name: row for row in ROWS}
    if asked.list:
        for row in ROWS:
            sys.stdout.write(f"{row.name:22} {row.what}\n")
        return 0
    if unknown := [name for name in asked.row if name not in known]:
        parser.error(f"there is no row {', '.join(unknown)}; ./run bench --list names them")
    rows = [known[name] for name in dict.fromkeys(asked.row)] or list(ROWS)
    scale = asked.scale or ("quick" if asked.quick else "full")
    if asked.profile is not None:
        asked.profile.mkdir(parents=True, exist_ok=True)
    outcomes = run(rows, scale=scale, processes=asked.processes, profiles=asked.profile)
    if asked.profile is not None:
        report.show_profiles(asked.profile)
    report.show(outcomes, scale=scale)
    told = report.values(outcomes, scale=scale)
    if asked.json is not None:
        asked.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if asked.write_docs is not None:
        report.write_docs(report.put_together([told], ROWS))
    return 0 if all(row.holds(outcome) for row, outcome in outcomes) else 1


def run(rows: list[Row], *, scale: str, processes: int, profiles: Path | None) -> list[tuple[Row, Outcome]]:
    """Each row in turn; one that fails to run says so and the next begins."""
    outcomes: list[tuple[Row, Outcome]] = []
    with open_site(profiles=profiles) as site, report.progress(len(rows)) as bar:
        bench = Bench(site, SCALES[scale], processes=processes)
        bench.listen(bar.detail)
        try:
            for row in rows:
                bar.begin(row.name)
                bench.tidy()
                began = time.monotonic()
                try:
                    outcome = row.run(bench)
                except Exception as error:  # noqa: BLE001 - one row must not take the others with it
                    outcome = Outcome(ours=0.0, wrong=[f"the row did not run: {error!r}"])
                outcome.lines.append(f"took {time.monotonic() - began:.0f} s")
                outcomes.append((row, outcome))
                bar.done(row, outcome)
                bench.end_unshared()
            if (breaches := bench.checked_all()) and outcomes:
                outcomes[-1][1].wrong += breaches
                bar.done(*outcomes[-1])
        finally:
            bench.close()
    return outcomes


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it started, as ^C does
    sys.exit(main())
