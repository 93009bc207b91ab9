"""Deliveries are made again and again, signed, to those who still want them, and never hold each other up."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.app import check as checking
from holdfast.kernel.audit.models import activity_logs
from holdfast.kernel.bookings import BookingConfirmed
from holdfast.kernel.holds import HoldPlaced
from holdfast.kernel.identity import Provider
from holdfast.kernel.webhooks import (
    Courier,
    Endpoint,
    EndpointDisabled,
    WebhookSettings,
    WebhookTestWaiting,
    actions,
    forget,
    queries,
)
from holdfast.kernel.webhooks import deliveries as verbs
from holdfast.kernel.webhooks.deliveries import LEASE
from holdfast.kernel.webhooks.rules import ATTEMPTS_MAX
from holdfast.kernel.webhooks.values import Outcome
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.outgoing import Calls
from tests import builders
from tests.builders import Time
from tests.builders_identity import SECRET
from tests.kernel.webhooks.telling import (
    SETTINGS,
    SYSTEM,
    deliver,
    deliveries,
    endpoint,
    publish,
    receiving,
    relay,
    secret_of,
    seen,
    tell,
)

pytestmark = pytest.mark.alone


async def happen(database: Database, times: int = 1) -> None:
    for _ in range(times):
        await publish(database, HoldPlaced(new_id(), new_id(), "toy", None))
    await relay(database)


async def actions_logged(database: Database, entity_id: UUID) -> list[str]:
    statement = sa.select(activity_logs.c.action_type).where(activity_logs.c.entity_id == entity_id)
    async with database.reader() as db:
        return [row.action_type for row in await db.all(statement.order_by(activity_logs.c.id))]


async def fail_until_given_up(database: Database, time: Time, endpoint_id: UUID) -> list[timedelta]:
    """Make every attempt at its moment; how long was waited before each."""
    waited = []
    for _ in range(ATTEMPTS_MAX + 1):
        [row] = await deliveries(database, endpoint_id)
        if row.next_at is None:
            break
        waited.append(row.next_at - time.now)
        await time.to(row.next_at)
        await deliver(database)
    return waited


async def test_what_is_refused_once_is_delivered_the_second_time_signed_and_the_same(
    database: Database, time: Time
) -> None:
    provider: Provider = await builders.provider(database)
    room = await builders.room(database, provider_id=provider.id)
    async with receiving(500) as receiver:
        mine = await endpoint(database, receiver.url, provider_id=provider.id)
        secret = await secret_of(database, mine.id)
        held = await builders.hold(database, room)

        made = await tell(database)
        [after_first] = await deliveries(database, mine.id)
        soon = await deliver(database)
        await time.to(after_first.next_at)
        await deliver(database)

    [delivered] = await deliveries(database, mine.id)
    assert (made, soon, len(receiver.got)) == (1, 0, 2)
    assert (after_first.state, after_first.last_status, after_first.last_reason) == ("waiting", 500, "refused")
    assert timedelta(seconds=5) <= after_first.next_at - after_first.last_attempt_at < timedelta(seconds=6)
    assert (delivered.state, delivered.attempts, delivered.last_status) == ("delivered", 2, 200)
    assert (delivered.last_reason, delivered.delivered_at) == (None, time.now)
    message = receiver.verified(secret)
    assert message["type"] == "HoldPlaced"
    assert message["version"] == 1
    assert message["data"]["hold_id"] == str(held.id)
    assert receiver.got[0][1] == receiver.got[1][1]
    ids = {headers["webhook-id"] for headers, _ in receiver.got}
    assert ids == {message["id"]} == {str(delivered.fact_id)}
    assert receiver.got[0][0]["content-type"] == "application/json"


async def test_it_is_tried_on_a_schedule_of_three_days_then_given_up_and_the_endpoint_with_it(
    database: Database, time: Time
) -> None:
    async with receiving(*[503] * 20) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        began = time.now

        waited = await fail_until_given_up(database, time, mine.id)

    [row] = await deliveries(database, mine.id)
    after = await seen(database, mine.id)
    assert (len(receiver.got), len(waited)) == (ATTEMPTS_MAX, ATTEMPTS_MAX)
    assert waited[0] == timedelta(0)
    assert timedelta(minutes=5) <= waited[2] < timedelta(minutes=5.6)
    assert timedelta(days=3) < time.now - began < timedelta(days=3.5)
    assert (row.state, row.attempts, row.last_reason) == ("failed", ATTEMPTS_MAX, "refused")
    assert (after.state, after.disabled_because, after.disabled_at) == ("disabled", "failing", time.now)
    assert after.failing_since == began
    assert await actions_logged(database, mine.id) == ["webhook_endpoint_created", "webhook_endpoint_disabled"]
    assert await actions_logged(database, row.id) == ["webhook_delivery_failed"]
    assert await checking.check(database) == []


async def test_an_endpoint_that_heard_anything_meanwhile_stays(database: Database, time: Time) -> None:
    async with receiving(*[500] * (ATTEMPTS_MAX - 1)) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        for _ in range(ATTEMPTS_MAX - 1):
            [row] = await deliveries(database, mine.id)
            await time.to(row.next_at)
            await deliver(database)
        await happen(database)
        await deliver(database)  # this one arrives
        receiver.answers = [500]

        [row, _] = await deliveries(database, mine.id)
        await time.to(row.next_at)
        await deliver(database)

    first, second = await deliveries(database, mine.id)
    assert (first.state, second.state) == ("failed", "delivered")
    assert (await seen(database, mine.id)).state == "active"


async def test_a_receiver_that_is_gone_is_asked_no_more(database: Database) -> None:
    async with receiving(410) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database)
        await happen(database)
        await deliver(database)

    rows = await deliveries(database, mine.id)
    after = await seen(database, mine.id)
    assert len(receiver.got) == 1
    assert (after.state, after.disabled_because) == ("disabled", "gone")
    assert [(row.state, row.last_status) for row in rows] == [("failed", 410)]


async def test_what_waited_when_it_was_disabled_fails_and_is_sent_again_when_asked(
    database: Database, time: Time
) -> None:
    async with receiving(500, 500, 410) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database, 3)
        await deliver(database)
        failed = await deliveries(database, mine.id)
        async with database.transaction() as db:
            with pytest.raises(EndpointDisabled):
                await verbs.resend_failed(
                    db, await queries.find(db, mine.id), since=time.now, actor=SYSTEM, now=time.now
                )
            await actions.change(
                db, mine.id, {"state": "active"}, expected=None, settings=SETTINGS, actor=SYSTEM, now=time.now
            )
            standing = await queries.find(db, mine.id)
            later = time.now + timedelta(seconds=1)
            none = await verbs.resend_failed(db, standing, since=later, actor=SYSTEM, now=time.now)
            count = await verbs.resend_failed(db, standing, since=time.now, actor=SYSTEM, now=time.now)
        await deliver(database)

    assert {row.state for row in failed} == {"failed"}
    assert sorted(row.last_reason for row in failed) == ["endpoint_disabled", "endpoint_disabled", "refused"]
    assert (none, count) == (0, 3)
    assert [(row.state, row.resends) for row in await deliveries(database, mine.id)] == [("delivered", 1)] * 3
    assert (await seen(database, mine.id)).failing_since is None
    assert len(receiver.got) == 6


async def test_a_receiver_may_ask_for_patience(database: Database, time: Time) -> None:
    async with receiving((429, {"Retry-After": "3600"})) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database)

    [row] = await deliveries(database, mine.id)
    assert row.next_at - time.now == timedelta(hours=1)
    assert len(receiver.got) == 1


async def test_who_dies_between_the_call_and_its_outcome_leaves_it_to_another_who_makes_it_again(
    database: Database, time: Time
) -> None:
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        async with database.transaction() as db:
            [begun] = await verbs.begin(db, settings=SETTINGS, most=10, busy={}, now=time.now)
        meanwhile = await deliver(database)
        await time.forward(seconds=LEASE.total_seconds())
        afterwards = await deliver(database)
        async with database.transaction() as db:  # the dead one speaks after all
            await verbs.settle(db, begun, Outcome(500, "refused"), jitter=0, now=time.now)

    [row] = await deliveries(database, mine.id)
    assert (meanwhile, afterwards) == (0, 1)
    assert (row.state, row.attempts, row.fact_id) == ("delivered", 2, begun.fact_id)
    assert len(receiver.got) == 1


async def test_couriers_beside_one_another_deliver_each_once(database: Database) -> None:
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database, 30)

        made = await asyncio.gather(*(deliver(database) for _ in range(3)))

    assert sum(made) == 30
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == len(receiver.got) == 30
    assert {row.state for row in await deliveries(database, mine.id)} == {"delivered"}


async def test_a_slow_receiver_holds_up_nobody_else_and_gets_few_at_a_time(database: Database) -> None:
    patient = WebhookSettings(secrets=(SECRET,), calls=Calls(are_private_allowed=True, seconds=20.0))
    async with receiving(is_slow=True) as slow, receiving() as quick:
        await endpoint(database, slow.url)
        await endpoint(database, quick.url)
        await happen(database, 12)
        stop = asyncio.Event()
        courier = asyncio.create_task(Courier(database, patient).run(stop))
        await _until(lambda: len(quick.got) == 12)
        waiting = len(slow.got)
        slow.released.set()
        await _until(lambda: len(slow.got) == 12)
        stop.set()
        await courier

    assert waiting == verbs.PER_ENDPOINT_MAX
    async with database.reader() as db:
        states = await db.all(sa.text("SELECT DISTINCT state FROM webhook_deliveries"))
    assert [row.state for row in states] == ["delivered"]


async def test_for_a_day_after_a_change_of_secret_both_verify_and_then_the_new_one_alone(
    database: Database, time: Time
) -> None:
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        old = await secret_of(database, mine.id)
        await rotate(database, mine, keep_former=True)
        new = await secret_of(database, mine.id)
        await happen(database)
        await deliver(database)
        both = [receiver.verified(secret)["type"] for secret in (old, new)]
        await time.forward(hours=24)
        await happen(database)
        await deliver(database)
        await time.forward(hours=-24)
        await rotate(database, mine, keep_former=False)
        await happen(database)
        await deliver(database)

    assert old != new
    assert new.startswith("whsec_")
    assert both == ["HoldPlaced", "HoldPlaced"]
    signatures = [len(headers["webhook-signature"].split(" ")) for headers, _ in receiver.got]
    assert signatures == [2, 1, 1]


async def test_a_delivery_is_sent_again_though_it_arrived_under_the_same_id(database: Database, time: Time) -> None:
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database)
        [row] = await deliveries(database, mine.id)
        async with database.transaction() as db:
            again = await verbs.resend(db, row.id, actor=SYSTEM, now=time.now)
        await deliver(database)

    [after] = await deliveries(database, mine.id)
    assert (again.state, again.attempts, again.resends) == ("waiting", 0, 1)
    assert (after.state, after.attempts, after.resends) == ("delivered", 1, 1)
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]


async def test_one_that_waits_is_sent_now_when_asked(database: Database, time: Time) -> None:
    async with receiving(500) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database)
        [row] = await deliveries(database, mine.id)
        async with database.transaction() as db:
            await verbs.resend(db, row.id, actor=SYSTEM, now=time.now)
        await deliver(database)

    assert [each.state for each in await deliveries(database, mine.id)] == ["delivered"]
    assert len(receiver.got) == 2


async def test_a_test_is_made_once_and_says_what_came_of_it(database: Database, time: Time) -> None:
    async with receiving(500) as receiver:
        mine = await endpoint(database, receiver.url, facts=("HoldPlaced",))
        async with database.transaction() as db:
            await verbs.ask_test(db, mine, actor=SYSTEM, now=time.now)
            with pytest.raises(WebhookTestWaiting):
                await verbs.ask_test(db, mine, actor=SYSTEM, now=time.now)
        await deliver(database)
        async with database.transaction() as db:
            await verbs.ask_test(db, mine, actor=SYSTEM, now=time.now)
        await deliver(database)

    rows = await deliveries(database, mine.id)
    assert [(row.fact, row.state, row.attempts) for row in rows] == [
        ("webhook.test", "failed", 1),
        ("webhook.test", "delivered", 1),
    ]
    assert receiver.messages[1]["data"] == {"endpoint_id": str(mine.id)}
    assert (await seen(database, mine.id)).failing_since is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [("http://127.0.0.1:1/hook", "connection_failed"), ("http://nobody.invalid:1/hook", "name_not_found")],
)
async def test_why_nothing_arrived_is_said_in_a_word(database: Database, url: str, reason: str) -> None:
    async def nothing(_name: str, _port: int) -> list[str]:
        raise OSError

    settings = WebhookSettings(secrets=(SECRET,), calls=Calls(are_private_allowed=True, resolve=nothing))
    mine = await endpoint(database, url)
    await happen(database)
    await deliver(database, settings)

    [row] = await deliveries(database, mine.id)
    assert (row.last_status, row.last_reason, row.state) == (None, reason, "waiting")


async def test_an_address_that_may_not_be_called_any_more_is_not_called(database: Database) -> None:
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database, WebhookSettings(secrets=(SECRET,)))

    [row] = await deliveries(database, mine.id)
    assert (row.last_reason, receiver.got) == ("address_refused", [])


async def test_secrets_are_sealed_and_one_that_cannot_be_opened_harms_its_own_endpoint_alone(
    database: Database, time: Time
) -> None:
    other_secret = "another secret of the platform, also long enough"
    later = WebhookSettings(secrets=(other_secret,), calls=SETTINGS.calls)
    both = WebhookSettings(secrets=(other_secret, SECRET), calls=SETTINGS.calls)
    async with receiving() as receiver:
        old = await endpoint(database, receiver.url)
        await endpoint(database, receiver.url, settings=later)
        async with database.reader() as db:
            sealed = await db.scalar(sa.text("SELECT secret FROM webhook_endpoints ORDER BY id LIMIT 1"))
        await happen(database)
        await deliver(database, later)
        [row] = await deliveries(database, old.id)
        await time.to(row.next_at)
        await deliver(database, both)

    assert (await secret_of(database, old.id)).encode() not in bytes(sealed)
    assert row.last_reason == "secret_unreadable"
    assert len(receiver.got) == 2


async def test_what_the_relay_noted_while_it_was_being_disabled_waits_for_nobody(
    database: Database, time: Time
) -> None:
    mine = await endpoint(database, "http://127.0.0.1:9/hook")
    async with database.transaction() as db:
        await actions.change(
            db, mine.id, {"state": "disabled"}, expected=None, settings=SETTINGS, actor=SYSTEM, now=time.now
        )
        late = sa.text("UPDATE webhook_endpoints SET state = 'active', disabled_at = NULL, disabled_because = NULL")
        await db.execute(late)
    await happen(database)
    async with database.transaction() as db:
        await actions.change(
            db, mine.id, {"state": "active"}, expected=None, settings=SETTINGS, actor=SYSTEM, now=time.now
        )
        await db.execute(
            sa.text(
                "UPDATE webhook_endpoints SET state = 'disabled', disabled_because = 'owner', disabled_at = created_at"
            )
        )
    await time.forward(minutes=6)
    found = [breach.name for breach in await checking.check(database)]

    made = await deliver(database)

    assert "webhook_waits_for_nobody" in found
    assert made == 0
    assert {row.state for row in await deliveries(database, mine.id)} == {"failed"}
    assert await checking.check(database) == []


async def test_check_names_a_fact_that_was_told_to_another_provider(database: Database) -> None:
    room, stranger = await builders.room(database), await builders.provider(database)
    mine = await endpoint(database, "http://127.0.0.1:9/hook", provider_id=room.inventory.provider_id)
    await builders.hold(database, room)
    await relay(database)
    before = await checking.check(database)
    async with database.transaction() as db:
        statement = sa.text("UPDATE webhook_endpoints SET provider_id = :id").bindparams(
            sa.bindparam("id", stranger.id, sa.Uuid)
        )
        await db.execute(statement)

    found = await checking.check(database)

    [row] = await deliveries(database, mine.id)
    assert before == []
    assert [(breach.line, breach.name) for breach in found] == [(11, "fact_told_to_another_provider")]
    assert found[0].row["webhook_delivery_id"] == row.id


async def test_what_is_over_is_forgotten_after_its_time_and_what_waits_is_not(database: Database, time: Time) -> None:
    async with receiving(200, 500) as receiver:
        mine = await endpoint(database, receiver.url)
        await happen(database)
        await deliver(database)
        await happen(database)
        await deliver(database)
        async with database.transaction() as db:
            gone = await forget(db, before=await clock.moment(db) + timedelta(days=1))

    assert gone == 1
    assert [row.state for row in await deliveries(database, mine.id)] == ["waiting"]


async def rotate(database: Database, mine: Endpoint, *, keep_former: bool) -> None:
    async with database.transaction() as db:
        await actions.rotate_secret(
            db,
            mine.id,
            keep_former=keep_former,
            expected=None,
            settings=SETTINGS,
            actor=SYSTEM,
            now=await clock.moment(db),
        )


async def _until(is_so: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - it is a receiver's list that grows
            await asyncio.sleep(0.02)


async def test_the_receiver_of_the_documentation_verifies_what_is_sent_and_does_it_once(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    sample: dict[str, Any] = {}
    exec(page.split("```python\n")[1].split("```")[0], sample)  # noqa: S102 - it is ours, and it is what is tested
    async with receiving() as receiver:
        mine = await endpoint(database, receiver.url)
        secret = await secret_of(database, mine.id)
        booking_id = new_id()
        await publish(database, BookingConfirmed(booking_id, new_id(), new_id(), "toy", None))
        await tell(database)
    headers, body = receiver.got[0]
    seen_before: set[str] = set()

    answers = [
        sample["receive"](headers, body, secret, seen_before),
        sample["receive"](headers, body, secret, seen_before),
        sample["receive"](headers, body + b" ", secret, seen_before),
        sample["receive"]({}, body, secret, seen_before),
    ]

    assert answers == [204, 204, 401, 401]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("confirmed")] == [
        f"confirmed: {booking_id}"
    ]
