"""The table of routes gives the answers that asking each route in turn would give."""

from pathlib import Path

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import SecretStr
from starlette.routing import Match
from starlette.types import Scope

from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kit import switchboard
from holdfast.kit.ids import new_id

ENOUGH = 150


@pytest.mark.parametrize("filling", ["0190a6a4-1111-7aaa-8bbb-123456789abc", "nonsense", "active", "create"])
async def test_every_address_finds_the_route_that_the_framework_finds(tmp_path: Path, filling: str) -> None:
    app = create_app(_settings(tmp_path))
    board = switchboard.Switchboard(app)
    known = 0

    for method, template in _addresses(app):
        path = template if "{" not in template else _filled(template, filling)
        scope: Scope = {"type": "http", "method": method, "path": path, "headers": [], "root_path": ""}
        found = board.find(method, path)
        if found is not None:
            known += 1
            line, parameters = found
            assert (line.endpoint, parameters) == _asked_in_turn(app, scope)

    await app.state.house.close()
    assert known > ENOUGH


async def test_what_the_table_does_not_know_goes_the_frameworks_way(tmp_path: Path) -> None:
    app = create_app(_settings(tmp_path))
    board = switchboard.Switchboard(app)

    assert board.find("DELETE", "/api/v1/health/live") is None
    assert board.find("GET", "/api/v1/nothing/here") is None
    assert board.find("GET", f"/static/{new_id()}/page.css") is None
    await app.state.house.close()


def _settings(folder: Path) -> Settings:
    return Settings(_env_file=None, environment="test", data_folder=folder, secret=SecretStr("s" * 32))


def _addresses(app: object) -> list[tuple[str, str]]:
    return [
        (method, context.path_format or "")
        for context in iter_route_contexts(app.routes)  # type: ignore[attr-defined]
        if isinstance(context.original_route, APIRoute)
        for method in sorted(context.methods or ())
    ]


def _filled(template: str, filling: str) -> str:
    parts = [filling if part.startswith("{") else part for part in template.split("/")]
    return "/".join(parts)


def _asked_in_turn(app: object, scope: Scope) -> tuple[object, dict[str, str]]:
    for context in iter_route_contexts(app.routes):  # type: ignore[attr-defined]
        if isinstance(context.original_route, APIRoute):
            match = context.path_regex.match(scope["path"])
            if match is not None and scope["method"] in (context.methods or ()):
                return context.endpoint, match.groupdict()
    raise AssertionError(scope["path"], Match.NONE)
