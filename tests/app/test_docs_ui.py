"""The files behind /api/docs; tests/e2e/test_docs.py looks at the page itself."""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from holdfast.app import docs_ui
from holdfast.app.main import create_app
from tests.app.test_main import calling, settings

VENDORED = {  # of swagger-ui-dist 5.35.0, as npm has it
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(create_app(settings(tmp_path))) as client:
        yield client


async def test_the_page_names_nothing_but_files_of_ours(client: httpx2.AsyncClient) -> None:
    page = await client.get("/api/docs")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(places) == 6
    assert all(place.startswith(("/api/docs/", "/openapi.json")) for place in places)
    assert [(await client.get(place)).status_code for place in places] == [200] * 6


async def test_the_page_runs_no_script_that_stands_in_it(client: httpx2.AsyncClient) -> None:
    page = await client.get("/api/docs")

    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>[^<]", page.text) == []
    assert re.findall(r"\son\w+=|\sstyle=|javascript:", page.text) == []


async def test_a_file_is_kept_for_ever_under_its_hash_and_gone_under_another(client: httpx2.AsyncClient) -> None:
    page = (await client.get("/api/docs")).text
    place = next(place for place in re.findall(r'"([^"]+)"', page) if place.endswith("swagger-ui-bundle.js"))

    plain = await client.get(place, headers={"Accept-Encoding": "identity"})
    zipped = await client.get(place, headers={"Accept-Encoding": "gzip"})
    again = await client.get(place, headers={"If-None-Match": plain.headers["etag"]})
    of_before = await client.get("/api/docs/0123456789abcdef/swagger-ui-bundle.js")
    unknown = await client.get(place.replace("swagger-ui-bundle.js", "LICENSE"))

    assert plain.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain.headers["vary"] == "Accept-Encoding"
    assert zipped.content == plain.content
    assert int(zipped.headers["content-length"]) < len(plain.content) / 2
    assert (again.status_code, again.content) == (304, b"")
    assert (of_before.status_code, unknown.status_code) == (404, 404)


@pytest.mark.parametrize("name", VENDORED)
def test_what_is_vendored_is_what_was_published(name: str) -> None:
    content = (Path(docs_ui.__file__).parent / "vendor" / name).read_bytes()

    assert hashlib.sha256(content).hexdigest() == VENDORED[name]
