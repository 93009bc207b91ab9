"""A browser, what it looks at, and a watch over all that goes wrong meanwhile. README.md tells how to use it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.e2e import chromium
from tests.e2e.demo import Demo, open_demo
from tests.e2e.looks import Camera
from tests.e2e.views import VIEWS, View
from tests.e2e.watch import Watch
from tests.journeys import shared
from tests.journeys.sites import Dialect, Site
from tests.journeys.world import World, open_world

_FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # a request to elsewhere fails, and is seen
)
_PATIENCE_MS = 20_000
_LINES_TOLD = 60

OpenPage = Callable[..., Awaitable[Page]]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("browser tests")
    group.addoption("--pictures", action="store_true", help="write the pictures of README and docs")
    group.addoption("--on", choices=["sqlite", "postgresql"], default="sqlite", help="the database to run on")


def pytest_configure() -> None:
    if chromium.find() is None:
        pytest.exit(chromium.MISSING, returncode=chromium.NO_BROWSER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a browser says of a failure is that there was one; the servers behind it tell which."""
    report = yield
    if report.failed:
        for log in _logs(item.funcargs):
            report.sections.append((log.name, "\n".join(log.read_text().splitlines()[-_LINES_TOLD:])))
    return report


def _logs(behind: Mapping[str, Any]) -> Iterator[Path]:
    if isinstance(demo := behind.get("demo"), Demo):
        yield demo.log
    if isinstance(site := behind.get("site"), Site):
        yield from (process.log for process in (*site.servers, site.worker) if process.log.exists())


def pytest_sessionfinish() -> None:
    shared.close_all()


# What is looked at


@pytest.fixture(scope="session")
def dialect(request: pytest.FixtureRequest) -> Dialect:
    chosen: Dialect = request.config.getoption("--on")
    return chosen


@pytest.fixture(scope="session")
def demo(dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A demo that all tests share: its world, its accounts, its sandbox."""
    with open_demo(dialect, tmp_path_factory.mktemp("demo")) as opened:
        yield opened


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest, dialect: Dialect, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """An empty platform with a test clock, as the journeys over HTTP use it; no worker runs unless a test starts it."""
    return shared.site(request, tmp_path_factory, dialect)


@pytest.fixture
async def world(site: Site) -> AsyncIterator[World]:
    """It, as one test uses it: people and departures of its own in one line, time that can be moved."""
    async with open_world(site) as opened:
        yield opened


# What looks


@pytest.fixture(params=list(VIEWS))
def view(request: pytest.FixtureRequest) -> View:
    """Each in turn; one alone: `@pytest.mark.parametrize("view", ["desk-en"], indirect=True)`."""
    return VIEWS[request.param]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find(), args=list(_FLAGS))
        yield browser
        await browser.close()


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """Fails the test for what went wrong on its pages; `watch.expect(pattern)` names what is meant to."""
    watch = Watch()
    yield watch
    assert not watch.unexpected, "in the browser:\n" + "\n".join(watch.unexpected)


@pytest.fixture
async def open_page(browser: Browser, watch: Watch, view: View) -> AsyncIterator[OpenPage]:
    """Another page of another person, with cookies of its own: `await open_page()`, `await open_page(VIEWS["…"])`.

    Further words are Playwright's: `await open_page(java_script_enabled=False)`.
    """
    contexts = []

    async def opening(seen: View | None = None, **options: Any) -> Page:
        context = await browser.new_context(**(seen or view).context() | options)
        context.set_default_timeout(_PATIENCE_MS)
        contexts.append(context)
        await watch.over(context)
        return await context.new_page()

    yield opening
    for context in contexts:
        await context.close()


@pytest.fixture
async def page(open_page: OpenPage) -> Page:
    """A page that one person looks at, once in each view."""
    return await open_page()


@pytest.fixture
def screenshot(request: pytest.FixtureRequest) -> Camera:
    """`await screenshot(page, "seat-map-phone")`: into docs/pictures, where `--pictures` is given."""
    return Camera(request.config)
