import shutil
from pathlib import Path

import pytest

from tests.app.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"HOLDFAST_BCRYPT_COST": "4", "HOLDFAST_ENVIRONMENT": "test"})


@pytest.fixture
def migrated(shell: Shell, _sqlite_template: Path) -> Shell:
    """With a database in its usual place."""
    (shell.folder / ".holdfast").mkdir()
    shutil.copy(_sqlite_template, shell.folder / ".holdfast" / "holdfast.sqlite3")
    return shell
