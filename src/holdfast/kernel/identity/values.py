"""Who there is: accounts, their logins, keys, providers and their members."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from holdfast.kit.outbox import Fact

MEMBER_ROLES = ("owner", "manager", "clerk", "scanner", "finance")
KEY_SCOPES = ("manager", "clerk", "scanner", "finance")

MemberRole = Literal["owner", "manager", "clerk", "scanner", "finance"]
Ending = Literal["logout", "ended_by_user", "password", "contact", "reuse", "deactivated"]
Purpose = Literal["verify_email", "reset_password", "verify_phone"]


@dataclass(frozen=True, slots=True)
class User:
    """An account without its secrets. `roles` hold customer for everyone; `role` is the highest of them."""

    id: UUID
    email: str | None
    email_verified_at: datetime | None
    phone_number: str | None
    phone_verified_at: datetime | None
    first_name: str
    last_name: str
    role: str
    roles: frozenset[str]
    locale: str
    zone: str
    is_active: bool
    has_totp: bool
    version: int
    created_at: datetime
    updated_at: datetime
    erased_at: datetime | None

    @property
    def is_verified(self) -> bool:
        """A contact of theirs is proved: what needs proof (cash, listing a home) asks for this."""
        return self.email_verified_at is not None or self.phone_verified_at is not None


@dataclass(frozen=True, slots=True)
class Login:
    """One sign-in and all the tokens that came of it (a family)."""

    id: UUID
    user_id: UUID
    agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds after a sign-in. The refresh token stands nowhere else in plain."""

    access_token: str
    access_seconds: int
    refresh_token: str
    refresh_expires_at: datetime
    #: for the cookie of pages, where one was asked for, good until the login ends
    page_token: str | None = None
    login_expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """`lacks_totp`: a second factor is required of their roles, which are withheld until it is set up."""

    user: User
    tokens: Tokens
    lacks_totp: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """A contact was proved.

    Where it was not shown that the password is the prover's own, it is unset and `reset_token` lets them choose one.
    """

    user: User
    is_password_kept: bool
    reset_token: str | None = None


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """Shown once, until it is confirmed by a first code."""

    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A code or link on its way. It is derived from its id and the platform's secret, so nothing of it is stored."""

    id: UUID
    user_id: UUID
    purpose: Purpose
    contact_hash: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a credential stands for, read from the rows at `read_at` (seconds of the process's monotonic clock)."""

    kind: Literal["user", "api_key"]
    id: UUID
    user_id: UUID | None
    login_id: UUID | None
    roles: frozenset[str]
    members: Mapping[UUID, str]
    is_verified: bool


@dataclass(frozen=True, slots=True)
class Provider:
    """Who supplies what is sold and is paid out; the tenant. `platform_fee_bps`: hundredths of a percent."""

    id: UUID
    name: str
    currency: str
    zone: str
    is_default: bool
    platform_fee_bps: int
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`hint`: its first characters, to tell keys apart; the key itself is shown once."""

    id: UUID
    provider_id: UUID
    name: str
    hint: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What of an account is to become what; None leaves it as it is."""

    first_name: str | None = None
    last_name: str | None = None
    locale: str | None = None
    zone: str | None = None
    is_active: bool | None = None

    def values(self) -> dict[str, Any]:
        pairs = {name: getattr(self, name) for name in ("first_name", "last_name", "locale", "zone", "is_active")}
        return {name: value for name, value in pairs.items() if value is not None}


@dataclass(frozen=True, slots=True)
class UserRegistered(Fact):
    """An account was opened; `is_verified`: by a seed or the command line, which vouch for its contacts."""

    user_id: UUID
    is_verified: bool
