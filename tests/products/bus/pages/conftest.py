from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from holdfast.kit.db import Database
from tests.builders_bus import application
from tests.builders_identity import PASSWORD, Person


@pytest.fixture
def app(database: Database, tmp_path: Path) -> FastAPI:
    return application(database, tmp_path)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Keeps cookies and says, as browsers do, that what it sends comes from our own pages."""
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    headers = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}
    async with (
        app.state.batcher,
        httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client,
    ):
        yield client


async def sign_in(browser: httpx2.AsyncClient, person: Person, *, language: str = "en") -> None:
    browser.cookies.clear()
    answer = await browser.post("/sign-in", data={"email": person.email, "password": PASSWORD})
    assert answer.status_code == 303
    browser.cookies.set("holdfast_language", language)
