"""The button of a demo: it begins a rush, shows how it stands, and is nowhere else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from holdfast.app.main import create_app
from holdfast.app.rush import NoRushInProduction, Rush, Score
from holdfast.app.settings import Environment, Settings
from holdfast.kit.db import Database
from holdfast.kit.http import routes_with_policies
from tests.builders_bus import open_line

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def application(folder: Path, environment: Environment, database: Database) -> FastAPI:
    settings = Settings(
        _env_file=None,
        environment=environment,
        data_folder=folder,
        secret=SecretStr("a secret of the tests, long enough to be one 0123456789"),
        public_url="http://test",
        bcrypt_cost=4,
    )
    return create_app(settings, database=database)


@pytest.fixture
async def app(database: Database, tmp_path: Path) -> AsyncIterator[FastAPI]:
    app = application(tmp_path, "demo", database)
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    app.state.rush = Rush(app.state.house, url="http://test", transport=transport)
    async with app.state.batcher:
        yield app


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    headers = {"Accept": "text/html", "Accept-Language": "en", "Origin": "http://test"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def ended(app: FastAPI) -> Score:
    """How the rush that was begun has ended."""
    rush: Rush = app.state.rush
    await rush.ended()
    assert rush.score is not None
    return rush.score


@pytest.mark.alone
async def test_the_button_lets_many_reach_at_once_and_shows_that_none_got_anothers_place(
    app: FastAPI, browser: httpx2.AsyncClient, database: Database
) -> None:
    await open_line(database)
    before = await browser.get("/demo/rush")

    begun = await browser.post("/demo/rush", data={"clients": "12"})
    running = await browser.get("/demo/rush")
    score = await ended(app)
    after = await browser.get("/demo/rush")

    assert 'action="/demo/rush"' in before.text
    assert (begun.status_code, begun.headers["location"]) == (303, "/demo/rush")
    assert running.headers["refresh"] == "1"
    assert 'action="/demo/rush"' not in running.text
    assert (score.stage, score.oversold, score.errors, score.breaches) == ("over", 0, 0, []), score
    assert score.held == min(12, score.places)
    assert "No place was given to two" in after.text
    assert "refresh" not in after.headers


async def test_one_rush_runs_at_a_time(app: FastAPI, browser: httpx2.AsyncClient) -> None:
    await browser.post("/demo/rush", data={"clients": "2"})
    first = app.state.rush.score

    await browser.post("/demo/rush", data={"clients": "3"})

    assert app.state.rush.score is first
    await ended(app)


@pytest.mark.parametrize("clients", ["", "1", "501", "many"])
async def test_a_number_that_does_not_fit_begins_nothing(browser: httpx2.AsyncClient, clients: str) -> None:
    answer = await browser.post("/demo/rush", data={"clients": clients})

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text


async def test_the_page_speaks_arabic(browser: httpx2.AsyncClient) -> None:
    shown = await browser.get("/demo/rush", headers={"Accept-Language": "ar"})

    assert "ابدأ التدافع" in shown.text
    assert 'dir="rtl"' in shown.text


@pytest.mark.parametrize("environment", ["development", "test"])
def test_there_is_no_rush_outside_a_demo(environment: Environment, tmp_path: Path, database_url: str) -> None:
    app = create_app(Settings(_env_file=None, environment=environment, data_folder=tmp_path, database_url=database_url))

    assert [route for route in routes_with_policies(app) if "/demo/rush" in str(route)] == []


async def test_production_refuses_a_rush(database: Database, tmp_path: Path) -> None:
    house = application(tmp_path, "demo", database).state.house
    house = replace(house, settings=house.settings.model_copy(update={"environment": "production"}))

    with pytest.raises(NoRushInProduction):
        await Rush(house, url="http://test").run(Score(2))
