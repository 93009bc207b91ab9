"""No secret reaches a log, and every line knows its request."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from holdfast.kit import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    before = structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


def _lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_lines_of_ours_and_of_libraries_are_json_with_the_request_id() -> None:
    out = io.StringIO()
    logs.configure(stream=out)

    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.stdlib.get_logger("ours").info("baked", pieces=2)
        logging.getLogger("theirs").warning("hot: %s", "oven")

    ours, theirs = _lines(out)
    assert (ours["event"], ours["pieces"], ours["request_id"], ours["level"]) == ("baked", 2, "r1", "info")
    assert (theirs["event"], theirs["request_id"], theirs["logger"]) == ("hot: oven", "r1", "theirs")


@pytest.mark.parametrize(
    "fields",
    [
        {"password": "canary"},
        {"new_password": "canary"},
        {"refresh_token": "canary"},
        {"code": "canary"},
        {"otp": "canary"},
        {"key": "canary"},
        {"api_key": "canary"},
        {"Authorization": "canary"},
        {"request": {"headers": {"Cookie": "canary"}}},
        {"rows": [{"client_secret": "canary"}]},
        {"note": "GET /tickets?token=canary&x=1"},
        {"note": "sent Authorization: Bearer canary.canary"},
        {"note": "eyJhbGciOiJFZERTQSJ9.canary.canary"},
        {"url": "postgresql://holdfast:canary@db/holdfast"},
    ],
)
def test_a_secret_is_redacted_by_its_name_or_its_look(fields: dict[str, Any]) -> None:
    out = io.StringIO()
    logs.configure(stream=out)

    structlog.stdlib.get_logger("ours").info("seen", **fields)
    logging.getLogger("theirs").info("seen", extra={})

    assert "canary" not in out.getvalue()
    assert logs.REDACTED in out.getvalue()


def test_a_trace_is_logged_without_the_secret_in_its_message() -> None:
    out = io.StringIO()
    logs.configure(stream=out)

    def reach() -> None:
        message = "cannot reach postgresql://holdfast:canary@db/holdfast"
        raise RuntimeError(message)

    try:
        reach()
    except RuntimeError:
        structlog.stdlib.get_logger("ours").exception("failed")

    (line,) = _lines(out)
    assert "RuntimeError" in line["exception"]
    assert "canary" not in out.getvalue()


def test_on_a_terminal_lines_are_for_people() -> None:
    out = io.StringIO()
    logs.configure(stream=out, as_json=False)

    structlog.stdlib.get_logger("ours").info("baked", pieces=2, password="canary")

    assert "baked" in out.getvalue()
    assert "canary" not in out.getvalue()


def test_what_is_not_secret_stays_readable() -> None:
    out = io.StringIO()
    logs.configure(stream=out)

    structlog.stdlib.get_logger("ours").info("paid", error_code="late", keys=3, monkey="m", route="/tokens/{id}")

    (line,) = _lines(out)
    assert (line["error_code"], line["keys"], line["monkey"], line["route"]) == ("late", 3, "m", "/tokens/{id}")
