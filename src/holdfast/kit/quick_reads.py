"""Answer what is read most past all layers that make every other case right.

A GET declared `@quick` is answered from here where its request is exactly what a plain client sends: no credentials,
no body, harmless headers alone, no query but where the route takes one. Whatever is unusual takes the
ordinary way from its beginning, with nothing done yet, as does what the route can't answer outright: so every refusal
is said in one place. Tests compare both ways.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.kit import headers
from holdfast.kit.headers import Network
from holdfast.kit.policies import declaration_of

#: (status, its own headers, body)
Said: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
#: (the application, what stands in the path, If-None-Match) -> what is said; None: ask the ordinary way. Of a path in
#: which nothing stands it is told the query instead, as it was sent.
Outright: TypeAlias = Callable[[FastAPI, str, str | None], Awaitable[Said | None]]

_ATTRIBUTE = "__holdfast_outright__"


def quick(outright: Outright) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """This GET, with at most one parameter in its path, says the same by `outright` where nothing unusual is asked."""

    def mark(endpoint: Callable[..., object]) -> Callable[..., object]:
        setattr(endpoint, _ATTRIBUTE, outright)
        return endpoint

    return mark


@dataclass(frozen=True, slots=True)
class _Line:
    outright: Outright
    template: str


class QuickReads:
    """Outermost but for the server's own."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        platform: FastAPI,
        lines: Mapping[tuple[str, str], _Line],
        trusted_proxies: tuple[Network, ...],
    ) -> None:
        self.app = app
        self._platform, self._lines, self._trusted = platform, lines, trusted_proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and not scope.get("root_path"):
            line, told = self._find(scope["path"], scope["query_string"])
            if line is not None and await self._answer(line, told, scope, send):
                return
        await self.app(scope, receive, send)

    def _find(self, path: str, query: bytes) -> tuple[_Line | None, str]:
        """The route, and what it is told."""
        line = self._lines.get((path, ""))
        if line is not None or query:
            return line, query.decode("latin-1")
        before, _, last = path.rpartition("/")
        stem, _, parameter = before.rpartition("/")
        return self._lines.get((stem, last)), parameter

    async def _answer(self, line: _Line, told: str, scope: Scope, send: Send) -> bool:
        """Whether it was said."""
        began = time.perf_counter()
        known = request_id = None
        for name, value in scope["headers"]:
            if name == b"if-none-match" and known is None:
                known = value.decode("latin-1")
            elif name == b"x-request-id":
                request_id = value
            elif name not in headers.INDIFFERENT:
                return False
        try:
            said = await line.outright(self._platform, told, known)
        except Exception:  # noqa: BLE001 - the ordinary way meets it again, and says what it is
            return False
        if said is None:
            return False
        status, own, body = said
        if self._trusted:
            headers.apply_scheme(scope, self._trusted)
        state = scope.setdefault("state", {})
        state["request_id"] = headers.request_id_of(request_id)
        start = {"type": "http.response.start", "status": status, "headers": list(own)}
        headers.dress(start, scope)
        await send(start)
        await send({"type": "http.response.body", "body": body})
        seconds = time.perf_counter() - began
        headers.tell("GET", line.template, status, seconds, request_id=state["request_id"])
        return True


def install(app: FastAPI, *, trusted_proxies: tuple[Network, ...] = ()) -> None:
    """Called once all routes are in."""
    lines: dict[tuple[str, str], _Line] = {}
    for context in iter_route_contexts(app.routes):
        outright = getattr(context.endpoint, _ATTRIBUTE, None)
        if outright is None or not isinstance(context.original_route, APIRoute):
            continue
        path = str(context.path_format)
        assert declaration_of(context.endpoint).policy is not None, f"{path} declares no policy"  # type: ignore[arg-type]
        if "{" not in path:
            lines[path, ""] = _Line(outright, path)
            continue
        stem, parameter, last = path.rsplit("/", 2)
        assert parameter.startswith("{"), f"{path}: one parameter, before the last word"
        assert "{" not in stem + last, f"{path}: one parameter, before the last word"
        lines[stem, last] = _Line(outright, path)
    app.add_middleware(QuickReads, platform=app, lines=lines, trusted_proxies=trusted_proxies)
