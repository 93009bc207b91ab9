"""`./run` on a machine that has little, without a network: on a project that is as small as can be."""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "run"
BASE_PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()

PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "holdfast"
version = "1"
"""
BACKEND = """\
import pathlib, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(pathlib.Path(folder) / "holdfast-1-py3-none-any.whl", "w") as wheel:
        info = "holdfast-1.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: holdfast\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nholdfast = holdfast_said:main\\n")
        wheel.writestr("holdfast_said.py", "import sys\\ndef main(): print('holdfast', *sys.argv[1:])\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return "holdfast-1-py3-none-any.whl"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one locked package, beside a machine on which ensurepip is hidden and there is no uv."""
    root = tmp_path / "project"
    root.mkdir()
    shutil.copy(RUN, root / "run")
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "backend.py").write_text(BACKEND)
    package = root / "locked-1-py3-none-any.whl"
    with zipfile.ZipFile(package, "w") as wheel:
        wheel.writestr("locked-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: locked\nVersion: 1\n")
        wheel.writestr("locked-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("locked-1.dist-info/RECORD", "")
        wheel.writestr("locked.py", "")
    _lock(root, hashlib.sha256(package.read_bytes()).hexdigest())
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "ensurepip.py").write_text("raise ImportError('hidden')\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(BASE_PYTHON)
    return root


def _lock(root: Path, digest: str) -> None:
    (root / "requirements.lock").write_text(
        f"locked @ file://{root}/locked-1-py3-none-any.whl \\\n    --hash=sha256:{digest}\n"
    )


def _run(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    machine = project.parent
    env = {
        "HOME": str(machine),
        "PATH": f"{machine / 'bin'}:/usr/bin:/bin",
        "PYTHONPATH": str(machine / "hidden"),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    return subprocess.run([project / "run", *words], check=False, capture_output=True, text=True, env=env, cwd="/")


def test_a_python_without_ensurepip_gets_all_once_and_again_when_the_lock_changes(project: Path) -> None:
    first = _run(project, "greet", "--loudly")
    before = time.monotonic()
    second = _run(project, "greet")
    took = time.monotonic() - before
    lock = project / "requirements.lock"
    lock.write_text(lock.read_text() + "# changed\n")
    third = _run(project, "greet")

    assert first.stdout == "holdfast greet --loudly\n", first.stderr
    assert "Installing" in first.stderr
    modules = [path.name for path in project.glob(".venv/lib/python*/site-packages/*.py")]
    assert sorted(modules) == ["holdfast_said.py", "locked.py"]
    assert (second.stdout, second.stderr) == ("holdfast greet\n", "")
    assert took < 2  # 0.1 s on a machine at rest
    assert "Installing" in third.stderr


def test_a_package_that_is_not_the_locked_one_is_refused(project: Path) -> None:
    _lock(project, "0" * 64)

    done = _run(project, "greet")

    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
    assert not (project / ".venv" / "ready").exists()


def test_a_half_made_environment_and_a_moved_one_are_made_anew(project: Path) -> None:
    venv.EnvBuilder(symlinks=True).create(project / ".venv")
    half_made = _run(project, "greet")
    moved = project.rename(project.with_name("elsewhere"))
    _lock(moved, hashlib.sha256((moved / "locked-1-py3-none-any.whl").read_bytes()).hexdigest())
    after_the_move = _run(moved, "greet")

    assert half_made.stdout == "holdfast greet\n"
    assert after_the_move.stdout == "holdfast greet\n"
    assert str(project) not in (moved / ".venv" / "bin" / "holdfast").read_text()


def test_without_a_word_it_tells_what_it_can_do_and_installs_nothing(project: Path) -> None:
    done = _run(project)

    assert "./run demo" in done.stdout
    assert not (project / ".venv").exists()


def test_an_old_python_alone_is_told_from_a_new_one(project: Path) -> None:
    python = project.parent / "bin" / "python3"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 1\n")  # what an older one answers when asked for its version
    python.chmod(0o755)
    (project.parent / "bin" / "python3.12").symlink_to(BASE_PYTHON)

    done = _run(project)

    assert "./run demo" in done.stdout
