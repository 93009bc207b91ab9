"""Let a POST be repeated safely: the same request with the same key has one effect and one answer (contract, line 9).

The route claims the key in a short transaction of its own, under a lease; the handler writes the outcome in the
transaction of the effect, and only while the lease is still its own. So of two who run for one key at most one
commits, and whoever died between claim and commit has left nothing but a lease that ends.
Neither key nor body is kept, only HMACs of them: both may hold personal data.
"""

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from holdfast.kit import keeping
from holdfast.kit.bulk import Kind, Statement, returned
from holdfast.kit.clock import moment
from holdfast.kit.db import Database, Id, Moment, Reader, Transaction, metadata
from holdfast.kit.errors import Conflict, Invalid, Unreadable
from holdfast.kit.ids import new_id
from holdfast.kit.secrets import sign
from holdfast.kit.together import TogetherIn

LEASE = timedelta(seconds=30)
KEPT = timedelta(days=7)
KEPT_ANONYMOUS = timedelta(minutes=10)
KEY_LENGTH_MAX = 255
_TRIES = 3
_KEY = re.compile(rf"[!-~]{{1,{KEY_LENGTH_MAX}}}")

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    #: HMAC of owner, route, path and key
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("route", sa.String(200), nullable=False),
    #: HMAC of query and body
    sa.Column("fingerprint", sa.String(64), nullable=False),
    #: who runs; another token means somebody took over
    sa.Column("lease", Id, nullable=False),
    sa.Column("leased_until", Moment, nullable=False),
    sa.Column("subject_id", Id),
    sa.Column("status", sa.SmallInteger),
    sa.Column("forget_at", Moment, nullable=False),
    sa.CheckConstraint("(status IS NULL) = (subject_id IS NULL)", name="outcome_whole"),
    sa.CheckConstraint("status IS NULL OR status BETWEEN 200 AND 299", name="only_success_remembered"),
    sa.Index("ix_idempotency_keys_forget_at", "forget_at"),
)


@dataclass(eq=False)
class MalformedKey(Unreadable):
    """An Idempotency-Key is 1 to {length_max} visible ASCII characters."""

    length_max: int = KEY_LENGTH_MAX


@dataclass(eq=False)
class KeyReused(Invalid):
    """This Idempotency-Key was used for another request before; take a new one."""


@dataclass(eq=False)
class RequestInFlight(Conflict):
    """The first request with this Idempotency-Key is still running; repeat in a moment."""

    retry_after: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the first run left: which row, with which status code."""

    subject: UUID
    status: int


_ROW: dict[str, Kind] = {
    "id": "text",
    "route": "text",
    "fingerprint": "text",
    "lease": "id",
    "leased_until": "moment",
    "forget_at": "moment",
}
#: Sorted, so that two processes never wait for each other in a circle.
_CLAIM = Statement(
    f"INSERT INTO idempotency_keys ({', '.join(_ROW)}) SELECT {', '.join(_ROW)} FROM {{rows}} "  # noqa: S608 - names of ours
    "WHERE true ORDER BY id ON CONFLICT (id) DO NOTHING RETURNING id, lease",
    rows=_ROW,
    returns={"id": "text", "lease": "id"},
)
_REMEMBER = Statement(
    "UPDATE idempotency_keys SET subject_id = r.subject_id, status = r.status FROM {rows} "
    "WHERE idempotency_keys.id = r.id AND idempotency_keys.lease = r.lease AND idempotency_keys.status IS NULL "
    "RETURNING idempotency_keys.id",
    rows={"id": "text", "lease": "id", "subject_id": "id", "status": "int"},
    returns={"id": "text"},
)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A key that somebody wants to run under."""

    id: str
    route: str
    fingerprint: str
    lease: UUID
    kept: timedelta

    def row(self, now: datetime) -> dict[str, Any]:
        return {
            "id": self.id,
            "route": self.route,
            "fingerprint": self.fingerprint,
            "lease": self.lease,
            "leased_until": now + LEASE,
            "subject_id": None,
            "status": None,
            "forget_at": now + self.kept,
        }


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A key that its run is done with."""

    id: str
    lease: UUID
    outcome: Outcome


async def _claim_all(database: Database, claims: Sequence[_Claim]) -> Mapping[_Claim, bool]:
    """Whose key is new, and theirs from now on."""

    async def write(db: Transaction) -> set[tuple[str, UUID]]:
        now = await moment(db)
        rows = [claim.row(now) for claim in claims]
        got = await returned(db, _CLAIM.of([tuple(row[name] for name in _ROW) for row in rows]))
        return {(row.id, row.lease) for row in got}

    mine = await database.run(write)
    return {claim: (claim.id, claim.lease) in mine for claim in claims}


async def _remember_all(database: Database, done: Sequence[_Remembered]) -> Mapping[_Remembered, bool]:
    """Whose lease was still their own."""
    rows = [(each.id, each.lease, each.outcome.subject, each.outcome.status) for each in done]
    theirs = {row.id for row in await database.run(lambda db: returned(db, _REMEMBER.of(rows)))}
    return {each: each.id in theirs for each in done}


#: What is claimed, or remembered by itself, at the same moment is written in one transaction of its database.
_claiming = TogetherIn(_claim_all)
_remembering = TogetherIn(_remember_all)


@dataclass(slots=True)
class IdempotencyKey:
    """The key of one request, or none (`id` None): then every method does nothing."""

    database: Database
    id: str | None
    route: str = ""
    fingerprint: str = ""
    kept: timedelta = KEPT
    lease: UUID | None = field(default=None, init=False)
    remembered: Outcome | None = field(default=None, init=False)
    replayed: Outcome | None = field(default=None, init=False)

    @property
    def was_sent(self) -> bool:
        return self.id is not None

    async def remember(self, db: Transaction, *, subject: UUID, status: int) -> None:
        """Write the outcome with the effect. RequestInFlight if another run took the key over: nothing may commit."""
        assert 200 <= status <= 299, "only success is remembered"  # noqa: PLR2004 - the 2xx
        self.remembered = Outcome(subject, status)
        if self.lease is None:
            return
        mine = sa.update(idempotency_keys).where(
            idempotency_keys.c.id == self.id,
            idempotency_keys.c.lease == self.lease,
            idempotency_keys.c.status.is_(None),
        )
        if await db.execute(mine.values(subject_id=subject, status=status)) != 1:
            raise RequestInFlight

    async def remember_alone(self, *, subject: UUID, status: int) -> None:
        """The same in a transaction of its own: for an effect that was committed before."""
        self.remembered = Outcome(subject, status)
        if self.lease is None:
            return
        assert self.id is not None
        if not await _remembering.find(self.database, _Remembered(self.id, self.lease, self.remembered)):
            raise RequestInFlight

    async def claim(self) -> Outcome | None:
        """Take the key for this run, or the outcome of an earlier one. KeyReused, RequestInFlight."""
        if self.id is None or not self.database.guards.stands("key"):
            return None
        lease = new_id()
        new = _Claim(self.id, self.route, self.fingerprint, lease, self.kept)
        if await _claiming.find(self.database, new):  # as nearly all are: nobody sent this key before
            self.lease = lease
            return None
        for _ in range(_TRIES):
            outcome, is_mine = await self.database.run(lambda db: self._take(db, lease))
            if outcome is not None:
                self.replayed = outcome
                return outcome
            if is_mine:
                self.lease = lease
                return None
        raise RequestInFlight

    async def release(self) -> None:
        """Nothing came of it: the key may be used again, with another body too. An outcome written stays."""
        if self.lease is None:
            return

        async def delete(db: Transaction) -> None:
            await db.execute(
                sa.delete(idempotency_keys).where(
                    idempotency_keys.c.id == self.id,
                    idempotency_keys.c.lease == self.lease,
                    idempotency_keys.c.status.is_(None),
                )
            )

        await self.database.run(delete)

    async def _take(self, db: Transaction, lease: UUID) -> tuple[Outcome | None, bool]:
        now = await moment(db)
        assert self.id is not None
        claim = _Claim(self.id, self.route, self.fingerprint, lease, self.kept).row(now)
        insert = db.insert(idempotency_keys).values(claim)
        if await db.execute(insert.on_conflict_do_nothing(index_elements=["id"])) == 1:
            return None, True
        found = await self._found(db)
        if found is None:
            return None, False  # released in between: once more
        is_over = found.forget_at <= now
        if not is_over:
            if not hmac.compare_digest(found.fingerprint, self.fingerprint):
                raise KeyReused
            if found.status is not None:
                return Outcome(found.subject_id, found.status), False
            if found.leased_until > now:
                raise RequestInFlight
        seen = idempotency_keys.c.lease == found.lease
        unfinished = sa.true() if is_over else idempotency_keys.c.status.is_(None)
        take_over = sa.update(idempotency_keys).where(idempotency_keys.c.id == self.id, seen, unfinished).values(claim)
        return None, await db.execute(take_over) == 1

    async def _found(self, db: Reader) -> sa.Row[Any] | None:
        return await db.first(sa.select(idempotency_keys).where(idempotency_keys.c.id == self.id))


def key_of(  # the parts that make two requests the same
    request: Request,
    *,
    database: Database,
    secret: str,
    owner: str | None,
    address: str | None,
    route: str,
    body: Any,  # noqa: ANN401 - any JSON, or bytes
) -> IdempotencyKey:
    """The key this request carries. MalformedKey."""
    sent = header_of(request)
    if sent is None:
        return IdempotencyKey(database, None)
    whose = ["owner", owner] if owner is not None else ["address", address]
    scope = [whose, route, sorted((str(k), str(v)) for k, v in request.path_params.items()), sent]
    content = body if isinstance(body, bytes) else _canonical(body)
    query = sorted(request.query_params.multi_items())
    return IdempotencyKey(
        database,
        sign(secret, "idempotency-key", _canonical(scope)).hex(),
        route=route[-200:],
        fingerprint=sign(secret, "idempotency-body", _canonical(query), content).hex(),
        kept=KEPT if owner is not None else KEPT_ANONYMOUS,
    )


def header_of(request: Request) -> str | None:
    """Idempotency-Key as it was sent; MalformedKey unless 1 to 255 visible ASCII characters, once."""
    values = request.headers.getlist("idempotency-key")
    if not values:
        return None
    value = values[0]
    if len(values) > 1 or not is_key(value):
        raise MalformedKey
    return value


def is_key(text: str) -> bool:
    """Whether it is 1 to 255 visible ASCII characters."""
    return _KEY.fullmatch(text) is not None


async def once(
    key: IdempotencyKey,
    work: Callable[[], Awaitable[Any]],
    replay: Callable[[UUID], Awaitable[Any]],
    *,
    is_test: bool,
) -> Any:  # noqa: ANN401 - what the handler answers
    """The answer of `work`, or, where an earlier run with this key succeeded, what `replay` says of it now."""
    outcome = await key.claim()
    if outcome is not None:
        return await replay(outcome.subject)
    try:
        answer = await work()
        if isinstance(answer, Response) and not 200 <= answer.status_code <= 299:  # noqa: PLR2004 - the 2xx
            await key.release()
            return answer
        assert key.remembered or not is_test, "a success was not remembered with its effect: await key.remember(...)"
    except Exception:
        await key.release()
        raise
    if not key.remembered:
        await key.release()
    return answer


async def forget(db: Transaction, /, before: datetime, *, limit: int = keeping.AT_ONCE) -> int:
    """Drop the keys whose time was over at `before`, at most `limit`; how many."""
    return await keeping.drop(db, idempotency_keys, idempotency_keys.c.forget_at <= before, limit=limit)


async def _key(request: Request) -> IdempotencyKey:
    key = request.state.idempotency_key
    assert isinstance(key, IdempotencyKey)
    return key


async def _header(request: Request) -> str | None:
    return header_of(request)


#: The key of an @idempotent route.
Key: TypeAlias = Annotated[IdempotencyKey, Depends(_key)]
#: The header itself, for a route that keeps its own keys (holds: one an inventory).
KeyHeader: TypeAlias = Annotated[str | None, Depends(_header)]


def _canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """Spaces and the order of fields don't make another request."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode()


__all__ = [
    "KEPT",
    "KEPT_ANONYMOUS",
    "LEASE",
    "IdempotencyKey",
    "Key",
    "KeyHeader",
    "KeyReused",
    "MalformedKey",
    "Outcome",
    "RequestInFlight",
    "forget",
    "header_of",
    "idempotency_keys",
    "key_of",
    "once",
]
