"""Find the route of a request by a table instead of by asking each route in turn.

The framework tries every pattern of every included router, twice where routers are nested: with two hundred routes
that costs more than all else of a request. The table gives the same answer (the first full match in their order);
whatever it does not know, such as sockets, mounts, wrong methods and files, goes the framework's way.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.convertors import Convertor, PathConvertor
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class _Line:
    """One route: what its path looks like, and what answers."""

    pattern: re.Pattern[str]
    convertors: Mapping[str, Convertor[Any]]
    app: ASGIApp
    route: APIRoute
    endpoint: Any


class Switchboard:
    """The router's own app, behind a table of (method, number of segments)."""

    def __init__(self, app: FastAPI) -> None:
        self._router = app.router
        self._otherwise = app.router.middleware_stack
        self._exact: dict[tuple[str, str], _Line] = {}
        self._lines: dict[tuple[str, int], list[_Line]] = defaultdict(list)
        for context in iter_route_contexts(app.routes):
            route = context.original_route
            if isinstance(route, APIRoute) and not _spans_segments(context.param_convertors):
                self._add(context, route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.find(scope["method"], scope["path"]) if scope["type"] == "http" else None
        if found is None or scope.get("root_path"):
            await self._otherwise(scope, receive, send)
            return
        line, parameters = found
        scope["router"] = self._router
        scope["route"], scope["endpoint"], scope["path_params"] = line.route, line.endpoint, parameters
        await line.app(scope, receive, send)

    def find(self, method: str, path: str) -> tuple[_Line, dict[str, Any]] | None:
        """The route that answers and its path's parameters; None: ask the framework."""
        exact = self._exact.get((method, path))
        if exact is not None:
            return exact, {}
        for line in self._lines.get((method, path.count("/")), ()):
            match = line.pattern.match(path)
            if match is not None:
                return line, {name: line.convertors[name].convert(value) for name, value in match.groupdict().items()}
        return None

    def _add(self, context: Any, route: APIRoute) -> None:  # noqa: ANN401 - the framework's own, without a public type
        line = _Line(context.path_regex, context.param_convertors, context.app, route, context.endpoint)
        path = context.path_format
        for method in context.methods:
            if line.convertors:
                self._lines[method, path.count("/")].append(line)
            elif self.find(method, path) is None:  # a pattern before it answers, as it does in the framework
                self._exact[method, path] = line


def _spans_segments(convertors: Mapping[str, Convertor[Any]]) -> bool:
    return any(isinstance(convertor, PathConvertor) for convertor in convertors.values())


def install(app: FastAPI) -> Switchboard:
    """Called once all routes are in."""
    app.router.middleware_stack = board = Switchboard(app)
    return board
