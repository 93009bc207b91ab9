"""holdfast migrate, seed, check, ledger, and the pages made from the program: openapi, schema, errors, facts."""

import asyncio
from pathlib import Path
from typing import Annotated

import sqlalchemy as sa
import typer

from holdfast.app import check as checking
from holdfast.app import facts as telling
from holdfast.app import schema as schema_page
from holdfast.app import seed as seeding
from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.error_page import error_page
from holdfast.app.house import House
from holdfast.app.main import create_app
from holdfast.app.products import PRODUCTS
from holdfast.app.settings import Settings
from holdfast.kernel import ledger, realtime
from holdfast.kernel.audit import Actor
from holdfast.kit import clock
from holdfast.kit import migrate as migrations
from holdfast.kit.checks import Breach
from holdfast.kit.db import Transaction
from holdfast.kit.money import Money


def add_to(app: typer.Typer) -> None:
    for command in (migrate, seed, check, openapi, schema, errors, facts):
        app.command()(command)
    app.command("new-epoch")(new_epoch)
    app.command("ledger")(show_ledger)


def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether something is missing (exit code 1).")
    ] = False,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Bring the database to the newest migration."""
    screen = Screen(is_json=json)
    with settings_for(database) as settings:
        make_folder_of(settings)
        before = asyncio.run(migrations.current(settings.database))
        missing = missing_after(before)
        if check:
            words = f"{len(missing)} migrations are missing" if missing else "The database has the newest migration"
            screen.say(words, value={"current": before, "head": migrations.head(), "missing": missing})
            raise typer.Exit(1 if missing else 0)
        upgrade(settings, missing, screen)
        work(settings, seeding.default_provider)
        words = f"Migrated to {migrations.head()}" if missing else "Nothing to migrate"
        screen.say(words, value={"before": before, "current": migrations.head(), "done": missing})


def new_epoch(*, database: DatabaseUrl = None, json: Json = False) -> None:
    """After a restore or failover: every watcher of a live map begins anew."""
    screen = Screen(is_json=json)
    with settings_for(database) as settings:
        epoch = work(settings, begin_epoch)
        screen.say(f"Epoch {epoch} began", value={"epoch": epoch})


async def begin_epoch(house: House) -> int:
    """Its number."""

    async def write(db: Transaction) -> int:
        return await realtime.begin_epoch(db, actor=Actor.system(), now=await clock.moment(db))

    return await house.database.run(write)


def seed(
    *,
    product: Annotated[str | None, typer.Option(help="Only this product's world.")] = None,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Fill the database with the world of each product; again, it tops up what has passed."""
    screen = Screen(is_json=json)
    names = [each.name for each in PRODUCTS]
    if product is not None and product not in names:
        message = f"there is no product {product!r}; there are: {', '.join(names)}"
        raise typer.BadParameter(message, param_hint="--product")
    with settings_for(database) as settings, screen.steps("Seeding", seeding.steps(PRODUCTS, only=product)) as done:
        seeded = work(settings, lambda house: seeding.load(house, only=product, told=done))
    lines = [
        f"{name}: {', '.join(f'{count} {what}' for what, count in said.items())}"
        for name, said in seeded.products.items()
    ]
    screen.say("\n".join(["Seeded", *lines]), value={"provider": seeded.provider.name, "products": seeded.products})


def check(*, database: DatabaseUrl = None, json: Json = False) -> None:
    """Prove the safety contract on the live database; exit code 1 names each breach."""
    screen = Screen(is_json=json)

    async def run(house: House) -> list[Breach]:
        return await checking.check(house.database)

    with settings_for(database) as settings:
        breaches = work(settings, run)
    rows = [{"line": breach.line, "name": breach.name, "row": dict(breach.row)} for breach in breaches]
    if not breaches:
        screen.say("The safety contract holds", value={"breaches": []})
        return
    screen.say("\n".join(map(str, breaches)), value={"breaches": rows})
    raise typer.Exit(1)


def show_ledger(*, database: DatabaseUrl = None, json: Json = False) -> None:
    """Print the balance of every account, and prove that debits and credits agree in each currency."""
    screen = Screen(is_json=json)

    async def read(house: House) -> list[ledger.Balance]:
        async with house.database.snapshot() as db:
            return await ledger.balances(db)

    with settings_for(database) as settings:
        balances = work(settings, read)
    rows = [
        {
            "account": balance.kind,
            "holder": balance.holder,
            "currency": balance.currency,
            "debits": Money(balance.debits, balance.currency).amount,
            "credits": Money(balance.credits, balance.currency).amount,
            "balance": Money(balance.minor, balance.currency).amount,
        }
        for balance in balances
    ]
    off = {
        currency: sum(balance.minor for balance in balances if balance.currency == currency)
        for currency in sorted({balance.currency for balance in balances})
    }
    screen.table("", rows, columns=("account", "holder", "currency", "debits", "credits", "balance"))
    is_balanced = not any(off.values())
    words = "The ledger balances" if is_balanced else f"The ledger does not balance: {off}"
    screen.say(words, value={"balances": rows, "balances_to_zero": is_balanced})
    if not is_balanced:
        raise typer.Exit(1)


def openapi(*, json: Json = False) -> None:
    """Print the description of the API (OpenAPI 3.1), taken without a product at the root."""
    app = create_app(Settings(environment="test", root_product=None, database_url="sqlite://", demo_fast=False))
    if json:
        Screen(is_json=True).value(app.openapi())
    else:
        typer.echo(_readable(app.openapi()))


def facts() -> None:
    """Print the page of facts that webhooks tell of: docs/facts.md."""
    typer.echo(telling.page(), nl=False)


def schema() -> None:
    """Print the tables as a page of diagrams (Mermaid), drawn from the models."""
    typer.echo(schema_page.described(), nl=False)


def errors() -> None:
    """Print the page about every error (docs/errors.md)."""
    typer.echo(error_page(), nl=False)


def missing_after(present: str | None) -> list[str]:
    """The migrations that come after this one, in order."""
    scripts = migrations.scripts()
    return [script.revision for script in scripts.iterate_revisions("heads", present or "base")][::-1]


def upgrade(settings: Settings, missing: list[str], screen: Screen) -> None:
    """One migration after the other, each in its own transaction."""
    with screen.steps("Migrating", len(missing)) as done:
        for revision in missing:
            asyncio.run(migrations.upgrade(settings.database, revision))
            done(revision)


def make_folder_of(settings: Settings) -> None:
    """Where the file of an SQLite database will stand."""
    url = sa.make_url(settings.database)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        make_private(Path(url.database).parent)


def make_private(folder: Path) -> None:
    """A folder for us alone, which git passes over; one that is there already stays as it is."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
        (folder / ".gitignore").write_text("*\n")


def _readable(value: object) -> str:
    import json  # noqa: PLC0415 - `json` is an option's name in this file

    return json.dumps(value, indent=2, ensure_ascii=False)
