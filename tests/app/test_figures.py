"""What /metrics tells, and to whom."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.app import house, worker
from holdfast.app.main import create_app
from holdfast.kernel.holds import HoldPlaced
from holdfast.kit import clock, jobs, outbox
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests.app.test_main import calling, settings
from tests.app.test_settings import GOOD_SECRET

TOKEN = "a-token-of-prometheus"


def _app(folder: Path, database: Database, **changes: Any) -> FastAPI:
    return create_app(settings(folder, **changes), database=database)


async def _read(app: FastAPI, **headers: str) -> httpx2.Response:
    async with calling(app) as client:
        return await client.get("/metrics", headers=headers)


def _figures(answer: httpx2.Response) -> dict[str, float]:
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


# What it tells


async def test_requests_are_counted_by_template_and_refusals_by_code(tmp_path: Path, database: Database) -> None:
    app = _app(tmp_path, database)
    before = _figures(await _read(app))

    async with calling(app) as client:
        for _ in range(3):
            await client.get(f"/api/v1/bookings/{new_id()}")
        await client.get("/api/v1/nothing/here")
        await client.request("BREW", "/api/v1/health")

    after = _figures(await _read(app))
    grown = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    template = '{method="GET",route="/api/v1/bookings/{booking_id}"'
    assert grown[f'holdfast_http_requests_total{template},status="401"}}'] == 3
    assert grown[f"holdfast_http_request_seconds_count{template}}}"] == 3
    assert grown['holdfast_problems_total{code="sign_in_needed",route="/api/v1/bookings/{booking_id}"}'] == 3
    assert grown['holdfast_http_requests_total{method="GET",route="(none)",status="404"}'] == 1
    assert not [name for name in grown if "nothing" in name or "BREW" in name]


@pytest.mark.alone
async def test_facts_and_jobs_are_counted_when_they_are_done_and_told_while_they_wait(
    tmp_path: Path, database: Database
) -> None:
    app = _app(tmp_path, database)
    async with database.transaction() as db:
        now = await clock.moment(db)
        await outbox.publish(db, HoldPlaced(new_id(), new_id(), "toy", None), now=now)
        await jobs.enqueue(db, kind="tea.made", payload={}, run_at=now)
    await worker.beat(database, new_id())

    before = _figures(await _read(app))
    await worker.once(database, {"tea.made": _nothing}, {})
    after = _figures(await _read(app))

    facts, done = 'holdfast_facts_total{fact="HoldPlaced"}', 'holdfast_jobs_total{kind="tea.made",outcome="done"}'
    assert (before["holdfast_outbox_waiting"], before['holdfast_jobs{state="due"}']) == (1, 1)
    assert (after["holdfast_outbox_waiting"], after['holdfast_jobs{state="due"}']) == (0, 0)
    assert after[facts] - before.get(facts, 0) == after[done] - before.get(done, 0) == 1
    assert after["holdfast_workers_alive"] == after["holdfast_database_up"] == 1
    assert after["holdfast_holds_unswept"] == 0


async def test_connections_at_work_are_told(tmp_path: Path, database: Database) -> None:
    app = _app(tmp_path, database)
    idle = _figures(await _read(app))

    async with database.reader():
        busy = _figures(await _read(app))

    pool = "reader" if database.dialect == "sqlite" else "all"
    name = f'holdfast_database_connections_in_use{{pool="{pool}"}}'
    assert busy[name] - idle[name] == 1


async def test_without_its_database_a_process_tells_what_it_counted(tmp_path: Path) -> None:
    away = house.open_database(settings(tmp_path, database_url="postgresql://nobody@127.0.0.1:9/none"))

    async with away:
        answer = await _read(_app(tmp_path, away))

    assert answer.status_code == 200
    assert _figures(answer)["holdfast_database_up"] == 0
    assert 'database="postgresql"' in answer.text


# To whom


async def test_the_token_opens_it_and_nothing_else_does(tmp_path: Path, database: Database) -> None:
    app = _app(tmp_path, database, metrics_token=TOKEN)

    assert (await _read(app, Authorization=f"Bearer {TOKEN}")).status_code == 200
    for wrong in ({}, {"Authorization": "Bearer another"}, {"Authorization": f"Basic {TOKEN}"}):
        refused = await _read(app, **wrong)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert "holdfast_" not in refused.text.replace("holdfast:", "")


async def test_a_network_that_is_named_may_read(tmp_path: Path, database: Database) -> None:
    near = _app(tmp_path, database, metrics_networks="203.0.113.0/24")
    far = _app(tmp_path, database, metrics_networks="10.0.0.0/8")

    assert (await _read(near)).status_code == 200
    assert (await _read(far)).status_code == 401


async def test_in_production_it_is_closed_until_somebody_is_named(tmp_path: Path, database: Database) -> None:
    app = _app(tmp_path, database)

    def production(**changes: Any) -> None:
        app.state.house = _house_of(app, environment="production", secret=GOOD_SECRET, **changes)

    production()
    closed = await _read(app)
    production(metrics_token=TOKEN)
    opened = await _read(app, Authorization=f"Bearer {TOKEN}")

    assert (closed.status_code, closed.json()["code"]) == (404, "not_found")
    assert opened.status_code == 200


def _house_of(app: FastAPI, **changes: Any) -> Any:
    """The same house with other settings: production itself does not start with a sandbox."""
    ours = app.state.house
    return replace(ours, settings=ours.settings.model_copy(update=settings(Path(), **changes).model_dump()))


async def _nothing(_: Any) -> None:
    return
