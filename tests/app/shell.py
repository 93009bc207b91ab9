"""Run the command: to its end within this process, or as a process that goes on until it is stopped."""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from holdfast.app import cli

HOLDFAST = Path(sys.executable).with_name("holdfast")
_PATIENCE_SECONDS = 90


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Shell:
    """A folder, and the variables that commands see in it."""

    folder: Path
    variables: Mapping[str, str]

    def run(self, *words: str, **changes: str) -> Done:
        """A command to its end, in this process: most of another would be its start."""
        out, errors = io.StringIO(), io.StringIO()
        with self._entered(words, changes), contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, out.getvalue(), errors.getvalue())

    @contextlib.contextmanager
    def _entered(self, words: tuple[str, ...], changes: Mapping[str, str]) -> Iterator[None]:
        """What belongs to a process is put back: variables, folder, words, and where logs go."""
        root, configured = logging.getLogger(), structlog.get_config()
        handlers, level = root.handlers[:], root.level
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setattr(sys, "argv", ["holdfast", *words])
            patch.setattr(os, "environ", self.environment(changes))
            try:
                yield
            finally:
                root.handlers[:] = handlers
                root.setLevel(level)
                structlog.configure(**configured)

    def told(self, *words: str, **changes: str) -> Any:
        """The JSON of a command that succeeded."""
        done = self.run(*words, "--json", **changes)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def environment(self, changes: Mapping[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        if inherited.pop("PYTHONDONTWRITEBYTECODE", None):  # most of a start is compiling
            inherited["PYTHONPYCACHEPREFIX"] = f"{os.environ['HOLDFAST_TEST_RUN_FOLDER']}/compiled"
        return {**inherited, **self.variables, **{f"HOLDFAST_{name.upper()}": text for name, text in changes.items()}}

    @contextlib.contextmanager
    def running(self, *words: str, **changes: str) -> Iterator[tuple[subprocess.Popen[str], Any]]:
        """A command that goes on; gives its process and the first thing it says."""
        with (self.folder / "errors.log").open("w") as errors:
            process = subprocess.Popen(
                [str(HOLDFAST), *words, "--json"],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self.folder,
                env=self.environment(changes),
            )
        assert process.stdout is not None
        with process.stdout as out:
            try:
                line = out.readline()
                assert line, (self.folder / "errors.log").read_text()[-2000:]
                yield process, json.loads(line)
            finally:
                process.terminate()
                process.wait(30)
