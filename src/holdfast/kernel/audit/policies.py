"""Who may call a route, by function alone: the policies every feature can name. Identity adds those about accounts.

For admin and money the row is read again (spec, identity), so a role taken away a moment ago opens nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from starlette.requests import Request

from holdfast.kernel.audit.values import Actor
from holdfast.kit.errors import Forbidden, Unauthenticated
from holdfast.kit.http import Policy, public


@dataclass(eq=False)
class SignInNeeded(Unauthenticated):
    """Sign in first: send Authorization: Bearer with an access token."""


@dataclass(eq=False)
class RoleNeeded(Forbidden):
    """This is for: {allowed}."""

    allowed: str


@runtime_checkable
class Rereads(Protocol):
    """An authenticator that can be asked to look at the rows again."""

    async def reread(self, request: Request) -> Actor: ...


def policy(name: str, *, allowed: str, test: Callable[[Actor], bool], fresh: bool = False) -> Policy:
    """A policy: nobody known is 401, who fails `test` is 403. `fresh`: the caller's row is read again first."""

    async def check(request: Request) -> None:
        actor = actor_of(request)
        if actor.kind == "anonymous":
            raise SignInNeeded
        authenticate = request.app.state.authenticate
        if fresh and isinstance(authenticate, Rereads):
            actor = request.state.principal = await authenticate.reread(request)
        if not test(actor):
            raise RoleNeeded(allowed)

    return Policy(name, check, lambda actor: actor.kind != "anonymous" and test(actor), is_fresh=fresh)


def actor_of(request: Request) -> Actor:
    """Who calls; nobody known where nothing was sent."""
    principal = request.state.principal
    return principal if isinstance(principal, Actor) else Actor.anonymous()


anyone = public
signed_in = policy("signed_in", allowed="who is signed in", test=lambda _: True)
admin = policy("admin", allowed="admins", test=lambda actor: actor.is_admin, fresh=True)
