"""Which facts are sent to whom."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel.holds import HoldPlaced
from holdfast.kernel.inventory import OccurrenceOver
from holdfast.kernel.refunds import RefundSent
from holdfast.kernel.webhooks import WebhookEndpointDisabled, actions
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders
from tests.kernel.webhooks import telling
from tests.kernel.webhooks.telling import SYSTEM, deliveries, endpoint, publish, relay

pytestmark = pytest.mark.alone
URL = "http://127.0.0.1:9/hook"


async def facts_of(database: Database, endpoint_id: UUID) -> list[str]:
    return [row.fact for row in await deliveries(database, endpoint_id)]


async def test_a_provider_hears_of_its_own_inventories_and_the_platform_of_all(database: Database) -> None:
    mine, other = await builders.room(database), await builders.room(database)
    my_endpoint = await endpoint(database, URL, provider_id=mine.inventory.provider_id)
    other_endpoint = await endpoint(database, URL, provider_id=other.inventory.provider_id)
    platform = await endpoint(database, URL)

    held = await builders.hold(database, mine)
    await relay(database)

    assert await facts_of(database, my_endpoint.id) == ["HoldPlaced"]
    assert await facts_of(database, other_endpoint.id) == []
    assert await facts_of(database, platform.id) == ["HoldPlaced"]
    [row] = await deliveries(database, my_endpoint.id)
    assert (row.payload["hold_id"], row.inventory_id) == (str(held.id), mine.inventory.id)
    assert (row.version, row.state, row.attempts) == (1, "waiting", 0)


async def test_a_fact_without_the_column_is_known_by_the_inventory_it_names(database: Database) -> None:
    mine = await builders.room(database)
    my_endpoint = await endpoint(database, URL, provider_id=mine.inventory.provider_id)

    await publish(database, RefundSent(new_id(), new_id(), new_id(), mine.inventory.id))
    await relay(database)

    assert await facts_of(database, my_endpoint.id) == ["RefundSent"]


async def test_a_fact_of_no_provider_is_the_platforms_alone(database: Database) -> None:
    provider, platform = await builders.provider(database), await endpoint(database, URL)
    mine = await endpoint(database, URL, provider_id=provider.id)

    await publish(database, WebhookEndpointDisabled(new_id(), None, "owner"))
    await publish(database, WebhookEndpointDisabled(new_id(), provider.id, "owner"))
    await publish(database, OccurrenceOver(new_id(), "toy"))  # of an inventory that nobody knows
    await relay(database)

    assert len(await facts_of(database, platform.id)) == 3
    assert await facts_of(database, mine.id) == ["WebhookEndpointDisabled"]


async def test_only_the_facts_that_were_named_are_sent(database: Database) -> None:
    room = await builders.room(database)
    provider_id = room.inventory.provider_id
    some = await endpoint(database, URL, provider_id=provider_id, facts=("HoldReleased", "HoldPlaced"))
    other = await endpoint(database, URL, provider_id=provider_id, facts=("BookingConfirmed",))

    await builders.hold(database, room)
    await relay(database)

    assert await facts_of(database, some.id) == ["HoldPlaced"]
    assert await facts_of(database, other.id) == []


async def test_what_happened_while_an_endpoint_was_off_or_before_it_was_there_is_not_sent(database: Database) -> None:
    room = await builders.room(database)
    provider_id = room.inventory.provider_id
    await builders.hold(database, room)
    await relay(database)
    late = await endpoint(database, URL, provider_id=provider_id)
    off = await endpoint(database, URL, provider_id=provider_id)
    gone = await endpoint(database, URL, provider_id=provider_id)
    async with database.transaction() as db:
        now = await clock.moment(db)
        settings = telling.SETTINGS
        await actions.change(db, off.id, {"state": "disabled"}, expected=None, settings=settings, actor=SYSTEM, now=now)
        await actions.delete(db, gone.id, expected=None, actor=SYSTEM, now=now)

    await publish(database, HoldPlaced(new_id(), room.inventory.id, "toy", None))
    await relay(database)

    assert await facts_of(database, late.id) == ["WebhookEndpointDisabled", "HoldPlaced"]
    assert await facts_of(database, off.id) == []
    assert await facts_of(database, gone.id) == []


async def test_a_fact_is_noted_once_however_often_it_is_relayed(database: Database) -> None:
    room = await builders.room(database)
    mine = await endpoint(database, URL, provider_id=room.inventory.provider_id)
    await builders.hold(database, room)
    await relay(database)

    async with database.transaction() as db:
        await db.execute(sa.text("UPDATE outbox SET position = NULL WHERE kind <> 'inventory.changed'"))
    await relay(database)

    assert await facts_of(database, mine.id) == ["HoldPlaced"]


async def test_nothing_personal_is_noted(database: Database) -> None:
    room = await builders.room(database)
    platform = await endpoint(database, URL)

    await builders.hold(database, room)
    await relay(database)

    [row] = await deliveries(database, platform.id)
    assert set(row.payload) == {"hold_id", "inventory_id", "product", "user_id"}
