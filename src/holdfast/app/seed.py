"""Fill a database with what there is to begin with: the platform's own rows, then those of each product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from holdfast.app.house import House
from holdfast.kernel import identity
from holdfast.kernel.identity import Actor, EmailTaken, MemberRole, Provider, ProviderExists, ProviderNotFound
from holdfast.kernel.product import Product, Seed, Told
from holdfast.kit import clock
from holdfast.kit.db import Transaction

PROVIDER_NAME = "Holdfast"
#: Good for one machine that shows what there is; printed wherever the accounts are made.
DEMO_PASSWORD = "Hold-fast-1"  # noqa: S105 - printed on purpose
DOMAIN = "holdfast.example"
_MEMBER_ROLES: tuple[MemberRole, ...] = ("owner", "manager", "clerk", "scanner", "finance")


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody to sign in as."""

    email: str
    password: str
    role: str
    provider: str | None = None


@dataclass(frozen=True, slots=True)
class Seeded:
    """What there is now; `products`: by product, what its seed says of itself."""

    provider: Provider
    products: Mapping[str, Mapping[str, Any]]


async def load(house: House, *, only: str | None = None, told: Told = lambda _: None) -> Seeded:
    """The default provider and each product's world, as far as they are missing; again, it tops up what has passed.

    `told` hears the name of each step that is done. The seed of a product is one transaction.
    """
    provider = await default_provider(house)
    told("platform")
    said: dict[str, Mapping[str, Any]] = {}
    for name, seed in _seeds(house.products.all, only):
        said[name] = await house.database.run(partial(_seed, seed=seed, told=told))
    return Seeded(provider, said)


def steps(products: Sequence[Product], *, only: str | None = None) -> int:
    """How many steps `load` will tell of."""
    return 1 + sum(seed.steps for _, seed in _seeds(products, only))


def _seeds(products: Sequence[Product], only: str | None) -> list[tuple[str, Seed]]:
    return [
        (product.name, product.seed)
        for product in products
        if product.seed is not None and only in {None, product.name}
    ]


async def default_provider(house: House) -> Provider:
    """What an admin creates belongs to it; made the first time."""
    settings = house.settings

    async def find_or_make(db: Transaction) -> Provider:
        try:
            return await identity.default_provider(db)
        except ProviderNotFound:
            return await identity.create_provider(
                db,
                name=PROVIDER_NAME,
                currency=settings.currency,
                zone=settings.zone,
                is_default=True,
                actor=Actor.system(),
                now=await clock.moment(db),
            )

    try:
        return await house.database.run(find_or_make)
    except ProviderExists:  # another process was first
        async with house.database.reader() as db:
            return await identity.default_provider(db)


async def accounts(house: House) -> list[DemoAccount]:
    """One verified account a role, all with the same printed password; those that there are stay as they are."""
    password_hash = await identity.hashed_password(DEMO_PASSWORD, cost=house.settings.bcrypt_cost)
    async with house.database.reader() as db:
        providers = await identity.all_providers(db)
    employer = next((provider for provider in providers if not provider.is_default), providers[0])
    wanted = [DemoAccount(f"{role}@{DOMAIN}", DEMO_PASSWORD, role) for role in reversed(house.identity.roles)]
    wanted += [DemoAccount(f"{role}@{DOMAIN}", DEMO_PASSWORD, role, employer.name) for role in _MEMBER_ROLES]

    async def make(db: Transaction) -> None:
        now = await clock.moment(db)
        for number, account in enumerate(wanted):
            await _account(db, house, account, number, password_hash=password_hash, employer=employer.id, now=now)

    await house.database.run(make)
    return wanted


async def _account(
    db: Transaction,
    house: House,
    account: DemoAccount,
    number: int,
    *,
    password_hash: str,
    employer: UUID,
    now: datetime,
) -> None:
    is_member = account.provider is not None
    try:
        user = await identity.create_user(
            db,
            settings=house.identity,
            email=account.email,
            password_hash=password_hash,
            phone_number=f"+2010{number:08d}",
            first_name=account.role.capitalize(),
            last_name="Example",
            roles=() if is_member else (account.role,),
            is_verified=True,
            actor=Actor.system(),
            now=now,
        )
    except EmailTaken:  # by the demo before
        return
    if is_member or account.role == "operator":
        role: MemberRole = "manager" if not is_member else account.role  # type: ignore[assignment]
        await identity.add_member(db, provider_id=employer, user_id=user.id, role=role, actor=Actor.system(), now=now)


async def _seed(db: Transaction, *, seed: Seed, told: Told) -> Mapping[str, Any]:
    return await seed.load(db, await clock.moment(db), told)
