"""A provider's program is told of a sale by a real worker, though both failed at first; a complaint is answered."""

from collections.abc import Iterator

import pytest

from tests.journeys import shared
from tests.journeys.calls import eventually, refusal, told
from tests.journeys.sites import Dialect, Site
from tests.journeys.world import World
from tests.kernel.webhooks.telling import receiving


@pytest.fixture(params=shared.DIALECTS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One of its own, that may call this machine."""
    dialect: Dialect = request.param
    with shared.own_site(request, tmp_path_factory, dialect, servers=1, webhook_private_addresses=True) as site:
        yield site


async def test_a_sale_is_told_to_the_program_of_its_provider_until_it_has_it(world: World) -> None:
    line, rival = await world.line(), await world.line()
    customer = await world.customer()
    async with receiving(500) as receiver, receiving() as other:
        body = {"url": receiver.url, "facts": ["BookingConfirmed"]}
        mine = await line.operator.post("/webhook-endpoints", body, status=201)
        await rival.operator.post("/webhook-endpoints", {**body, "url": other.url}, status=201)
        path = f"/webhook-endpoints/{mine['id']}/deliveries"

        with world.working():
            booking = await world.book(customer, line, "1A")

            async def refused() -> bool:
                rows = (await line.operator.get(path))["items"]
                return bool(rows and rows[0]["last_status"] == 500)

            await eventually(refused, "the first attempt")
            world.site.worker.kill()
            world.site.worker.start()

            async def delivered() -> bool:
                return bool((await line.operator.get(path))["items"][0]["state"] == "delivered")

            await eventually(delivered, "the second attempt")

    [row] = (await line.operator.get(path))["items"]
    assert (row["attempts"], row["last_status"]) == (2, 200)
    assert len(receiver.got) == 2
    message = receiver.verified(mine["secret"])
    assert (message["type"], message["data"]["booking_id"]) == ("BookingConfirmed", booking["id"])
    assert other.got == []
    refusal(await rival.operator.ask("GET", f"/webhook-endpoints/{mine['id']}"), 404, "endpoint_not_found")
    await world.agrees()


async def test_a_complaint_about_a_booking_is_answered(world: World) -> None:
    customer, line = await world.customer(), await world.line()
    [admin] = await world.crowd(1, roles=("admin",))
    booking = await world.book(customer, line, "1A")
    said = {"category": "service", "subject": "Late", "text": "An hour late.", "booking_id": booking["id"]}

    complaint = await customer.post("/complaints", said, status=201)
    path = f"/complaints/{complaint['id']}"
    told(await admin.ask("PATCH", path, {"state": "in_review"}))
    refusal(await admin.ask("PATCH", path, {"state": "closed"}), 422, "note_needed")
    told(await admin.ask("PATCH", path, {"state": "closed", "note": "Half of it is on its way back."}))

    answered = await customer.get(path)
    assert (answered["state"], answered["note"]) == ("closed", "Half of it is on its way back.")
    refusal(await line.operator.ask("GET", path), 404, "complaint_not_found")
    await world.agrees()
