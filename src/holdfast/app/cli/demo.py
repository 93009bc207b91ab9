"""holdfast demo: everything on this machine, with people and places to try."""

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from holdfast.app import demo, seed, serving
from holdfast.app.cli.data import make_folder_of, make_private, missing_after, upgrade
from holdfast.app.cli.opening import EMBEDDED, settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.demo import World
from holdfast.app.main import OPENAPI_PATH, create_app
from holdfast.app.products import PRODUCTS
from holdfast.app.settings import Settings
from holdfast.kit import migrate as migrations


def add_to(app: typer.Typer) -> None:
    app.command("demo")(run)


def run(
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over: forget what an earlier demo kept.")] = False,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65_535, help="The port; the next free one if taken.")] = None,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Serve everything on this machine: world, accounts, payments in a sandbox. Needs no configuration."""
    screen = Screen(is_json=json)
    folder = Settings(environment="demo").data_folder
    make_private(folder)
    if fresh:
        demo.forget(folder)
    said = {"environment": "demo", "with_worker": True, "log_level": "WARNING", "host": host, "port": port}
    said |= demo.secrets_of(folder)
    with settings_for(database, said, fresh=fresh and database == EMBEDDED, is_chatty=True) as asked:
        settings = _on_a_free_port(asked, screen)
        (listener,) = serving.listen(settings.host, settings.port)
        make_folder_of(settings)
        upgrade(settings, missing_after(asyncio.run(migrations.current(settings.database))), screen)
        with screen.steps("Seeding", 1 + seed.steps(PRODUCTS)) as done:
            world = work(settings, lambda house: demo.furnish(house, told=done))
        serving.serve_here(create_app(settings), listener, ready=lambda: _tell(settings, world, screen))


def _on_a_free_port(settings: Settings, screen: Screen) -> Settings:
    free = serving.port_or_next(settings)
    if free == settings.port:
        return settings
    screen.note(f"Port {settings.port} is taken; using {free}.")
    return settings.model_copy(update={"port": free})


def _tell(settings: Settings, world: World, screen: Screen) -> None:
    """Where, as whom, and what to paste."""
    origin = settings.origin
    if screen.is_json:
        screen.value(_value(settings, world))
        return
    screen.words(f"\nHoldfast serves at {origin}/api/v1 (everything stands in {_short(settings.data_folder)})")
    addresses = {
        "readiness": f"{origin}/api/v1/health/ready",
        "description": f"{origin}{OPENAPI_PATH}",
        "sandbox": f"{origin}/sandbox (checkout pages; card 4242 4242 4242 4242 pays, 4000 0000 0000 0002 is declined)",
        "letters": f"{_short(settings.letters)} (links and codes that e-mail and SMS would carry)",
    }
    for name, place in addresses.items():
        screen.words(f"  {name:12} {place}")
    for name, said in world.seeded.products.items():
        screen.words(f"  {name:12} {_counts(said)}")
    if settings.demo_fast:
        screen.words("  clocks       ten times as fast: a hold of 15 minutes ends after 90 seconds")
    screen.words("\nSign in as")
    rows = [
        {"email": account.email, "password": account.password, "role": account.role, "at": account.provider or ""}
        for account in world.accounts
    ]
    screen.table("", rows, columns=("email", "password", "role", "at"))
    screen.words("\nTry")
    screen.words(_curl(origin, world))
    screen.words("\nCtrl-C stops it; started again it keeps its data (--fresh starts over).")


def _value(settings: Settings, world: World) -> dict[str, Any]:
    return {
        "url": settings.origin,
        "api": f"{settings.origin}/api/v1",
        "sandbox": settings.sandbox,
        "letters": str(settings.letters),
        "database": settings.database.partition("://")[0],
        "accounts": [
            {"email": each.email, "password": each.password, "role": each.role, "provider": each.provider}
            for each in world.accounts
        ],
        "products": {name: dict(said) for name, said in world.seeded.products.items()},
    }


def _curl(origin: str, world: World) -> str:
    customer = next(account for account in world.accounts if account.role == "customer")
    body = f'{{"email":"{customer.email}","password":"{customer.password}"}}'
    lines = [f"  curl -s {origin}/api/v1/users/login -H 'Content-Type: application/json' -d {shlex.quote(body)}"]
    lines += [
        f"  curl -s {shlex.quote(origin + said['try'])}" for said in world.seeded.products.values() if "try" in said
    ]
    return "\n".join(lines)


def _counts(said: Any) -> str:  # noqa: ANN401 - what a product says of itself
    return ", ".join(f"{value} {name}" for name, value in said.items() if isinstance(value, int) and value)


def _short(path: Path) -> str:
    try:
        return f"./{path.absolute().relative_to(Path.cwd())}"
    except ValueError:
        return str(path)
