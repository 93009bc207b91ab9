"""The project as the architecture tests see it: its files, read and never run."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "holdfast"


def files(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Every Python file below these folders of the package, or of all of it: path within the package, syntax tree."""
    for folder in folders or ("",):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            yield path.relative_to(PACKAGE), ast.parse(path.read_text(), str(path))
