"""Bad input is refused by name: never a crash, never a guess, the same on both databases."""

import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from holdfast.kit.bodies import MalformedJson, parse
from holdfast.kit.db import Database
from holdfast.kit.errors import Invalid, Unreadable
from holdfast.kit.fields import AmountField, Body, Count, DateField, IdField, MomentField, NumberField, ShortText
from holdfast.kit.ids import new_id
from tests.kit import bakery

JSON = {"Content-Type": "application/json"}


async def _loaves(database: Database, label: str) -> int:
    async with database.reader() as db:
        return len(await db.all(bakery.loaves.select().where(bakery.loaves.c.label == label)))


BAD = {
    "broken": (b'{"label": "bad",}', 400, "malformed_json"),
    "two values": (b'{"label": "bad"} {}', 400, "malformed_json"),
    "byte order mark": (b'\xef\xbb\xbf{"label": "bad"}', 400, "malformed_json"),
    "one key twice": (b'{"label": "good", "label": "bad"}', 400, "duplicate_key"),
    "one key twice, written differently": (b'{"label": "good", "l\\u0061bel": "bad"}', 400, "duplicate_key"),
    "NaN": (b'{"label": "bad", "price": NaN}', 400, "non_finite_number"),
    "Infinity": (b'{"label": "bad", "price": -Infinity}', 400, "non_finite_number"),
    "depth 65": (b"[" * 65 + b"]" * 65, 400, "too_deep"),
    "depth 10,000 of lists": (b"[" * 10_000 + b"]" * 10_000, 400, "too_deep"),
    "depth 10,000 of objects": (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "too_deep"),
    "depth behind an unclosed string": (b'["' + b"\\" * 3 + b'[", ' + b"[" * 100, 400, "too_deep"),
    "invalid UTF-8": (b'{"label": "\xff"}', 400, "not_unicode"),
    "UTF-8 of a surrogate": (b'{"label": "\xed\xa0\x80"}', 400, "not_unicode"),
    "lone surrogate": (b'{"label": "\\ud800"}', 400, "not_unicode"),
    "lone surrogate as a key": (b'{"\\udfff": 1}', 400, "not_unicode"),
    "digits without end": (b'{"label": "bad", "pieces": ' + b"9" * 5_000 + b"}", 400, "number_too_long"),
    "exponent without end": (b'{"label": "bad", "price": 1e999999999}', 400, "number_too_long"),
    "2^63": (b'{"label": "bad", "pieces": 9223372036854775808}', 422, "number_out_of_range"),
    "2^31": (b'{"label": "bad", "pieces": 2147483648}', 422, "validation_failed"),
    "NUL": (b'{"label": "a\\u0000b"}', 422, "nul_character"),
    "NUL beyond ASCII": (b'{"label": "\xc3\xa4\\u0000b"}', 422, "nul_character"),
    "NUL as a key": (b'{"label": "bad", "\\u0000": 1}', 422, "nul_character"),
    "a list": (b'["bad"]', 422, "validation_failed"),
    "null": (b"null", 422, "validation_failed"),
    "nothing": (b"", 422, "validation_failed"),
    "unknown field": (b'{"label": "bad", "role": "admin"}', 422, "validation_failed"),
    "0": (b'{"label": "bad", "pieces": 0}', 422, "validation_failed"),
    "-1": (b'{"label": "bad", "pieces": -1}', 422, "validation_failed"),
    "1.5": (b'{"label": "bad", "pieces": 1.5}', 422, "validation_failed"),
    "1.0": (b'{"label": "bad", "pieces": 1.0}', 422, "validation_failed"),
    "true": (b'{"label": "bad", "pieces": true}', 422, "validation_failed"),
    "a number in a string": (b'{"label": "bad", "pieces": "1"}', 422, "validation_failed"),
    "a time without an offset": (b'{"label": "bad", "ready_at": "2026-01-31T18:30:00"}', 422, "validation_failed"),
    "a time as a number": (b'{"label": "bad", "ready_at": 1769884200}', 422, "validation_failed"),
    "29 February of a common year": (
        b'{"label": "bad", "ready_at": "2027-02-29T10:00:00Z"}',
        422,
        "validation_failed",
    ),
    "three decimals": (b'{"label": "bad", "price": "1.005"}', 422, "malformed_amount"),
    "an amount below zero": (b'{"label": "bad", "price": "-1"}', 422, "validation_failed"),
    "an amount with other digits": ('{"label": "bad", "price": "١٢"}'.encode(), 422, "validation_failed"),
    "a malformed id": (b'{"label": "bad", "toppings": ["7"]}', 422, "validation_failed"),
    "too many": (json.dumps({"label": "bad", "toppings": [str(new_id())] * 4}).encode(), 422, "validation_failed"),
    "a blank name": (b'{"label": "  "}', 422, "validation_failed"),
    "a line break in a name": (b'{"label": "a\\nb"}', 422, "validation_failed"),
    "10,001 characters": (json.dumps({"label": "bad", "note": "x" * 10_001}).encode(), 422, "validation_failed"),
}


@pytest.mark.parametrize(("content", "status", "code"), BAD.values(), ids=BAD.keys())
async def test_bad_input_is_refused_by_name_and_changes_nothing(
    client: httpx2.AsyncClient, kitchen: Database, content: bytes, status: int, code: str
) -> None:
    before = await _loaves(kitchen, "bad")

    answer = await client.post("/api/bakery/loaves", content=content, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await _loaves(kitchen, "bad") == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/merge-patch+json"},
        {},
        {**JSON, "Content-Encoding": "gzip"},
    ],
)
async def test_another_media_type_is_415(client: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/api/bakery/loaves", content=b'{"label": "rye"}', headers=headers)

    assert answer.status_code == 415


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"])
async def test_json_may_name_its_charset(client: httpx2.AsyncClient, media_type: str) -> None:
    headers = {"Content-Type": media_type}

    answer = await client.post("/api/bakery/loaves", content=b'{"label": "rye", "note": "forgotten"}', headers=headers)

    assert answer.status_code == 201


async def _drops(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1_000):
        yield b" " * 1_000


async def test_two_megabytes_are_413_with_and_without_a_length(client: httpx2.AsyncClient) -> None:
    announced = await client.post("/api/bakery/loaves", content=b" " * 2_000_000, headers=JSON)
    chunked = await client.post("/api/bakery/loaves", content=_drops(2_000_000), headers=JSON)

    for answer in (announced, chunked):
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["limit_bytes"] == 1_000_000


async def test_a_webhook_gets_its_bytes_as_they_came_and_not_too_many(client: httpx2.AsyncClient) -> None:
    taken = await client.post("/api/bakery/deliveries", content=b"\xff{{{", headers={"Content-Type": "x/y"})
    chunked = await client.post("/api/bakery/deliveries", content=_drops(2_000))

    assert taken.json() == {"bytes": 4}
    assert (chunked.status_code, chunked.json()["limit_bytes"]) == (413, 1_000)


async def test_an_upload_is_read_where_one_is_declared_and_not_too_large(client: httpx2.AsyncClient) -> None:
    taken = await client.post("/api/bakery/pictures", files={"picture": ("a.png", b"x" * 100)})
    large = await client.post("/api/bakery/pictures", files={"picture": ("a.png", b"x" * 5_000)})
    as_json = await client.post("/api/bakery/pictures", json={})

    broken = await client.post("/api/bakery/pictures", content=b"{", headers={"Content-Type": "multipart/form-data"})

    assert taken.json() == {"bytes": 100}
    assert (broken.status_code, broken.json()["code"]) == (400, "malformed_form")
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert as_json.status_code == 415


async def test_an_upload_without_a_length_is_counted_too(client: httpx2.AsyncClient) -> None:
    content = (
        b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n' + b"y" * 9_000 + b"\r\n--x--\r\n"
    )

    async def drops() -> AsyncIterator[bytes]:
        for start in range(0, len(content), 500):
            yield content[start : start + 500]

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await client.post("/api/bakery/pictures", content=drops(), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_nobody_asked_for_is_refused_unless_it_is_empty(client: httpx2.AsyncClient) -> None:
    loaf_id = (await client.post("/api/bakery/loaves", json={"label": "rye"})).json()["id"]
    path = f"/api/bakery/loaves/{loaf_id}/slice"

    assert (await client.post(path)).status_code == 200
    assert (await client.post(path, json={})).status_code == 200
    refused = await client.post(path, json={"price": "0"})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_fields")
    assert refused.json()["errors"][0]["pointer"] == "/price"


async def test_nul_in_a_query_is_422(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/api/bakery/loaves?label=a%00b")

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/label")


async def test_what_looks_dangerous_is_stored_as_it_is(client: httpx2.AsyncClient) -> None:
    for label in ("=1+1", "<script>alert(1)</script>", "\u202eevil", "O'Brien; DROP TABLE loaves", "عيش بلدي", "🍞"):
        answer = await client.post("/api/bakery/loaves", json={"label": label})

        assert answer.json()["label"] == label


async def test_amounts_are_read_exactly(client: httpx2.AsyncClient) -> None:
    for content in (b'"12.50"', b"12.50", b"12.5", b"12"):
        answer = await client.post(
            "/api/bakery/loaves", content=b'{"label": "rye", "price": ' + content + b"}", headers=JSON
        )

        assert answer.json()["price"] in {"12.50", "12.00"}
    assert parse(b"[0.1]") == [Decimal("0.1")]


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.text(st.characters(exclude_characters="\x00", codec="utf-8")),
    lambda children: (
        st.lists(children) | st.dictionaries(st.text(st.characters(exclude_characters="\x00", codec="utf-8")), children)
    ),
    max_leaves=20,
)


@given(_values)
def test_what_is_json_is_read_as_it_was_written(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(
    st.binary(max_size=200)
    | st.text(alphabet='{}[]",:\\eE+-.0123456789untfalsrINa\ud800', max_size=60).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
)
def test_no_bytes_whatever_crash_the_reader(content: bytes) -> None:
    with contextlib.suppress(Unreadable, Invalid):
        parse(content)


def test_a_broken_body_is_told_where_it_breaks() -> None:
    with pytest.raises(MalformedJson, match="line 2, column 2"):
        parse(b'{"a": 1,\n x}')


# Fields


class Everything(Body):
    id: IdField
    at: MomentField
    day: DateField
    amount: AmountField
    ratio: NumberField
    name: ShortText
    state: Literal["open", "closed"]


GOOD = {
    "id": "01A1FBE6-4c20-70db-9e95-80789e5beaf7",
    "at": "2026-01-31T18:30:00+02:00",
    "day": "2026-01-31",
    "amount": Decimal("12.50"),
    "ratio": Decimal("0.5"),
    "name": " Anna ",
    "state": "open",
}


def test_strict_fields_read_what_json_can_say() -> None:
    read = Everything.model_validate(GOOD)

    assert read.at == datetime(2026, 1, 31, 16, 30, tzinfo=UTC)
    assert read.day == date(2026, 1, 31)
    assert (read.amount, read.ratio, read.name) == (Decimal("12.50"), 0.5, "Anna")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "urn:uuid:01a1fbe6-4c20-70db-9e95-80789e5beaf7"),
        ("id", "01a1fbe64c2070db9e9580789e5beaf7"),
        ("id", 7),
        ("at", "2026-01-31"),
        ("at", "20260131T183000Z"),
        ("at", "2026-W05-6T18:30:00Z"),
        ("at", "0001-01-01T00:00:00+14:00"),
        ("at", "9999-12-31T23:59:59-14:00"),
        ("at", "2026-01-31T18:30:60Z"),
        ("at", "2026-01-31T18:30:00+99:00"),
        ("at", "\u0662026-01-31T18:30:00Z"),
        ("day", "2026-1-31"),
        ("day", "2026-02-30"),
        ("day", "1969-12-31"),
        ("amount", True),
        ("amount", "1e3"),
        ("amount", "NaN"),
        ("amount", " 1"),
        ("amount", "1" * 14),
        ("ratio", "0.5"),
        ("name", "a\u0085b"),
        ("name", "x" * 201),
        ("state", "OPEN"),
    ],
)
def test_strict_fields_guess_nothing(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Everything.model_validate(GOOD | {field: value})

    assert [error["loc"][0] for error in caught.value.errors()] == [field]


def test_a_body_without_limits_fails_the_build() -> None:
    with pytest.raises(AssertionError, match="say how large"):

        class Boundless(Body):
            pieces: int | None

    with pytest.raises(AssertionError, match="say how many"):

        class Endless(Body):
            ids: list[IdField]

    class Bounded(Body):
        pieces: Count | None
        ids: Annotated[list[IdField], Field(max_length=10)] | None = None
        pair: tuple[ShortText, ShortText]
        number: int = Field(ge=0, le=9)
