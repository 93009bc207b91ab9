"""The watch sees what it is there for: on pages of our own making, each with one thing wrong."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from playwright.async_api import Page

from tests.e2e.conftest import OpenPage
from tests.e2e.looks import axe
from tests.e2e.watch import Watch
from tests.gateways.sandbox.serving import serving

STRICT = {"Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src *"}
pytestmark = pytest.mark.parametrize("view", ["desk-en"], indirect=True)
FAULTS = {
    "/console.js": ("console.error('a pity')", "console: a pity"),
    "/crash.js": ("null.crash()", "script crashed: "),
    "/elsewhere.js": ("fetch('https://other.example/')", "request to another origin: https://other.example/"),
    "/nobody.js": ("fetch('http://127.0.0.1:9/')", "request failed: GET http://127.0.0.1:9/"),
    "/style.js": ("document.body.setAttribute('style', 'color: red')", "content security policy"),
}


def _app() -> FastAPI:
    app = FastAPI()

    @app.get("/page/{name}")
    async def page(name: str) -> Response:
        html = f'<!doctype html><html lang="en"><title>P</title><body><p>P</p><script src="/{name}"></script></body>'
        return HTMLResponse(html, headers=STRICT)

    @app.get("/unlabelled")
    async def unlabelled() -> Response:
        return HTMLResponse('<!doctype html><html lang="en"><title>P</title><body><input></body>', headers=STRICT)

    @app.get("/favicon.ico")
    async def icon() -> Response:
        return Response(status_code=204)

    @app.get("/{name}")
    async def script(name: str) -> Response:
        return PlainTextResponse(FAULTS[f"/{name}"][0], media_type="text/javascript")

    return app


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with serving(_app()) as url:
        yield url


@pytest.mark.parametrize("name", FAULTS)
async def test_each_fault_of_a_page_is_found(name: str, url: str, open_page: OpenPage, watch: Watch) -> None:
    page = await open_page()

    await page.goto(f"{url}/page{name}")
    await page.wait_for_timeout(300)

    found = list(watch.found)
    watch.found.clear()
    assert any(line.startswith(FAULTS[name][1]) for line in found), found


async def test_a_field_without_a_label_is_found(url: str, page: Page) -> None:
    await page.goto(f"{url}/unlabelled")

    with pytest.raises(AssertionError, match="label"):
        await axe(page)
