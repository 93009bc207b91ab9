"""A run of the bench, as small as can be: real servers, a real PostgreSQL, and nothing sold twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(180)
def test_a_row_is_measured_on_both_sides_and_told(tmp_path: Path) -> None:
    told = tmp_path / "told.json"

    done = subprocess.run(
        [sys.executable, "-m", "bench", "--scale", "tiny", "--row", "holds-spread", "--json", str(told)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode in {0, 1}, done.stderr  # whether it is fast enough is not this test's to say
    (row,) = json.loads(told.read_text())
    assert {"row", "ours", "theirs", "ratio", "must", "aim", "ok"} <= set(row)
    assert row["row"] == "holds-spread"
    assert row["ours"] > 0, done.stderr
    assert row["theirs"] > 0, done.stderr
    assert "WRONG" not in done.stderr + done.stdout
    assert "ours: " in done.stderr
