"""Make and read what proves who calls: access tokens (JWT), refresh tokens and API keys."""

import base64
import hashlib
import secrets as random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.kernel.identity.errors import InvalidToken
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kit import secrets

ALGORITHM = "EdDSA"
TYPE = "at+jwt"  # RFC 9068: an access token, so that no other JWT of ours can stand in for one
TOKEN_CHARACTERS_MAX = 4096
API_KEY_PREFIX = "hf_"
REFRESH_PREFIX = "hfr_"
PAGE_PREFIX = "hfp_"
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. Its roles are what they were when it was made; rows decide what they are."""

    user_id: UUID
    login_id: UUID
    roles: frozenset[str]
    expires_at: datetime


def access_token(
    settings: IdentitySettings, *, user_id: UUID, login_id: UUID, roles: Iterable[str], role: str, now: datetime
) -> str:
    """Signed by the key that the present secret makes."""
    key = _keys(settings.secrets)[0]
    claims = {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": str(user_id),
        "sid": str(login_id),
        "roles": sorted(roles),
        "role": role,
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(minutes=settings.access_token_minutes)).timestamp()),
    }
    return jwt.encode(claims, key.private, ALGORITHM, headers={"kid": key.kid, "typ": TYPE})


def read_access_token(settings: IdentitySettings, token: str, *, now: datetime | None) -> Claims:
    """InvalidToken unless it is one of ours: algorithm, type, key, issuer, audience, time and form are all checked.

    `now` None: the caller looks at `expires_at`.
    """
    if len(token) > TOKEN_CHARACTERS_MAX:
        raise InvalidToken
    try:
        header = jwt.get_unverified_header(token)
        key = next((key for key in _keys(settings.secrets) if key.kid == header.get("kid")), None)
        if key is None or header.get("typ") != TYPE or header.get("alg") != ALGORITHM:
            raise InvalidToken
        claims = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=[ALGORITHM],
            issuer=settings.issuer,
            audience=settings.audience,
            # The times are checked below against the moment handed in.
            options={"require": ["iss", "aud", "sub", "sid", "iat", "exp"], "verify_exp": False, "verify_iat": False},
        )
        read = Claims(
            user_id=UUID(claims["sub"]),
            login_id=UUID(claims["sid"]),
            roles=frozenset(map(str, claims.get("roles", ()))),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError):
        raise InvalidToken from None
    if now is not None and now >= read.expires_at:
        raise InvalidToken
    return read


def public_keys(settings: IdentitySettings) -> Mapping[str, Any]:
    """The JWK set (RFC 7517) by which others check our access tokens."""
    return {
        "keys": [
            {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": ALGORITHM, "kid": key.kid, "x": key.x}
            for key in _keys(settings.secrets)
        ]
    }


def new_refresh_token() -> str:
    """The first of a login: 256 random bits."""
    return REFRESH_PREFIX + random.token_urlsafe(_RANDOM_BYTES)


def child_of(settings: IdentitySettings, refresh_token: str) -> str:
    """The next one: made of its parent and the secret, so that two tabs get the same and none is stored in plain."""
    mac = secrets.sign(settings.secret, "refresh token", refresh_token.encode())
    return REFRESH_PREFIX + base64.urlsafe_b64encode(mac).decode().rstrip("=")


def new_page_token() -> str:
    """What the cookie of a page holds: opaque, as random as a refresh token, void with its login."""
    return PAGE_PREFIX + random.token_urlsafe(_RANDOM_BYTES)


def new_api_key() -> str:
    return API_KEY_PREFIX + random.token_urlsafe(_RANDOM_BYTES)


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    x: str
    private: Ed25519PrivateKey


@lru_cache(maxsize=8)
def _keys(platform_secrets: tuple[str, ...]) -> tuple[_Key, ...]:
    """The allow-list: one key a secret, the present one first."""
    return tuple(map(_key, platform_secrets))


def _key(secret: str) -> _Key:
    private = Ed25519PrivateKey.from_private_bytes(secrets.derive(secret, "access token"))
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return _Key(kid=hashlib.sha256(public).hexdigest()[:16], x=x, private=private)
