"""The command `holdfast`: 0 done, 1 refused or something is wrong, 2 asked for wrongly; `--json` for programs."""

import json
import sys

import typer
from pydantic import ValidationError

from holdfast.app.cli import backups, data, demo, doctor, keeping, people, rush, servers
from holdfast.app.settings import UnfitForProductionError
from holdfast.kit.errors import Error

FAILED, MISUSED = 1, 2

app = typer.Typer(
    name="holdfast",
    help="Sell scarce places, each of them once. Settings are read from HOLDFAST_ variables and the file .env.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (demo, servers, rush, data, keeping, backups, people, doctor):
    part.add_to(app)


def main() -> None:
    """Run one command; what has a name is told as its code and its sentence, never as a trace."""
    try:
        app()
    except Error as error:
        sys.exit(_told(error.code, error.detail, FAILED))
    except UnfitForProductionError as error:
        sys.exit(_told("unfit_for_production", str(error), MISUSED))
    except ValidationError as error:
        sys.exit(_told("bad_settings", _named(error), MISUSED))
    except ValueError as error:
        sys.exit(_told("bad_settings", str(error), MISUSED))


def _named(error: ValidationError) -> str:
    """Each setting that is wrong, by its variable; never the value, which may be a secret."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = "_".join(str(part) for part in problem["loc"][:1]).upper()
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"HOLDFAST_{variable}: {message}" if variable else message)
    return "\n".join(lines)


def _told(code: str, detail: str, exit_code: int) -> int:
    is_json = "--json" in sys.argv
    text = json.dumps({"code": code, "detail": detail}, ensure_ascii=False) if is_json else f"{code}: {detail}"
    sys.stderr.write(f"{text}\n")
    return exit_code
