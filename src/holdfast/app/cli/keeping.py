"""holdfast archive, retention: what is put away, and how long what is kept."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer

from holdfast.app import worker
from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.app.products import PRODUCTS
from holdfast.kernel import retention
from holdfast.kernel.product import Products

_EVERYTHING = 1_000_000


def add_to(app: typer.Typer) -> None:
    app.command()(archive)
    app.command("retention")(show_retention)


def archive(
    *,
    hours: Annotated[
        int, typer.Option(min=0, max=87_600, help="Only what ended so many hours ago or longer.")
    ] = retention.ARCHIVED_AFTER // timedelta(hours=1),
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Put away what is over with no money pending: its claims go, its items keep their places, it never sells again.

    The worker does the same now and then. Interrupted at any point, it goes on where it was when called again.
    """
    screen = Screen(is_json=json)
    ended_for = timedelta(hours=hours)

    async def count(house: House) -> int:
        return await retention.to_archive(house.database, ended_for=ended_for)

    with settings_for(database) as settings, screen.steps("Archiving", work(settings, count)) as step:

        def done(inventory_id: UUID) -> None:
            step(str(inventory_id))

        async def run(house: House) -> retention.Archived:
            return await retention.archive(house.database, ended_for=ended_for, most=_EVERYTHING, done=done)

        archived = work(settings, run)
    screen.say(
        f"Archived {archived.inventories}, {archived.claims} claims deleted; {archived.pending} wait for money",
        value={"archived": archived.inventories, "claims_deleted": archived.claims, "pending": archived.pending},
    )


def show_retention() -> None:
    """Print how long each table is kept, why, and what erasing a person does to it: docs/retention.md."""
    typer.echo(retention.described(worker.kept(Products(PRODUCTS))), nl=False)
