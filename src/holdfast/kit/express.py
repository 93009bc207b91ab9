"""Answer the plain case of the busiest routes past all layers that make every other case right.

A route declared `@lean` is called from here where a request is exactly what a well-behaved client sends: harmless
headers alone, a caller who is let in, a body with no field twice and no escapes in it, which fits the model; on a route
that reads bytes, nobody's credentials and nothing encoded. Of what the ordinary way leaves at `request.state` its
handler finds the caller, the address, the id and its key. Whatever is unusual takes the ordinary way from its
beginning, with nothing done yet: so every refusal of a request is said in one place, and this file only has to know
what is plain. What the route answers or refuses is dressed as the ordinary way dresses it; tests compare both.
"""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.kit import bodies, headers, http, problems
from holdfast.kit.errors import Error, Overloaded
from holdfast.kit.headers import Network
from holdfast.kit.idempotency import is_key
from holdfast.kit.policies import Declaration, Policy, declaration_of

BODY_BYTES_MAX = 20_000
_JSON = b"application/json"
_BEARER = b"Bearer "
#: What makes a request for bytes unusual.
_OF_NOBODY = frozenset({b"authorization", b"content-encoding", b"cookie", b"idempotency-key"})
_ODD_COLON = re.compile(rb'"\s+:')
_log = structlog.stdlib.get_logger("holdfast.edge")


class Knows(Protocol):
    """An authenticator that needs no request to say who calls."""

    def at_hand(self, credential: str, *, address: str | None, request_id: str) -> Any | None:  # noqa: ANN401 - its own
        """Without looking at any row, where it can."""

    async def of_bearer(self, credential: str, *, address: str | None, request_id: str, is_fresh: bool = False) -> Any:  # noqa: ANN401 - its own
        """By looking, if need be or `is_fresh`; an Error where it stands for nobody."""

    def nobody(self, *, address: str | None, request_id: str) -> Any:  # noqa: ANN401 - its own
        """Who sent no credential."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """One lean route."""

    endpoint: Callable[..., Any]
    call: Callable[..., Awaitable[Response]]
    #: None: the route reads bytes
    body: TypeAdapter[Any] | None
    template: str
    policy: Policy
    declared: Declaration


@dataclass(frozen=True, slots=True)
class _Plain:
    """What a plain request carries. `credential`: None on a route that reads bytes."""

    credential: str | None
    key: str | None
    request_id: str


class Express:
    """The outermost layer but for the server's own."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticate: Knows,
        lanes: Mapping[tuple[str, str], _Lane],
        is_full: Callable[[], bool],
        trusted_proxies: tuple[Network, ...],
    ) -> None:
        self.app = app
        self._authenticate, self._lanes, self._trusted = authenticate, lanes, trusted_proxies
        self._is_full = is_full

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            lane = self._lanes.get((scope["method"], scope["path"]))
            if lane is not None and not scope["query_string"]:
                await self._try(lane, scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _try(self, lane: _Lane, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        plain = _plain(scope) if lane.body is not None else _plain_bytes(scope)
        if plain is not None and lane.declared.sheds and self._is_full():
            await self._refuse(lane, plain, scope, send)
            return
        request = await self._known(plain, lane, scope) if plain is not None else None
        if plain is not None and request is not None:
            pieces = await _pieces(receive)
            raw = _whole(pieces)
            body = raw if lane.body is None or raw is None else _body(lane.body, raw)
            if raw is not None and body is not None:
                await _send(await _answer(lane, request, raw, body, plain.key), scope, send)
                _count(lane, request, time.perf_counter() - began)
                return
            receive = _again(pieces, receive)
        await self.app(scope, receive, send)

    async def _refuse(self, lane: _Lane, plain: _Plain, scope: Scope, send: Send) -> None:
        """Said at once, before anybody is looked up or anything read."""
        began = time.perf_counter()
        scope.setdefault("state", {}).update(request_id=plain.request_id, route_template=lane.template)
        request = Request(scope)
        await _send(problems.answer(request, Overloaded()), scope, send)
        _count(lane, request, time.perf_counter() - began)

    async def _known(self, plain: _Plain, lane: _Lane, scope: Scope) -> Request | None:
        """The request with its caller, if he is let in."""
        address = headers.client_address(scope, self._trusted)
        request_id = plain.request_id
        principal = await self._principal(lane.policy, plain.credential, address=address, request_id=request_id)
        if principal is None:
            return None
        if self._trusted:
            headers.apply_scheme(scope, self._trusted)
        state = scope.setdefault("state", {})
        state["address"], state["request_id"], state["principal"] = address, request_id, principal
        state["route_template"] = lane.template
        return Request(scope)

    async def _principal(
        self, policy: Policy, credential: str | None, *, address: str | None, request_id: str
    ) -> Any | None:  # noqa: ANN401 - the authenticator's own
        """Who calls, if he is let in."""
        who, principal = self._authenticate, None
        if credential is None:
            principal = who.nobody(address=address, request_id=request_id)
        elif not policy.is_fresh:
            principal = who.at_hand(credential, address=address, request_id=request_id)
        if principal is None:
            assert credential is not None
            try:
                principal = await who.of_bearer(
                    credential, address=address, request_id=request_id, is_fresh=policy.is_fresh
                )
            except Error:
                return None
        assert policy.test is not None
        return principal if policy.test(principal) else None


def install(
    app: FastAPI, authenticate: Knows, *, is_full: Callable[[], bool], trusted_proxies: tuple[Network, ...] = ()
) -> None:
    """Called once all routes are in. `is_full`: whether nothing more can be taken on at this moment."""
    lanes: dict[tuple[str, str], _Lane] = {}
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        declared = declaration_of(context.endpoint) if isinstance(route, APIRoute) and context.endpoint else None
        if declared is None or not declared.is_lean:
            continue
        policy, path = declared.policy, str(context.path_format)
        assert policy is not None
        assert policy.test is not None, f"{path} looks at rows before it lets anybody in"
        endpoint: Any = context.endpoint
        body, call = http.called_leanly(endpoint)
        for method in context.methods or ():
            lanes.setdefault((method, path), _Lane(endpoint, call, body, path, policy, declared))
    app.add_middleware(
        Express, authenticate=authenticate, lanes=lanes, is_full=is_full, trusted_proxies=trusted_proxies
    )


def _plain(scope: Scope) -> _Plain | None:
    """What its headers say; None where one is unusual, or said twice."""
    credential = key = request_id = None
    is_json = False
    for name, value in scope["headers"]:
        if name in headers.INDIFFERENT or name == b"content-length":
            continue
        if name == b"x-request-id":
            request_id = value
        elif name == b"authorization" and credential is None and value.startswith(_BEARER):
            credential = value
        elif name == b"idempotency-key" and key is None:
            key = value
        elif name == b"content-type" and value == _JSON:
            is_json = True
        else:
            return None
    if credential is None or not is_json:
        return None
    sent = None if key is None else key.decode("latin-1")
    if sent is not None and not is_key(sent):
        return None
    token = credential[len(_BEARER) :].decode("latin-1")
    return _Plain(token, sent, headers.request_id_of(request_id))


def _plain_bytes(scope: Scope) -> _Plain | None:
    """The same for a route that reads bytes and knows nobody: its own headers are its own business."""
    request_id = None
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            request_id = value
        elif name in _OF_NOBODY:
            return None
    return _Plain(None, None, headers.request_id_of(request_id))


async def _pieces(receive: Receive) -> list[Message]:
    """The body as it came, as far as a plain one goes."""
    pieces = [await receive()]
    length = len(pieces[0].get("body", b""))
    while pieces[-1].get("more_body") and length <= BODY_BYTES_MAX:
        pieces.append(await receive())
        length += len(pieces[-1].get("body", b""))
    return pieces


def _whole(pieces: Sequence[Message]) -> bytes | None:
    """The body, if all of it came and it is not long."""
    if pieces[-1]["type"] != "http.request" or pieces[-1].get("more_body"):
        return None
    raw: bytes = b"".join([piece.get("body", b"") for piece in pieces])
    return raw if len(raw) <= BODY_BYTES_MAX else None


def _body(model: TypeAdapter[Any], raw: bytes) -> Any | None:  # noqa: ANN401 - the route's own model
    """The model; None unless these bytes can only be read in one way, and fit it."""
    if b"\\" in raw or _ODD_COLON.search(raw):
        return None
    try:
        body = model.validate_json(raw)
    except ValidationError:
        return None
    # Right behind the quote that ends a name stands a colon, and no text has a quote in it: no name stands there twice.
    is_once = isinstance(body, BaseModel) and raw.count(b'":') == len(body.model_fields_set)
    return body if is_once else None


async def _answer(lane: _Lane, request: Request, raw: bytes, body: Any, key: str | None) -> Response:  # noqa: ANN401 - its model
    structlog.contextvars.bind_contextvars(request_id=request.state.request_id)  # of this request's own task
    once = None
    try:
        if lane.declared.replay is not None:
            once = http.keyed(request, lane.endpoint, raw if key is None or lane.body is None else bodies.parse(raw))
        return http.finished(await lane.call(request, body, key), lane.declared, once)
    except Error as error:
        return problems.answer(request, error)
    except Exception:  # noqa: BLE001 - nobody above it answers, as in kit.headers
        _log.exception("unexpected failure", method=request.method, route=lane.template)
        return problems.internal_error(request)


async def _send(response: Response, scope: Scope, send: Send) -> None:
    scope["state"]["status"] = response.status_code
    start: Message = {
        "type": "http.response.start",
        "status": response.status_code,
        "headers": response.raw_headers,
    }
    headers.dress(start, scope)
    await send(start)
    await send({"type": "http.response.body", "body": response.body})


def _count(lane: _Lane, request: Request, seconds: float) -> None:
    state = request.scope["state"]
    headers.tell(request.method, lane.template, state["status"], seconds, problem=state.get("problem_code"))


def _again(pieces: Sequence[Message], receive: Receive) -> Receive:
    """The same request from its beginning, for the ordinary way."""
    waiting = deque(pieces)

    async def receive_again() -> Message:
        return waiting.popleft() if waiting else await receive()

    return receive_again
