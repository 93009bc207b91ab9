"""Declare at the route who may call it, what it looks up, and how its body travels; `kit.http.Route` obeys.

The kit knows no roles: `holdfast.kernel.identity` names the policies. A route that declares none fails the build.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar
from uuid import UUID

from starlette.requests import Request

F = TypeVar("F", bound=Callable[..., Any])

#: (request, principal) -> the object, or NotFound, the same for absent and for not mine.
LookUp: TypeAlias = Callable[[Request, Any], Awaitable[object]]
#: (request, id of the first effect) -> the body of now.
Replay: TypeAlias = Callable[[Request, UUID], Awaitable[Any]]

_ATTRIBUTE = "__holdfast_route__"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call a route, by function alone; `check` raises Unauthenticated or Forbidden.

    `test`: the same of a principal who is looked up; `is_fresh`: his rows have to be read for this very request.
    """

    name: str
    check: Callable[[Request], Awaitable[None]]
    test: Callable[[Any], bool] | None = None
    is_fresh: bool = False


async def _let_in(_: Request) -> None:
    return


#: No sign-in needed; credentials that are sent all the same must be good.
public = Policy("public", _let_in, lambda _: True)


@dataclass(slots=True)
class Declaration:
    """What the decorators said about one route."""

    policy: Policy | None = None
    find: LookUp | None = None
    reads: Literal["json", "raw", "form"] = "json"
    body_max: int | None = None
    cache: str | None = None
    replay: Replay | None = None
    unkeyed_because: str | None = None
    own_key: bool = False
    takes_version: bool = False
    may_conflict: bool = False
    is_lean: bool = False
    sheds: bool = False

    @property
    def has_key_rule(self) -> bool:
        return self.replay is not None or self.unkeyed_because is not None

    @property
    def takes_key(self) -> bool:
        return self.replay is not None or self.own_key


def declaration_of(endpoint: Callable[..., Any]) -> Declaration:
    """What was declared so far; an empty declaration where nothing was."""
    declared = getattr(endpoint, _ATTRIBUTE, None)
    if declared is None:
        declared = Declaration()
        setattr(endpoint, _ATTRIBUTE, declared)
    assert isinstance(declared, Declaration)
    return declared


def allow(policy: Policy, *, find: LookUp | None = None) -> Callable[[F], F]:
    """Whom `policy` lets in may call this; what `find` returns is `Annotated[T, Found]` in the handler."""

    def mark(endpoint: F) -> F:
        declared = declaration_of(endpoint)
        assert declared.policy is None, f"{endpoint.__qualname__} has two policies"
        declared.policy, declared.find = policy, find
        return endpoint

    return mark


def raw(*, limit: int) -> Callable[[F], F]:
    """The handler wants the bytes as they came (`RawBody`), at most `limit` of them: a webhook verifies these."""

    def mark(endpoint: F) -> F:
        declared = declaration_of(endpoint)
        declared.reads, declared.body_max = "raw", limit
        return endpoint

    return mark


def form(*, limit: int) -> Callable[[F], F]:
    """The handler reads a form or an upload, at most `limit` bytes in all."""

    def mark(endpoint: F) -> F:
        declared = declaration_of(endpoint)
        declared.reads, declared.body_max = "form", limit
        return endpoint

    return mark


def body_max(limit: int) -> Callable[[F], F]:
    """This route's JSON may be larger (or must be smaller) than the rest's."""

    def mark(endpoint: F) -> F:
        declaration_of(endpoint).body_max = limit
        return endpoint

    return mark


def cacheable(cache_control: str) -> Callable[[F], F]:
    """A 2xx or 304 of this route may be kept by others; without it every answer is `no-store`."""

    def mark(endpoint: F) -> F:
        declaration_of(endpoint).cache = cache_control
        return endpoint

    return mark


def versioned(endpoint: F) -> F:
    """This route reads If-Match (`kit.versions.expect_version`); said here so that it is documented."""
    declaration_of(endpoint).takes_version = True
    return endpoint


def conflicting(endpoint: F) -> F:
    """This GET may be refused by how the thing stands (409); said here so that it is documented."""
    declaration_of(endpoint).may_conflict = True
    return endpoint


def lean(endpoint: F) -> F:
    """Call the handler with its body, request and key alone, past the framework's injection, and send what it returns.

    For the calls of a sale: the injection costs as much as all else of a request, and the layers around it as much
    again, so the plain case passes these by too (`kit.express`). The order of refusals, the schema and the
    documentation are those of every other route.
    """
    declaration_of(endpoint).is_lean = True
    return endpoint


def sheds(endpoint: F) -> F:
    """A lean route that is refused at once, before anybody is looked up, where nothing more can be taken on."""
    declaration_of(endpoint).sheds = True
    return endpoint


def idempotent(*, replay: Replay) -> Callable[[F], F]:
    """A repeat with the same Idempotency-Key has no second effect: `replay` tells the first one as it is now.

    The handler calls `await key.remember(db, subject=…, status=…)` in the transaction of the effect.
    """

    def mark(endpoint: F) -> F:
        declared = declaration_of(endpoint)
        assert not declared.has_key_rule, f"{endpoint.__qualname__} has two rules about its key"
        declared.replay = replay
        return endpoint

    return mark


def unkeyed(reason: str, *, own_key: bool = False) -> Callable[[F], F]:
    """This POST ignores the key, for a stated reason; with `own_key` it keeps it itself (`KeyHeader`)."""

    def mark(endpoint: F) -> F:
        declared = declaration_of(endpoint)
        assert not declared.has_key_rule, f"{endpoint.__qualname__} has two rules about its key"
        assert reason, "say why"
        declared.unkeyed_because, declared.own_key = reason, own_key
        return endpoint

    return mark
