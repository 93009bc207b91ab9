"""The edge: what every route of the API is made of. Import this, not its parts.

A request passes, in this order: authenticate (401) → policy by function (403) → object look-up (404) → read the
body (400, 413, 415) → validation (422) → handler. FastAPI by itself reads and validates the body first, which would
tell a stranger what exists.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, get_type_hints
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI
from fastapi import routing as fastapi_routing
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from holdfast.kit import bodies, problems
from holdfast.kit.bodies import MalformedForm, problem_at, raw_body
from holdfast.kit.db import Database
from holdfast.kit.errors import Error, Invalid
from holdfast.kit.headers import Envelope, Network
from holdfast.kit.idempotency import IdempotencyKey, Key, KeyHeader, header_of, key_of, once
from holdfast.kit.openapi import operation_id
from holdfast.kit.policies import (
    Declaration,
    Policy,
    allow,
    body_max,
    cacheable,
    conflicting,
    declaration_of,
    form,
    idempotent,
    lean,
    public,
    raw,
    sheds,
    unkeyed,
    versioned,
)

BODY_BYTES_MAX = 1_000_000

#: request -> principal; raises Unauthenticated for credentials that are bad, never for none.
Authenticate: TypeAlias = Callable[[Request], Awaitable[Any]]

_current: ContextVar[Request] = ContextVar("current_request")


@dataclass(eq=False)
class MalformedId(Invalid):
    """What stands in the path is not an id."""

    errors: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Edge:
    """How this application's edge behaves; at `app.state.edge`."""

    authenticate: Authenticate
    #: whose idempotency keys these are; None for the anonymous
    owner_of: Callable[[Any], str | None]
    #: the first signs, all verify
    secrets: tuple[str, ...]
    body_max: int
    is_test: bool


def install(
    app: FastAPI,
    *,
    database: Database,
    secret: str,
    former_secrets: Sequence[str] = (),
    authenticate: Authenticate | None = None,
    owner_of: Callable[[Any], str | None] | None = None,
    trusted_proxies: Sequence[Network] = (),
    body_max: int = BODY_BYTES_MAX,
    locale: str = "en",
    is_test: bool = False,
) -> None:
    """Give an application its edge, before it serves; `check_routes` after its routers are included.

    `secret`: at least 32 characters; cursors and keys are signed with keys derived from it. Cursors signed with one of
    `former_secrets` are still read. `locale`: the language of failures for callers who ask for none.
    """
    assert len(secret) >= 32, "the secret has at least 32 characters"  # noqa: PLR2004 - as long as the hash
    app.state.database = database
    app.state.authenticate = authenticate or _nobody
    app.state.edge = Edge(app.state.authenticate, owner_of or _owner, (secret, *former_secrets), body_max, is_test)
    app.state.locale = locale
    app.router.redirect_slashes = False
    problems.install(app)
    app.add_middleware(Envelope, trusted_proxies=trusted_proxies)


class Route(APIRoute):
    """A route that runs in the order this file's top tells."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        declared = _declared(path, endpoint, options.get("methods"))
        if declared.replay is not None:
            endpoint = _run_once(endpoint, declared)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        declared = declaration_of(self.endpoint)
        validate_and_handle = _leanly(self.endpoint) if declared.is_lean else super().get_route_handler()
        policy = declared.policy
        assert policy is not None
        included = fastapi_routing._effective_route_context_var.get()  # noqa: SLF001 - nothing public knows the prefix
        template = self.path_format if included is None else included.path_format
        has_body = self.body_field is not None

        async def run(request: Request) -> Response:
            state = request.state
            state.route_template = template
            edge: Edge = request.app.state.edge
            state.principal = await request.app.state.authenticate(request)
            await policy.check(request)
            bodies.refuse_nul_in_address(request)
            if declared.find is not None:
                state.found = await declared.find(request, state.principal)
            limit = declared.body_max or edge.body_max
            request = await bodies.read(request, reads=declared.reads, limit=limit, has_body=has_body)
            key = None
            if declared.replay is not None:
                key = keyed(request, self.endpoint, await _content_of(request))
            _current.set(request)
            try:
                response = await validate_and_handle(request)
            except HTTPException as error:
                if declared.reads != "form" or error.status_code != 400:  # noqa: PLR2004 - a status
                    raise
                # FastAPI's for every form it could not read: say why
                raise (error.__cause__ if isinstance(error.__cause__, Error) else MalformedForm()) from None
            return finished(response, declared, key)

        return run


class Router(APIRouter):
    """An APIRouter whose routes are `Route`s; their operation ids are the functions' names."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - FastAPI's own
        options.setdefault("generate_unique_id_function", operation_id)
        super().__init__(route_class=Route, redirect_slashes=False, **options)


def routes_with_policies(app: FastAPI) -> list[tuple[str, str, str]]:
    """(method, path, name of the policy) of every route, for the authorization matrix."""
    return [
        (method, path, declared.policy.name)
        for method, path, declared in _routes(app)
        if declared is not None and declared.policy is not None
    ]


def check_routes(app: FastAPI, *, besides: frozenset[str] = frozenset()) -> None:
    """Called once all routers are in: a route without a policy is a bug. `besides`: paths of pictures and documents."""
    bare = [f"{method} {path}" for method, path, declared in _routes(app) if declared is None and path not in besides]
    assert not bare, f"these routes are not of kit.http.Router and declare no policy: {bare}"
    sockets_with_policies(app)


def path_id(request: HTTPConnection, name: str) -> UUID:
    """The id in the path, for a look-up; MalformedId (422) where it is none."""
    text = str(request.path_params[name])
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text.lower():
        raise MalformedId([problem_at((name,), "malformed_id", "This is not an id.", where="path")])
    return value


async def _found(request: Request) -> Any:  # noqa: ANN401 - what the look-up returned
    return request.state.found


async def _database(request: Request) -> Database:
    database = request.app.state.database
    assert isinstance(database, Database)
    return database


async def _raw_body(request: Request) -> bytes:
    return await request.body()


#: What the look-up found: `booking: Annotated[Booking, Found]`.
Found = Depends(_found)
#: Handlers open their transactions themselves: a dependency that yields would commit after the answer was sent.
Db: TypeAlias = Annotated[Database, Depends(_database)]
#: The bytes as they came, on a route declared `@raw(limit=…)`.
RawBody: TypeAlias = Annotated[bytes, Depends(_raw_body)]


def _declared(path: str, endpoint: Callable[..., Any], methods: Any) -> Declaration:  # noqa: ANN401 - a set or list
    declared = declaration_of(endpoint)
    where = f"{endpoint.__module__}.{endpoint.__qualname__} ({path})"
    assert inspect.iscoroutinefunction(endpoint), f"{where} is not async"
    assert declared.policy is not None, f"{where} declares no policy: put @allow(...) under the route"
    is_post = "POST" in {str(method).upper() for method in methods or ["GET"]}
    assert is_post == declared.has_key_rule, (
        f"{where}: a POST, and only a POST, says @idempotent(replay=...) or @unkeyed('why')"
    )
    return declared


def _run_once(endpoint: Callable[..., Any], declared: Declaration) -> Callable[..., Any]:
    """Claim the key between validation and the handler, so that a refused request never touches the table."""
    replay = declared.replay
    assert replay is not None

    @functools.wraps(endpoint)
    async def run(**values: Any) -> Any:  # noqa: ANN401 - the handler's own
        request = values["request"] if declared.is_lean else _current.get()
        key: IdempotencyKey = request.state.idempotency_key
        return await once(
            key,
            lambda: endpoint(**values),
            lambda subject: replay(request, subject),
            is_test=request.app.state.edge.is_test,
        )

    return run


def called_leanly(endpoint: Callable[..., Any]) -> tuple[TypeAdapter[Any] | None, Callable[..., Awaitable[Response]]]:
    """How a lean handler reads its body (None: as bytes), and how to call it: with body, request and the key sent."""
    hints = get_type_hints(endpoint, include_extras=True)
    declared, takes = declaration_of(endpoint), frozenset(hints) - {"return"}
    assert {"body", "request"} <= takes <= {"body", "request", "key"}, f"{endpoint.__qualname__} is not lean"
    assert declared.find is None, f"{endpoint.__qualname__} looks for something before it reads its body"

    async def call(request: Request, body: Any, sent: str | None) -> Response:  # noqa: ANN401 - the handler's own
        values = {"body": body, "request": request}
        if "key" in takes:
            values["key"] = sent if declared.replay is None else request.state.idempotency_key
        response: Response = await endpoint(**values)
        return response

    return None if declared.reads == "raw" else TypeAdapter(hints["body"]), call


def _leanly(endpoint: Callable[..., Any]) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Validate the body as the framework does, and call the handler: nothing else."""
    adapter, call = called_leanly(endpoint)
    has_own_key = declaration_of(endpoint).own_key

    async def handle(request: Request) -> Response:
        sent = header_of(request) if has_own_key else None
        if adapter is None:
            return await call(request, await request.body(), sent)
        value = getattr(request, "_json", None)
        try:
            body = adapter.validate_python(value)
        except ValidationError as error:
            found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
            if value is None:
                found = [{"type": "missing", "loc": ("body",), "msg": "Field required", "input": None}]
            raise RequestValidationError(found) from None
        return await call(request, body, sent)

    return handle


async def _content_of(request: Request) -> Any:  # noqa: ANN401 - any JSON, or bytes
    raw_content = await request.body() if not hasattr(request, "_json") else b""
    return raw_content or getattr(request, "_json", None)


def keyed(request: Request, endpoint: Callable[..., Any], content: Any) -> IdempotencyKey:  # noqa: ANN401 - any JSON, or bytes
    """The key of this request, put where a handler that is run once looks for it. MalformedKey."""
    edge: Edge = request.app.state.edge
    key = key_of(
        request,
        database=request.app.state.database,
        secret=edge.secrets[0],
        owner=edge.owner_of(request.state.principal),
        address=request.state.address,
        route=f"{endpoint.__module__}.{endpoint.__qualname__}",
        body=content,
    )
    request.state.idempotency_key = key
    return key


def finished(response: Response, declared: Declaration, key: IdempotencyKey | None) -> Response:
    """The answer with what the route's declaration says of it."""
    if key is not None and key.replayed is not None:
        response.status_code = key.replayed.status
        response.headers["Idempotent-Replayed"] = "true"
    if declared.cache is not None and (response.status_code < 300 or response.status_code == 304):  # noqa: PLR2004
        response.headers.setdefault("Cache-Control", declared.cache)
    return response


def sockets_with_policies(app: FastAPI) -> list[tuple[str, str]]:
    """(path, name of the policy) of every socket, for the same matrix; one without a policy is a bug."""
    found = []
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, WebSocketRoute):
            policy = declaration_of(context.original_route.endpoint).policy
            assert policy is not None, f"{context.path} declares no policy: put @allow(...) under the socket"
            found.append((context.path or "", policy.name))
    return found


def _routes(app: FastAPI) -> Iterator[tuple[str, str, Declaration | None]]:
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, WebSocketRoute):
            continue
        declared = declaration_of(context.endpoint) if isinstance(context.original_route, Route) else None  # type: ignore[arg-type]
        for method in sorted(context.methods or {"*"}):
            yield method, context.path or "", declared


async def _nobody(_: Request) -> None:
    return


def _owner(principal: Any) -> str | None:  # noqa: ANN401 - identity's own
    user_id = getattr(principal, "user_id", None)
    return None if user_id is None else f"{getattr(principal, 'kind', 'user')}:{user_id}"


__all__ = [
    "BODY_BYTES_MAX",
    "Authenticate",
    "Db",
    "Edge",
    "Found",
    "Key",
    "KeyHeader",
    "MalformedId",
    "Policy",
    "RawBody",
    "Route",
    "Router",
    "allow",
    "body_max",
    "cacheable",
    "called_leanly",
    "check_routes",
    "conflicting",
    "finished",
    "form",
    "idempotent",
    "install",
    "keyed",
    "lean",
    "path_id",
    "public",
    "raw",
    "raw_body",
    "routes_with_policies",
    "sheds",
    "sockets_with_policies",
    "unkeyed",
    "versioned",
]
