"""Read accounts, logins, principals and providers."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel.identity import rules
from holdfast.kernel.identity.errors import ProviderNotFound, UserNotFound
from holdfast.kernel.identity.models import (
    api_keys,
    logins,
    provider_members,
    providers,
    totp_secrets,
    user_roles,
    users,
)
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import ApiKey, Login, Principal, Provider, User
from holdfast.kit import bulk
from holdfast.kit.bulk import Statement
from holdfast.kit.db import Reader
from holdfast.kit.secrets import fingerprint

#: Of the list of accounts, newest first, for `kit.cursors.Page.select`.
ORDER: tuple[sa.ColumnElement[Any], ...] = (users.c.created_at, users.c.id)


#: Unverified accounts may repeat an address; nobody looks through more of them.
CONTACT_ACCOUNTS_MAX = 100


@dataclass(frozen=True, slots=True)
class Account:
    """What a sign-in needs of an account, its secrets included; never leaves this feature."""

    user_id: UUID
    password_hash: str | None
    is_active: bool
    is_email_verified: bool


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """Sealed with the platform's secret; `last_step` is that of the newest code used."""

    sealed: bytes
    last_step: int
    is_confirmed: bool


async def user(db: Reader, user_id: UUID, *, settings: IdentitySettings) -> User:
    """One account. UserNotFound."""
    found = await users_by_id(db, [user_id], settings=settings)
    if not found:
        raise UserNotFound
    return found[user_id]


async def users_by_id(db: Reader, ids: Sequence[UUID], *, settings: IdentitySettings) -> dict[UUID, User]:
    """Those of them that exist; two statements, however many."""
    rows = await db.all(_users().where(users.c.id.in_(ids)))
    granted = await db.all(sa.select(user_roles.c.user_id, user_roles.c.role).where(user_roles.c.user_id.in_(ids)))
    roles: dict[UUID, set[str]] = {}
    for grant in granted:
        roles.setdefault(grant.user_id, set()).add(grant.role)
    return {row.id: _user(row, roles=roles.get(row.id, set()), settings=settings) for row in rows}


async def is_erased(db: Reader, user_id: UUID) -> bool:
    """Whether somebody had an account and was erased."""
    erased = (users.c.id == user_id, users.c.erased_at.is_not(None))
    return await db.scalar(sa.select(users.c.id).where(*erased)) is not None


def listing(*, is_active: bool | None = None, role: str | None = None) -> sa.Select[Any]:
    """The ids of accounts for an admin's list, without order and limit."""
    statement = sa.select(users.c.id, users.c.created_at)
    if is_active is not None:
        statement = statement.where(users.c.is_active.is_(is_active))
    if role is not None and role != "customer":
        holders = sa.select(user_roles.c.user_id).where(user_roles.c.role == role)
        statement = statement.where(users.c.id.in_(holders))
    return statement


async def account_of_email(db: Reader, email: str) -> Account | None:
    """The account an address signs in to: the verified one, else the newest that has it (spec, identity)."""
    verified_first = users.c.email_verified_at.is_(None)
    row = await db.first(
        _accounts()
        .where(users.c.email_key == rules.email_key(email))
        .order_by(verified_first, users.c.created_at.desc(), users.c.id.desc())
        .limit(1)
    )
    return None if row is None else _account(row)


async def ids_of_contact(db: Reader, *, email: str | None = None, phone: str | None = None) -> list[UUID]:
    """The accounts that have this address or number (as `normalized_phone` writes it), verified or not."""
    wanted = [] if email is None else [users.c.email_key == rules.email_key(email)]
    wanted += [] if phone is None else [users.c.phone_number == phone]
    if not wanted:
        return []
    rows = await db.all(sa.select(users.c.id).where(sa.or_(*wanted)).order_by(users.c.id).limit(CONTACT_ACCOUNTS_MAX))
    return [row.id for row in rows]


async def account(db: Reader, user_id: UUID) -> Account:
    """The same by id. UserNotFound."""
    row = await db.first(_accounts().where(users.c.id == user_id))
    if row is None:
        raise UserNotFound
    return _account(row)


async def is_email_verified_elsewhere(db: Reader, email: str, *, besides: UUID | None = None) -> bool:
    """An account has proved this address."""
    taken = (users.c.email_key == rules.email_key(email), users.c.email_verified_at.is_not(None))
    return await db.scalar(sa.select(users.c.id).where(*taken, users.c.id.is_distinct_from(besides))) is not None


async def is_phone_verified_elsewhere(db: Reader, phone: str, *, besides: UUID) -> bool:
    """Another account has proved this number."""
    taken = (users.c.phone_number == phone, users.c.phone_verified_at.is_not(None))
    return await db.scalar(sa.select(users.c.id).where(*taken, users.c.id != besides)) is not None


async def totp_secret(db: Reader, user_id: UUID) -> TotpSecret | None:
    row = await db.first(sa.select(totp_secrets).where(totp_secrets.c.user_id == user_id))
    return None if row is None else TotpSecret(row.sealed, row.last_step, row.confirmed_at is not None)


async def running_logins(db: Reader, user_id: UUID, *, now: datetime) -> list[Login]:
    """Where somebody is signed in, the latest used first."""
    running = (logins.c.user_id == user_id, logins.c.ended_at.is_(None), logins.c.expires_at > now)
    rows = await db.all(sa.select(logins).where(*running).order_by(logins.c.last_used_at.desc()).limit(100))
    return [Login(row.id, row.user_id, row.agent, row.created_at, row.last_used_at, row.expires_at) for row in rows]


async def stamps_of_logins(db: Reader, login_ids: Collection[UUID]) -> dict[UUID, object]:
    """For each login that there is a stamp, which is another once it ended or its account or roles changed."""
    if not login_ids:
        return {}
    rows = await db.all(
        sa.select(logins.c.id, logins.c.ended_at, users.c.version)
        .join(users, users.c.id == logins.c.user_id)
        .where(logins.c.id.in_(login_ids))
    )
    return {row.id: (row.ended_at, row.version) for row in rows}


async def principals_of_logins(
    db: Reader, login_ids: Sequence[UUID], *, now: datetime, settings: IdentitySettings
) -> dict[UUID, Principal]:
    """Whom logins stand for at this moment, in one statement; none for whose account or login ended.

    Where a second factor is required of a role and not set up, that role is withheld.
    """
    rows = await bulk.returned(db, _PRINCIPALS.of([(login_id,) for login_id in login_ids], now=now))
    rows_of: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        rows_of[row.login_id].append(row)
    return {login_id: _principal(found, settings=settings) for login_id, found in rows_of.items()}


#: A row for each role and membership; one at least.
_PRINCIPALS = Statement(
    "SELECT logins.id AS login_id, users.id AS user_id, users.email_verified_at, users.phone_verified_at, "
    "user_roles.role, provider_members.provider_id, provider_members.role AS member_role, totp_secrets.confirmed_at "
    "FROM {rows} JOIN logins ON logins.id = r.login_id AND logins.ended_at IS NULL AND logins.expires_at > {now} "
    "JOIN users ON users.id = logins.user_id AND users.is_active "
    "LEFT JOIN user_roles ON user_roles.user_id = users.id "
    "LEFT JOIN provider_members ON provider_members.user_id = users.id "
    "LEFT JOIN totp_secrets ON totp_secrets.user_id = users.id",
    rows={"login_id": "id"},
    values={"now": "moment"},
    returns={
        "login_id": "id",
        "user_id": "id",
        "email_verified_at": "moment",
        "phone_verified_at": "moment",
        "role": "text",
        "provider_id": "id",
        "member_role": "text",
        "confirmed_at": "moment",
    },
)

#: Customers who are not what they are known as here: ended, deactivated, verified since, or more than customers.
_NOT_AS_KNOWN = Statement(
    "SELECT r.login_id FROM {rows} LEFT JOIN logins ON logins.id = r.login_id AND logins.ended_at IS NULL "
    "AND logins.expires_at > {now} LEFT JOIN users ON users.id = logins.user_id AND users.is_active "
    "WHERE users.id IS NULL OR (users.email_verified_at IS NOT NULL OR users.phone_verified_at IS NOT NULL) "
    "<> r.is_verified OR EXISTS (SELECT 1 FROM user_roles WHERE user_roles.user_id = users.id) "
    "OR EXISTS (SELECT 1 FROM provider_members WHERE provider_members.user_id = users.id)",
    rows={"login_id": "id", "is_verified": "bool"},
    values={"now": "moment"},
    returns={"login_id": "id"},
)


_GIVEN_TO_ALL = rules.roles_of(())


def is_plain_customer(principal: Principal) -> bool:
    """A person without any role that somebody gave him."""
    return principal.kind == "user" and principal.roles == _GIVEN_TO_ALL and not principal.members


async def customers_changed(db: Reader, known: Mapping[UUID, Principal], *, now: datetime) -> set[UUID]:
    """The logins among these plain customers' that stand for something else by now, or for nobody."""
    rows = [(login_id, principal.is_verified) for login_id, principal in known.items()]
    return {row.login_id for row in await bulk.returned(db, _NOT_AS_KNOWN.of(rows, now=now))}


def _principal(rows: Sequence[Any], *, settings: IdentitySettings) -> Principal:
    first = rows[0]
    roles = rules.roles_of(row.role for row in rows if row.role is not None)
    members = {row.provider_id: row.member_role for row in rows if row.provider_id is not None}
    if settings.is_totp_required and first.confirmed_at is None:
        roles -= settings.totp_roles
        members = {provider: role for provider, role in members.items() if role not in settings.totp_roles}
    return Principal(
        kind="user",
        id=first.user_id,
        user_id=first.user_id,
        login_id=first.login_id,
        roles=roles,
        members=MappingProxyType(members),
        is_verified=first.email_verified_at is not None or first.phone_verified_at is not None,
    )


async def login_of_page(db: Reader, page_token: str) -> tuple[UUID, UUID, datetime] | None:
    """(login, user, last used) a page's cookie stands for, ended or not; None where there is none."""
    row = await db.first(
        sa.select(logins.c.id, logins.c.user_id, logins.c.last_used_at).where(
            logins.c.page_token_hash == fingerprint(page_token)
        )
    )
    return None if row is None else (row.id, row.user_id, row.last_used_at)


async def principal_of_key(db: Reader, api_key: str, *, now: datetime) -> tuple[Principal, datetime | None] | None:
    """Who an API key stands for and when it was last seen; None for a key unknown, revoked or run out."""
    row = await db.first(
        sa.select(api_keys)
        .join(providers, providers.c.id == api_keys.c.provider_id)
        .where(
            api_keys.c.key_hash == fingerprint(api_key),
            api_keys.c.revoked_at.is_(None),
            sa.or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now),
            providers.c.deleted_at.is_(None),
        )
    )
    if row is None:
        return None
    members = MappingProxyType({row.provider_id: row.scopes[0]})
    return Principal("api_key", row.id, None, None, frozenset(), members, is_verified=True), row.last_used_at


async def provider(db: Reader, provider_id: UUID) -> Provider:
    """One provider. ProviderNotFound."""
    row = await db.first(sa.select(providers).where(providers.c.id == provider_id, providers.c.deleted_at.is_(None)))
    if row is None:
        raise ProviderNotFound
    return as_provider(row)


async def default_provider(db: Reader) -> Provider:
    """The one to whom belongs what an admin creates. ProviderNotFound before the platform was seeded."""
    row = await db.first(sa.select(providers).where(providers.c.is_default, providers.c.deleted_at.is_(None)))
    if row is None:
        raise ProviderNotFound
    return as_provider(row)


async def all_providers(db: Reader) -> list[Provider]:
    """Every provider there is, by name."""
    rows = await db.all(sa.select(providers).where(providers.c.deleted_at.is_(None)).order_by(providers.c.name_key))
    return [as_provider(row) for row in rows]


async def keys_of(db: Reader, provider_id: UUID) -> list[ApiKey]:
    """A provider's API keys, the newest first, revoked ones included."""
    rows = await db.all(
        sa.select(api_keys).where(api_keys.c.provider_id == provider_id).order_by(api_keys.c.created_at.desc())
    )
    return [as_key(row) for row in rows]


async def memberships(db: Reader, user_id: UUID) -> dict[UUID, str]:
    """Provider id -> the role somebody has there."""
    rows = await db.all(sa.select(provider_members).where(provider_members.c.user_id == user_id))
    return {row.provider_id: row.role for row in rows}


def as_provider(row: sa.Row[Any]) -> Provider:
    return Provider(
        id=row.id,
        name=row.name,
        currency=row.currency,
        zone=row.zone,
        is_default=row.is_default,
        platform_fee_bps=row.platform_fee_bps,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def as_key(row: sa.Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        provider_id=row.provider_id,
        name=row.name,
        hint=row.hint,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _users() -> sa.Select[Any]:
    confirmed = totp_secrets.c.confirmed_at.is_not(None).label("has_totp")
    return sa.select(users, confirmed).outerjoin(totp_secrets, totp_secrets.c.user_id == users.c.id)


def _accounts() -> sa.Select[Any]:
    return sa.select(users.c.id, users.c.password_hash, users.c.is_active, users.c.email_verified_at)


def _account(row: sa.Row[Any]) -> Account:
    return Account(row.id, row.password_hash, row.is_active, row.email_verified_at is not None)


def _user(row: sa.Row[Any], *, roles: set[str], settings: IdentitySettings) -> User:
    all_roles = rules.roles_of(roles)
    return User(
        id=row.id,
        email=row.email,
        email_verified_at=row.email_verified_at,
        phone_number=row.phone_number,
        phone_verified_at=row.phone_verified_at,
        first_name=row.first_name,
        last_name=row.last_name,
        role=rules.highest(all_roles, ranking=settings.roles),
        roles=all_roles,
        locale=row.locale,
        zone=row.zone,
        is_active=row.is_active,
        has_totp=bool(row.has_totp),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        erased_at=row.erased_at,
    )
