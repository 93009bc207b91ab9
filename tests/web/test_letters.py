"""The letters of a demo, read on pages; absent where they would be anybody's real mail."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from pydantic import SecretStr

from holdfast.app.main import create_app
from holdfast.app.settings import Environment, Settings
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.letters import Attachment, FileSender, Letter

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTML = "<p style='color:red'>Your <b>ticket</b></p><script>alert(1)</script>"


def settings(folder: Path, environment: Environment) -> Settings:
    return Settings(
        _env_file=None,
        environment=environment,
        data_folder=folder,
        secret=SecretStr("a secret of the tests, long enough to be one 0123456789"),
        public_url="http://test",
        bcrypt_cost=4,
    )


@pytest.fixture
async def reader(database: Database, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings(tmp_path, "demo"), database=database)
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def write(folder: Path, subject: str, *, is_sms: bool = False) -> Letter:
    letter = Letter(
        id=new_id(),
        channel="sms" if is_sms else "email",
        to="amal@example.org",
        subject=subject,
        text=f"{subject}: http://test/verify-email?token=<b>abc",
        template="verify",
        written_at=datetime(2026, 1, 31, 12, tzinfo=UTC),
        html=None if is_sms else HTML,
        attachments=() if is_sms else (Attachment("ticket ä.pdf", "application/pdf", b"%PDF-1.7"),),
    )
    await FileSender(folder / "letters").send(letter)
    return letter


async def test_letters_are_listed_the_newest_first(reader: httpx2.AsyncClient, tmp_path: Path) -> None:
    empty = await reader.get("/demo/outbox")
    older, newer = await write(tmp_path, "The older"), await write(tmp_path, "The newer", is_sms=True)

    page = (await reader.get("/demo/outbox")).text
    before = (await reader.get("/demo/outbox", params={"before": str(newer.id)})).text

    assert "Nothing was written yet." in empty.text
    assert page.index(str(newer.id)) < page.index(str(older.id))
    assert f'href="/demo/outbox/{newer.id}"' not in before
    assert str(older.id) in before


async def test_a_letter_is_shown_as_text_with_its_links_and_files(reader: httpx2.AsyncClient, tmp_path: Path) -> None:
    letter = await write(tmp_path, "Welcome")

    page = await reader.get(f"/demo/outbox/{letter.id}")
    file = await reader.get(f"/demo/outbox/{letter.id}/attachments/0")

    assert "token=&lt;b&gt;abc" in page.text
    assert '<a href="http://test/verify-email?token=' in page.text
    assert f'<iframe class="letter-frame" title="The letter as HTML" src="/demo/outbox/{letter.id}/html" sandbox=' in (
        page.text
    )
    assert page.headers["content-security-policy"].endswith("; frame-src 'self'")
    assert file.content == b"%PDF-1.7"
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''ticket%20%C3%A4.pdf"
    assert file.headers["content-type"] == "application/pdf"


async def test_the_html_of_a_letter_is_shut_in(reader: httpx2.AsyncClient, tmp_path: Path) -> None:
    letter = await write(tmp_path, "Welcome")

    answer = await reader.get(f"/demo/outbox/{letter.id}/html")
    policy = answer.headers["content-security-policy"]

    assert answer.text == HTML
    assert policy.startswith("sandbox allow-popups")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"


async def test_what_there_is_none_of_is_not_found(reader: httpx2.AsyncClient, tmp_path: Path) -> None:
    sms = await write(tmp_path, "Code", is_sms=True)

    answers = [
        await reader.get(f"/demo/outbox/{new_id()}"),
        await reader.get(f"/demo/outbox/{sms.id}/html"),
        await reader.get(f"/demo/outbox/{sms.id}/attachments/0"),
    ]
    malformed = await reader.get("/demo/outbox/..%2f..%2fsecrets")

    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert malformed.status_code in {404, 422}


@pytest.mark.parametrize(("environment", "status"), [("test", 404), ("development", 200), ("demo", 200)])
async def test_the_page_is_there_only_where_letters_go_nowhere(
    database: Database, tmp_path: Path, environment: Environment, status: int
) -> None:
    app = create_app(settings(tmp_path, environment), database=database)
    transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 40_000))

    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/demo/outbox", headers={"Accept": "text/html"})

    assert answer.status_code == status
