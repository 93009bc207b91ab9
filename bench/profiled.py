"""The command `holdfast` under cProfile: `python -m bench.profiled FILE serve …` writes what was seen when it ends."""

import cProfile
import signal
import sys
from typing import NoReturn

from holdfast.app.cli import main


def _end(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)  # the server raises it again once it has stopped
    profile = cProfile.Profile()
    file = sys.argv.pop(1)
    profile.enable()
    try:
        main()
    finally:
        profile.disable()
        profile.dump_stats(file)
