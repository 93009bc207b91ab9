"""holdfast user create, holdfast key create: what no request may do."""

import secrets
import sys
from datetime import timedelta
from typing import Annotated

import typer

from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.kernel import identity
from holdfast.kernel.identity import Actor, ApiKey, Provider, ProviderNotFound, User
from holdfast.kit import clock
from holdfast.kit.db import Transaction

_GENERATED_BYTES = 12
_SCOPES = ("manager", "clerk", "scanner", "finance")

users = typer.Typer(help="Accounts of people.", no_args_is_help=True)
keys = typer.Typer(help="API keys of programs.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(users, name="user")
    app.add_typer(keys, name="key")


@users.command("create")
def create_user(
    *,
    email: Annotated[str, typer.Option(help="Where letters go, and what one signs in with.")],
    phone: Annotated[str, typer.Option(help="With the country's code, or as dialled in HOLDFAST_REGION.")],
    first_name: Annotated[str, typer.Option()],
    last_name: Annotated[str, typer.Option()],
    role: Annotated[list[str] | None, typer.Option(help="A role besides customer; may be given again.")] = None,
    verified: Annotated[bool, typer.Option("--verified", help="The contacts are known to be theirs.")] = False,
    password: Annotated[
        str | None, typer.Option(help="Better left out: asked for on a terminal, else one is made.")
    ] = None,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Open an account, with roles if so wished."""
    screen = Screen(is_json=json)
    made = None
    if password is None:
        password = _asked() if sys.stdin.isatty() and not json else None
    if password is None:
        password = made = f"Aa1-{secrets.token_urlsafe(_GENERATED_BYTES)}"
    identity.check_password(password)

    async def create(house: House) -> User:
        settings = house.identity
        _check_roles(role or [], settings.roles)
        password_hash = await identity.hashed_password(password, cost=settings.bcrypt_cost)

        async def open_account(db: Transaction) -> User:
            return await identity.create_user(
                db,
                settings=settings,
                email=identity.normalized_email(email),
                phone_number=identity.normalized_phone(phone, region=settings.region),
                password_hash=password_hash,
                first_name=first_name,
                last_name=last_name,
                roles=tuple(role or ()),
                is_verified=verified,
                actor=Actor.system(),
                now=await clock.moment(db),
            )

        return await house.database.run(open_account)

    with settings_for(database) as settings:
        user = work(settings, create)
    value = {"id": user.id, "email": user.email, "roles": sorted(user.roles), "is_verified": user.is_verified}
    words = f"Created {user.email} ({', '.join(sorted(user.roles))}), id {user.id}"
    screen.say(
        words + (f"\nPassword, shown this once: {made}" if made else ""),
        value=value | ({"password": made} if made else {}),
    )


@keys.command("create")
def create_key(
    *,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[str, typer.Option(help=f"What it may do: {', '.join(_SCOPES)}.")] = "clerk",
    provider: Annotated[str | None, typer.Option(help="Name or id; the platform's own by default.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Until it ends; it does not where this is left out.")] = None,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a key with which a program acts for a provider; it is shown this once."""
    screen = Screen(is_json=json)
    if scope not in _SCOPES:
        message = f"one of {', '.join(_SCOPES)}"
        raise typer.BadParameter(message, param_hint="--scope")

    async def create(house: House) -> tuple[Provider, ApiKey, str]:
        async def make(db: Transaction) -> tuple[Provider, ApiKey, str]:
            now = await clock.moment(db)
            whose = await _provider(db, provider)
            key, plain = await identity.create_api_key(
                db,
                provider_id=whose.id,
                name=name,
                scope=scope,
                actor=Actor.system(),
                now=now,
                expires_at=None if days is None else now + timedelta(days=days),
            )
            return whose, key, plain

        return await house.database.run(make)

    with settings_for(database) as settings:
        whose, key, plain = work(settings, create)
    screen.say(
        f"Key of {whose.name} for {scope}, id {key.id}\nShown this once: {plain}",
        value={"id": key.id, "provider_id": whose.id, "scope": scope, "expires_at": key.expires_at, "key": plain},
    )


async def _provider(db: Transaction, wanted: str | None) -> Provider:
    if wanted is None:
        return await identity.default_provider(db)
    found = [each for each in await identity.all_providers(db) if wanted in {each.name, str(each.id)}]
    if not found:
        raise ProviderNotFound
    return found[0]


def _check_roles(wanted: list[str], known: tuple[str, ...]) -> None:
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        message = f"there is no role {', '.join(unknown)}; there are: {', '.join(known)}"
        raise typer.BadParameter(message, param_hint="--role")


def _asked() -> str:
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked
