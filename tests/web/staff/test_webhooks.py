"""Webhook endpoints on pages: a secret that is told once, tests, switches; what was sent is sent again."""

import re
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel import webhooks
from holdfast.kernel.identity import Provider
from holdfast.kernel.webhooks import Delivery, Endpoint
from holdfast.kit.db import Database
from tests import builders
from tests.web.staff.conftest import Actions, SignIn

URL = "https://hooks.example/in?key=of-theirs"


@pytest.fixture
async def provider(database: Database, sign_in: SignIn) -> Provider:
    """A provider; its manager looks at the pages."""
    made = await builders.provider(database)
    await sign_in(members={made.id: "manager"})
    return made


async def opened(browser: httpx2.AsyncClient) -> str:
    """The path of an endpoint that was just opened."""
    page = await browser.post("/staff/webhooks", data={"url": URL, "description": "Our till"})
    assert page.status_code == 201, page.text
    found = re.search(r'href="(/staff/webhooks/[0-9a-f-]{36})"', page.text)
    assert found is not None
    return found[1]


async def endpoint_at(database: Database, path: str) -> Endpoint:
    async with database.reader() as db:
        return await webhooks.find(db, UUID(path.rpartition("/")[2]))


async def deliveries_of(database: Database, path: str) -> list[Delivery]:
    async with database.reader() as db:
        rows = await db.all(webhooks.deliveries_of(UUID(path.rpartition("/")[2])))
    return [webhooks.as_delivery(row) for row in rows]


async def act(browser: httpx2.AsyncClient, database: Database, path: str, what: str) -> httpx2.Response:
    version = (await endpoint_at(database, path)).version
    return await browser.post(f"{path}/act", data={"act": what, "version": str(version)})


async def test_the_secret_is_told_once(browser: httpx2.AsyncClient, database: Database, provider: Provider) -> None:
    page = await browser.post("/staff/webhooks", data={"url": URL, "facts": ["BookingConfirmed", "RefundSent"]})
    secrets = re.findall(r"<code class=\"ltr\">(whsec_[^<]+)</code>", page.text)
    (path,) = re.findall(r'class="button" href="(/staff/webhooks/[0-9a-f-]{36})"', page.text)
    endpoint = await endpoint_at(database, path)
    later = await browser.get(path)

    assert len(secrets) == 1
    assert page.headers["cache-control"] == "no-store"
    assert "whsec_" not in later.text
    assert (endpoint.provider_id, endpoint.facts) == (provider.id, ("BookingConfirmed", "RefundSent"))


@pytest.mark.parametrize("url", ["http://hooks.example/in", "https://127.0.0.1/in", "ftp://x", "soon"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_address_that_cannot_be_called_is_refused_beside_its_field(
    browser: httpx2.AsyncClient, provider: Provider, url: str
) -> None:
    answer = await browser.post("/staff/webhooks", data={"url": url})

    assert answer.status_code == 422
    assert 'id="url-error">This address cannot be called' in answer.text
    assert f'value="{url}"' in answer.text


async def test_a_test_is_sent_once_and_sent_again_by_hand(
    browser: httpx2.AsyncClient, database: Database, provider: Provider, actions: Actions
) -> None:
    path = await opened(browser)

    tested = await act(browser, database, path, "test")
    twice = await act(browser, database, path, "test")
    (delivery,) = await deliveries_of(database, path)
    again = await browser.post(f"/staff/webhooks/deliveries/{delivery.id}/resend")
    page = await browser.get(path)

    assert tested.headers["location"] == f"{path}?done=tested"
    assert twice.status_code == 409
    assert again.headers["location"] == f"{path}?done=resent"
    assert [entry.split(" by ")[0] for entry in await actions(delivery.id)] == ["webhook_test_asked", "webhook_resent"]
    assert "webhook.test" in page.text


async def test_what_failed_is_sent_again_at_once(
    browser: httpx2.AsyncClient, database: Database, provider: Provider
) -> None:
    path = await opened(browser)
    await act(browser, database, path, "test")
    (delivery,) = await deliveries_of(database, path)
    async with database.transaction() as db:
        await db.execute(
            sa.text(
                "UPDATE webhook_deliveries SET state = 'failed', last_reason = 'refused', next_at = NULL, "
                "fact = 'RefundSent' WHERE id = :id"
            ).bindparams(sa.bindparam("id", delivery.id, sa.Uuid))
        )

    answer = await act(browser, database, path, "resend_failed")

    assert answer.headers["location"] == f"{path}?done=resent"
    assert [each.state for each in await deliveries_of(database, path)] == ["waiting"]


async def test_a_form_that_does_not_fit_keeps_the_facts_that_were_ticked(
    browser: httpx2.AsyncClient, database: Database, provider: Provider
) -> None:
    path = await opened(browser)

    page = await browser.post(path, data={"url": "", "facts": ["RefundSent"], "version": "1"})

    assert page.status_code == 422
    assert 'id="url-error">Please fill this in.' in page.text
    assert re.findall(r'value="(\w+)" checked', page.text) == ["RefundSent"]


async def test_a_page_that_tells_what_went_wrong_leads_on_from_where_it_stands(
    browser: httpx2.AsyncClient, database: Database, provider: Provider
) -> None:
    path = await opened(browser)
    await act(browser, database, path, "test")
    (delivery,) = await deliveries_of(database, path)
    await act(browser, database, path, "switch_off")

    refused = await browser.post(f"/staff/webhooks/deliveries/{delivery.id}/resend")
    unfit = await browser.post(f"{path}/act", data={"act": "explode", "version": "1"})

    for page, status in ((refused, 409), (unfit, 422)):
        assert page.status_code == status
        assert '<div class="notice bad" role="alert"><p>' in page.text
        assert f'href="{path}?state=failed"' in page.text
        assert f'href="/language/ar?next={path}"' in page.text


async def test_an_endpoint_is_changed_switched_and_deleted_for_the_version_that_was_read(
    browser: httpx2.AsyncClient, database: Database, provider: Provider
) -> None:
    path = await opened(browser)
    form = {"url": URL, "description": "Our other till", "facts": ["RefundSent"], "version": "1"}

    saved = await browser.post(path, data=form)
    stale = await browser.post(path, data=form)
    off = await act(browser, database, path, "switch_off")
    closed = await browser.get(path)
    on = await act(browser, database, path, "switch_on")
    secret = await act(browser, database, path, "new_secret")
    deleted = await act(browser, database, path, "delete")

    assert [each.status_code for each in (saved, stale, off, on, secret, deleted)] == [303, 412, 303, 303, 200, 303]
    assert "switched off by its owner" in closed.text
    assert "whsec_" in secret.text
    assert (await browser.get(path)).status_code == 404


async def test_the_endpoints_of_another_provider_are_not_to_be_found(
    browser: httpx2.AsyncClient, database: Database, provider: Provider, sign_in: SignIn
) -> None:
    path = await opened(browser)
    await sign_in(members={(await builders.provider(database)).id: "owner"})

    answers = [
        await browser.get(path),
        await browser.post(path, data={"url": URL}),
        await browser.post(f"{path}/act", data={"act": "delete", "version": "1"}),
    ]
    listed = await browser.get("/staff/webhooks?limit=100")

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert path not in listed.text
