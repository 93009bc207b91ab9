"""What stands around the browser tests, as far as it can be seen without a browser."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _locked(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text().splitlines()
    return dict(match.groups() for line in lines if (match := re.match(r"([a-z0-9-]+)==(\S+)", line)))  # type: ignore[misc]


def test_the_browser_tests_change_no_package_of_the_rest() -> None:
    main, extra = _locked("requirements.lock"), _locked("requirements-e2e.lock")

    assert "playwright" in extra
    assert {name: version for name, version in extra.items() if main.get(name, version) != version} == {}


def test_where_there_is_no_chromium_the_command_to_get_one_is_told() -> None:
    env = {**os.environ, "HOLDFAST_CHROMIUM": "/nowhere/chromium"}

    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.chromium"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert "apt-get install --no-install-recommends chromium" in done.stderr
