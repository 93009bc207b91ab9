"""Providers and their members."""

import pytest
import sqlalchemy as sa

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Authenticator, ProviderExists, ProviderNotFound
from holdfast.kernel.identity.models import providers
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.builders_identity import open_provider, sign_up, with_settings


async def test_names_are_unique_whatever_their_case_and_accents(database: Database) -> None:
    name = f"Égypte {new_id()}"
    await open_provider(database, name=name)

    with pytest.raises(ProviderExists):
        await open_provider(database, name=name.replace("É", "e").upper())


async def test_the_name_of_a_deleted_provider_is_free_again(database: Database) -> None:
    first = await open_provider(database)
    async with database.transaction() as db:
        gone = sa.update(providers).where(providers.c.id == first.id).values(deleted_at=await clock.moment(db))
        await db.execute(gone)

    again = await open_provider(database, name=first.name)

    assert again.id != first.id


@pytest.mark.alone
async def test_there_is_one_default_provider(database: Database) -> None:
    async with database.reader() as db:
        with pytest.raises(ProviderNotFound):
            await identity.default_provider(db)
    own = await open_provider(database, is_default=True)

    with pytest.raises(ProviderExists):
        await open_provider(database, is_default=True)
    async with database.reader() as db:
        assert await identity.default_provider(db) == own


async def test_a_membership_counts_at_the_next_look_and_ends_as_soon(database: Database) -> None:
    provider, person = await open_provider(database), await sign_up(database)
    process = Authenticator(with_settings(recheck_seconds=0.0), database)
    async with database.transaction() as db:
        now = await clock.moment(db)
        for role in ("clerk", "manager"):
            await identity.add_member(
                db, provider_id=provider.id, user_id=person.id, role=role, actor=Actor.system(), now=now
            )
    member = await process.principal(person.token)
    async with database.transaction() as db:
        await identity.remove_member(
            db, provider_id=provider.id, user_id=person.id, actor=Actor.system(), now=await clock.moment(db)
        )

    after = await process.principal(person.token)

    assert (dict(member.members), dict(after.members)) == ({provider.id: "manager"}, {})


async def test_nobody_unknown_becomes_a_member(database: Database) -> None:
    provider, person = await open_provider(database), await sign_up(database)

    for provider_id, user_id, error in (
        (provider.id, new_id(), identity.UserNotFound),
        (new_id(), person.id, ProviderNotFound),
    ):
        with pytest.raises(error):
            async with database.transaction() as db:
                await identity.add_member(
                    db,
                    provider_id=provider_id,
                    user_id=user_id,
                    role="clerk",
                    actor=Actor.system(),
                    now=await clock.moment(db),
                )
