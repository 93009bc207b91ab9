"""Answer the plain case of the busiest routes past all layers that make every other case right.

A route declared `@lean` is called from here where a request is exactly what a well-behaved client sends: harmless
headers alone, a caller who is let in, a body with no field twice and no escapes in it, which fits the model. Of what
the ordinary way leaves at `request.state` its handler finds the caller, the address and the id. Whatever is unusual
takes the ordinary way from its beginning, with nothing done yet: so every refusal of a request is said in one place,
and this file only has to know what is plain. What the route answers or refuses is dressed as the ordinary way dresses
it; tests compare both.
"""

import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_type_hints

import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.kit import headers, problems
from holdfast.kit.errors import Error, Overloaded
from holdfast.kit.headers import Network
from holdfast.kit.idempotency import is_key
from holdfast.kit.policies import declaration_of

BODY_BYTES_MAX = 20_000
_JSON = b"application/json"
_BEARER = b"Bearer "
_ODD_COLON = re.compile(rb'"\s+:')
_log = structlog.stdlib.get_logger("holdfast.edge")


class Knows(Protocol):
    """An authenticator that needs no request to say who calls."""

    def at_hand(self, credential: str, *, address: str | None, request_id: str) -> Any | None:  # noqa: ANN401 - its own
        """Without looking at any row, where it can."""

    async def of_bearer(self, credential: str, *, address: str | None, request_id: str) -> Any:  # noqa: ANN401 - its own
        """By looking; an Error where it stands for nobody."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """One lean route."""

    endpoint: Callable[..., Awaitable[Response]]
    body: TypeAdapter[Any]
    template: str
    lets_in: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Plain:
    """What a plain request carries."""

    credential: str
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
        plain = _plain(scope)
        if plain is not None and self._is_full():
            await self._refuse(lane, plain, scope, send)
            return
        request = await self._known(plain, lane, scope) if plain is not None else None
        if plain is not None and request is not None:
            pieces = await _pieces(receive)
            body = _body(lane, pieces)
            if body is not None:
                await _answer(lane, request, body, plain.key, send)
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
        principal = self._authenticate.at_hand(plain.credential, address=address, request_id=request_id)
        if principal is None:
            try:
                principal = await self._authenticate.of_bearer(plain.credential, address=address, request_id=request_id)
            except Error:
                return None
        if not lane.lets_in(principal):
            return None
        if self._trusted:
            headers.apply_scheme(scope, self._trusted)
        state = scope.setdefault("state", {})
        state["address"], state["request_id"], state["principal"] = address, request_id, principal
        state["route_template"] = lane.template
        return Request(scope)


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
        body = TypeAdapter(get_type_hints(endpoint, include_extras=True)["body"])
        for method in context.methods or ():
            lanes.setdefault((method, path), _Lane(endpoint, body, path, policy.test))
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


async def _pieces(receive: Receive) -> list[Message]:
    """The body as it came, as far as a plain one goes."""
    pieces = [await receive()]
    length = len(pieces[0].get("body", b""))
    while pieces[-1].get("more_body") and length <= BODY_BYTES_MAX:
        pieces.append(await receive())
        length += len(pieces[-1].get("body", b""))
    return pieces


def _body(lane: _Lane, pieces: Sequence[Message]) -> Any | None:  # noqa: ANN401 - the route's own model
    """The model; None unless these bytes can only be read in one way, and fit it."""
    if pieces[-1]["type"] != "http.request" or pieces[-1].get("more_body"):
        return None
    raw: bytes = b"".join([piece.get("body", b"") for piece in pieces])
    if b"\\" in raw or len(raw) > BODY_BYTES_MAX or _ODD_COLON.search(raw):
        return None
    try:
        body = lane.body.validate_json(raw)
    except ValidationError:
        return None
    # Right behind the quote that ends a name stands a colon, and no text has a quote in it: no name stands there twice.
    is_once = isinstance(body, BaseModel) and raw.count(b'":') == len(body.model_fields_set)
    return body if is_once else None


async def _answer(lane: _Lane, request: Request, body: Any, key: str | None, send: Send) -> None:  # noqa: ANN401 - its model
    structlog.contextvars.bind_contextvars(request_id=request.state.request_id)  # of this request's own task
    try:
        response = await lane.endpoint(body=body, request=request, key=key)
    except Error as error:
        response = problems.answer(request, error)
    except Exception:  # noqa: BLE001 - nobody above it answers, as in kit.headers
        _log.exception("unexpected failure", method=request.method, route=lane.template)
        response = problems.internal_error(request)
    await _send(response, request.scope, send)


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
