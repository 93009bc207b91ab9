"""holdfast backup, holdfast restore: the whole database in one file, and back."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from holdfast.app import backups
from holdfast.app import check as checking
from holdfast.app.cli.data import begin_epoch, make_folder_of
from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.kit import migrate
from holdfast.kit.checks import Breach
from holdfast.kit.db import normalized


def add_to(app: typer.Typer) -> None:
    app.command()(backup)
    app.command()(restore)


def backup(
    *,
    to: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.", dir_okay=False)],
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Write the whole database, as it is at one moment, into a file; sales go on meanwhile."""
    screen = Screen(is_json=json)
    with settings_for(database) as settings:
        size = backups.back_up(normalized(settings.database), to)
    screen.say(f"Wrote {to} ({size // 1000} kB)", value={"file": str(to), "bytes": size})


def restore(
    *,
    source: Annotated[
        Path, typer.Option("--from", help="A file that `holdfast backup` wrote.", exists=True, dir_okay=False)
    ],
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Fill an empty database from a backup, and prove the safety contract on it; exit code 1 names each breach."""
    screen = Screen(is_json=json)

    async def prove(house: House) -> list[Breach]:
        await begin_epoch(house)  # positions given since the backup mean nothing now
        return await checking.check(house.database)

    with settings_for(database) as settings:
        make_folder_of(settings)
        backups.restore(normalized(settings.database), source)
        revision = asyncio.run(migrate.current(settings.database))
        breaches = work(settings, prove) if revision == migrate.head() else None
    value = {"revision": revision, "head": migrate.head(), "breaches": None if breaches is None else len(breaches)}
    if breaches is None:
        screen.say(f"Restored at migration {revision}; next: holdfast migrate, holdfast check", value=value)
    elif breaches:
        screen.say("\n".join(["Restored, but:", *map(str, breaches)]), value=value)
        raise typer.Exit(1)
    else:
        screen.say("Restored, and the safety contract holds", value=value)
