"""Make every key out of one platform secret, and seal what must be read again.

Each purpose has a key of its own (HKDF), so that what is signed for one can never be shown for another. A former
secret still verifies and opens while it is listed, so that the secret can be changed without a cut.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


def derive(secret: str, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose."""
    return _derived(secret, purpose)


def sign(secret: str, purpose: str, *parts: bytes) -> bytes:
    """HMAC-SHA256 over the parts; their lengths are part of it, so that moving a border changes it."""
    mac = hmac.new(_derived(secret, purpose), digestmod=hashlib.sha256)
    for part in parts:
        mac.update(len(part).to_bytes(4, "big"))
        mac.update(part)
    return mac.digest()


def seal(secret: str, purpose: str, plain: bytes, *, about: bytes) -> bytes:
    """Encrypt and authenticate (AES-256-GCM); `about` names what it belongs to, so it can't be moved elsewhere."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(_derived(secret, purpose)).encrypt(nonce, plain, about)


def unseal(secrets: Sequence[str], purpose: str, sealed: bytes, *, about: bytes) -> bytes | None:
    """What was sealed under one of these secrets; None where it was sealed under none of them, or changed since."""
    for secret in secrets:
        try:
            return AESGCM(_derived(secret, purpose)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
        except InvalidTag:
            continue
    return None


def fingerprint(token: str) -> str:
    """What is stored of a token of 128 random bits or more: its SHA-256, which needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_same(one: str, other: str) -> bool:
    """Compared in constant time, whatever characters there are."""
    return hmac.compare_digest(one.encode(), other.encode())


@lru_cache(maxsize=64)
def _derived(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"holdfast", info=purpose.encode()).derive(secret.encode())
