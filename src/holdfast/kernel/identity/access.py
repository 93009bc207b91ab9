"""Tell who calls: read the credential, look at the rows at most a second old, and make an Actor of it.

A token whose signature was checked once is kept until it ends (bounded, the least used leaves first). What the rows
say of its account, login, roles and memberships is read again after `recheck_seconds`, so that in every process a
deactivation, an end of a login or a change of role counts within that second; for admin and money they are read again
each time. Who calls again and again is read ahead of that, with all who do in one statement, so that nobody waits.
Policies are in `kernel.audit` (who is signed in, who is an admin) and here.
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias
from uuid import UUID

import structlog
from fastapi import Depends
from starlette.requests import Request

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import cookies, logins, providers, queries, tokens
from holdfast.kernel.identity.errors import InvalidToken
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Principal
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.errors import Forbidden
from holdfast.kit.http import Policy
from holdfast.kit.secrets import fingerprint
from holdfast.kit.together import Together
from holdfast.kit.words import Phrase

_SEEN_EVERY = timedelta(minutes=1)
#: Who called more than once, and within these seconds, is expected again.
_EXPECTED_SECONDS = 5.0
_AHEAD_MAX = 2_000
_AT_ONCE = 500
_END_SECONDS = 2.0
#: How much of `recheck_seconds` may pass until one who is expected is read again.
_AHEAD = 0.4

log = structlog.stdlib.get_logger("holdfast.identity")


@dataclass(eq=False)
class VerifiedContactNeeded(Forbidden):
    """Verify your e-mail address or phone number first."""


@dataclass(slots=True)
class _Known:
    """One credential: what it says (nothing, for an API key), and what the rows said when last read."""

    claims: tokens.Claims | None
    principal: Principal
    moment: datetime
    read_at: float
    used_at: float = -math.inf
    is_regular: bool = False

    def ended(self, at: float) -> bool:
        """Whether its token's time is over at that moment of this process."""
        return self.claims is not None and self.moment + timedelta(seconds=at - self.read_at) >= self.claims.expires_at


@dataclass(frozen=True, slots=True)
class _Seen:
    """Whom a login stood for at a moment of the database, which was read at one of this process."""

    principal: Principal
    now: datetime
    read_at: float


class Authenticator:
    """The edge's `authenticate`: an Actor for every request, InvalidToken for credentials that are bad."""

    def __init__(self, settings: IdentitySettings, database: Database) -> None:
        self.settings = settings
        self._database = database
        self._known: OrderedDict[str, _Known] = OrderedDict()
        #: A thousand callers are a thousand rows a second to read again: together, not one by one.
        self._logins: Together[UUID, _Seen] = Together(self._read_logins)
        #: Whom logins stood for when they were last read; asked for again, it is enough to ask who has changed.
        self._principals: OrderedDict[UUID, Principal] = OrderedDict()
        self._next_look: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None  # held, or it might be collected
        database.guests.add(self)

    async def close(self) -> None:
        """Look at no rows any more."""
        if self._looking is not None and not self._looking.done():
            await asyncio.wait([self._looking], timeout=_END_SECONDS)
            self._looking.cancel()
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    async def __call__(self, request: Request) -> Actor:
        return await self._actor(request, is_fresh=False)

    async def reread(self, request: Request) -> Actor:
        """The same caller as the rows have them now."""
        return await self._actor(request, is_fresh=True)

    async def principal(self, credential: str, *, is_fresh: bool = False) -> Principal:
        """Who a token or API key stands for; for sockets too. InvalidToken."""
        if len(credential) > tokens.TOKEN_CHARACTERS_MAX:
            raise InvalidToken
        name = fingerprint(credential)
        known, now = self._known.get(name), time.monotonic()
        # Of one that seems to have ended, the database's clock says whether it has.
        if known is None or is_fresh or now - known.read_at > self.settings.recheck_seconds or known.ended(now):
            self._known.pop(name, None)  # what turns out to be void is not kept
            used_at = -math.inf if known is None else known.used_at
            known = self._known[name] = await self._read(credential, known)
            known.used_at, now = used_at, time.monotonic()
            while len(self._known) > self.settings.token_cache_max:
                self._known.popitem(last=False)
        self._note_used(name, known, now)
        return known.principal

    def at_hand(self, credential: str, *, address: str | None, request_id: str) -> Actor | None:
        """The Actor of a token that is known to be good without looking; None where somebody has to look."""
        name = fingerprint(credential)
        known, now = self._known.get(name), time.monotonic()
        if known is None or now - known.read_at > self.settings.recheck_seconds or known.ended(now):
            return None
        self._note_used(name, known, now)
        return _actor_of(known.principal, address, request_id)

    async def of_bearer(
        self, credential: str, *, address: str | None, request_id: str, is_fresh: bool = False
    ) -> Actor:
        """The Actor of what stands behind `Bearer`. InvalidToken."""
        if credential.startswith(tokens.PAGE_PREFIX):  # good in its cookie only
            raise InvalidToken
        return _actor_of(await self.principal(credential, is_fresh=is_fresh), address, request_id)

    def nobody(self, *, address: str | None, request_id: str) -> Actor:
        """The Actor of who sent no credential."""
        return Actor.anonymous(address=address, request_id=request_id)

    def _note_used(self, name: str, known: _Known, now: float) -> None:
        known.is_regular = now - known.used_at < _EXPECTED_SECONDS
        known.used_at = now
        if name in self._known:  # it may have left while it was read
            self._known.move_to_end(name)
        if self._next_look is None and self.settings.recheck_seconds > 0:
            self._look_later()

    def _look_later(self) -> None:
        seconds = self.settings.recheck_seconds * _AHEAD
        self._next_look = asyncio.get_running_loop().call_later(seconds, self._look_ahead)

    def _look_ahead(self) -> None:
        """Read those again who call again and again, the last first; no more looks where nobody does."""
        since = time.monotonic() - _EXPECTED_SECONDS
        due: dict[str, _Known] = {}
        for name in reversed(self._known):
            known = self._known[name]
            if known.used_at < since or len(due) >= _AHEAD_MAX:
                break
            if known.is_regular and known.claims is not None:
                due[name] = known
        self._looking = asyncio.get_running_loop().create_task(self._renew(due)) if due else None
        if not due:
            self._next_look = None

    async def _renew(self, due: dict[str, _Known]) -> None:
        names = list(due)
        try:
            for start in range(0, len(names), _AT_ONCE):
                some = {name: due[name] for name in names[start : start + _AT_ONCE]}
                login_of = {name: known.claims.login_id for name, known in some.items() if known.claims is not None}
                seen = await self._read_logins(list(set(login_of.values())))
                for name, known in some.items():
                    self._renew_one(name, known, seen.get(login_of[name]))
        except Exception as failure:  # noqa: BLE001 - whoever calls next reads for himself, and is told
            log.warning("callers_not_renewed", failure=type(failure).__name__)
        finally:
            self._look_later()

    def _renew_one(self, name: str, known: _Known, seen: _Seen | None) -> None:
        if self._known.get(name) is not known:
            return  # read by somebody else meanwhile, or gone
        if seen is None or seen.principal.user_id != known.principal.user_id:
            del self._known[name]
            return
        known.principal, known.moment, known.read_at = seen.principal, seen.now, seen.read_at

    async def _actor(self, request: Request, *, is_fresh: bool) -> Actor:
        address, request_id = request.state.address, request.state.request_id
        credential = _bearer(request)
        if credential is None and getattr(request.state, "is_page", False):
            credential = cookies.read_page(request, self.settings)
        if credential is None:
            return self.nobody(address=address, request_id=request_id)
        principal = await self.principal(credential, is_fresh=is_fresh)
        request.state.identity = principal
        return _actor_of(principal, address, request_id)

    async def _read(self, credential: str, known: _Known | None) -> _Known:
        if credential.startswith(tokens.API_KEY_PREFIX):
            return await self._read_key(credential)
        if credential.startswith(tokens.PAGE_PREFIX):
            return await self._read_page(credential)
        claims = known.claims if known is not None else None
        if claims is None:
            claims = tokens.read_access_token(self.settings, credential, now=None)
        seen = await self._logins.find(claims.login_id)
        if seen is None or seen.principal.user_id != claims.user_id or seen.now >= claims.expires_at:
            raise InvalidToken
        return _Known(claims, seen.principal, seen.now, seen.read_at)

    async def _read_logins(self, login_ids: Sequence[UUID]) -> dict[UUID, _Seen]:
        """Whom these stand for now. Of plain customers who are known only those are read whole who have changed."""
        read_at = time.monotonic()
        known = map(self._principals.get, login_ids)
        customers = {
            login_id: each
            for login_id, each in zip(login_ids, known, strict=True)
            if each is not None and queries.is_plain_customer(each)
        }
        async with self._database.reader() as db:
            now = await clock.moment(db)
            changed = await queries.customers_changed(db, customers, now=now) if customers else set()
            found = {login_id: each for login_id, each in customers.items() if login_id not in changed}
            unread = [login_id for login_id in login_ids if login_id not in found]
            if unread:
                found |= await queries.principals_of_logins(db, unread, now=now, settings=self.settings)
        for login_id in unread:
            self._principals.pop(login_id, None)
        self._principals |= found
        while len(self._principals) > self.settings.token_cache_max:
            self._principals.popitem(last=False)
        return {login_id: _Seen(principal, now, read_at) for login_id, principal in found.items()}

    async def _read_page(self, page_token: str) -> _Known:
        async with self._database.reader() as db:
            found = await queries.login_of_page(db, page_token)
        if found is None:
            raise InvalidToken
        login_id, user_id, last_used_at = found
        seen = await self._logins.find(login_id)
        if seen is None or seen.principal.user_id != user_id:
            raise InvalidToken
        now = seen.now
        if now - last_used_at >= _SEEN_EVERY:
            await self._database.run(lambda db: logins.note_used(db, login_id, now=now))
        return _Known(None, seen.principal, now, seen.read_at)

    async def _read_key(self, api_key: str) -> _Known:
        read_at = time.monotonic()
        async with self._database.reader() as db:
            now = await clock.moment(db)
            found = await queries.principal_of_key(db, api_key, now=now)
        if found is None:
            raise InvalidToken
        principal, last_used_at = found
        if last_used_at is None or now - last_used_at >= _SEEN_EVERY:
            await self._database.run(lambda db: providers.note_key_used(db, principal.id, now=now))
        return _Known(None, principal, now, read_at)


def _actor_of(principal: Principal, address: str | None, request_id: str) -> Actor:
    return Actor(principal.kind, principal.user_id, principal.roles, principal.members, address, request_id)


def login_of(request: Request) -> UUID | None:
    """The login whose access token the request carries."""
    principal = getattr(request.state, "identity", None)
    return principal.login_id if isinstance(principal, Principal) else None


def owner_of(principal: Actor | None) -> str | None:
    """Whose idempotency keys these are; None for nobody known."""
    if principal is None or principal.kind == "anonymous":
        return None
    if principal.kind == "api_key":
        return f"api_key:{','.join(sorted(map(str, principal.members)))}"
    return f"{principal.kind}:{principal.user_id}"


def _bearer(request: Request) -> str | None:
    values = request.headers.getlist("authorization")
    if not values:
        return None
    scheme, _, credential = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer" or not credential.strip():
        raise InvalidToken
    if credential.strip().startswith(tokens.PAGE_PREFIX):  # good in its cookie only
        raise InvalidToken
    return credential.strip()


async def _caller(request: Request) -> Actor:
    return audit.actor_of(request)


#: Who calls: `caller: Caller` in a handler.
Caller: TypeAlias = Annotated[Actor, Depends(_caller)]


def has_role(*roles: str, fresh: bool = True) -> Policy:
    """Who has one of these platform roles; admins pass always. For products: `has_role("operator")`."""
    wanted = frozenset(roles)
    return audit.policy(
        "+".join(("admin", *roles)),
        allowed=Phrase("admins and those with one of the roles {roles}", roles=", ".join(roles)),
        test=lambda actor: actor.is_admin or bool(actor.roles & wanted),
        fresh=fresh,
    )


#: A person, not a program: what is done for oneself.
customer = audit.policy("customer", allowed="people who signed in", test=lambda actor: actor.kind == "user")
#: The same with the row read again: money.
payer = audit.policy("payer", allowed="people who signed in", test=lambda actor: actor.kind == "user", fresh=True)
#: The same for what an admin may do for others: whose account it is, the look-up decides.
account_owner = audit.policy(
    "account_owner", allowed="people who signed in", test=lambda actor: actor.kind == "user", fresh=True
)
#: An admin, an operator, or a member of some provider; of which one, the look-up decides.
staff = audit.policy(
    "staff",
    allowed="admins, operators, members of a provider",
    test=lambda actor: actor.is_admin or "operator" in actor.roles or bool(actor.members),
    fresh=True,
)


async def check_verified(request: Request) -> None:
    """What needs proof (cash, listing) asks for a verified contact. VerifiedContactNeeded."""
    principal = getattr(request.state, "identity", None)
    if not isinstance(principal, Principal) or not principal.is_verified:
        raise VerifiedContactNeeded


def own_id(caller: Actor) -> UUID:
    """The id of a person who calls, on routes for people (`customer`)."""
    assert caller.user_id is not None
    return caller.user_id


async def _settings(request: Request) -> IdentitySettings:
    authenticate = request.app.state.authenticate
    assert isinstance(authenticate, Authenticator), "install the edge with authenticate=identity.Authenticator(...)"
    return authenticate.settings


#: The settings the application handed in with its authenticator.
Identity: TypeAlias = Annotated[IdentitySettings, Depends(_settings)]
