"""Find the browser: the system's own, since a pinned one would be downloaded from elsewhere.

The headless shell comes first: the same engine without the rest of a browser, which takes a third of the time less.

`python -m tests.e2e.chromium` prints its path, or ends with 3 and says how to get one.
"""

import os
import shutil
import sys
from pathlib import Path

NO_BROWSER = 3
MISSING = (
    "There is no Chromium here, which the browser tests need. As root, on Debian or Ubuntu:\n"
    "    apt-get install --no-install-recommends chromium-headless-shell fonts-noto-core\n"
    "or name one: HOLDFAST_CHROMIUM=/path/to/chromium"
)
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """The path of the browser; None where there is none. A path in HOLDFAST_CHROMIUM is the only one tried."""
    named = os.environ.get("HOLDFAST_CHROMIUM")
    if named:
        return named if Path(named).is_file() else None
    return next(filter(None, map(shutil.which, _NAMES)), None)


def main() -> int:
    path = find()
    if path is None:
        sys.stderr.write(f"{MISSING}\n")
        return NO_BROWSER
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
