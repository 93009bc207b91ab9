"""Sign what the QR code of a ticket says, so that a scanner can trust it without a network.

    HF1.<base32 of: key id (8) · ticket id (16) · inventory id (16) · place number (4) · nonce (12) · signature (64)>

The 120 bytes have a fixed layout and divide by five, so their base32 has neither padding nor spare bits: a token has
exactly one spelling. Base32 and the prefix stay within the QR code's alphanumeric mode (49 x 49 modules at level M).
The signature is Ed25519 over the prefix and the bytes before it.
"""

import base64
import binascii
import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from holdfast.kernel.tickets.values import TicketClaims, TicketForged, TicketKeyUnknown, TicketUnreadable
from holdfast.kit.words import Phrase, mark

PREFIX = "HF1."
NONCE_BYTES = 12
TOKEN_CHARS = len(PREFIX) + 192

_LAYOUT = struct.Struct(">8s16s16sI12s")
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class TicketKey:
    """A key pair, or the public half of one where only reading is needed (`seed` is None).

    The key id is the first 8 bytes of the SHA-256 of the public key, in hex: it cannot be given to another key.
    """

    public: bytes
    seed: bytes | None = field(default=None, repr=False)

    @classmethod
    def new(cls) -> Self:
        return cls.from_seed(os.urandom(32))

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The pair of a 32-byte secret."""
        return cls(public=Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw(), seed=seed)

    @property
    def kid(self) -> str:
        return hashlib.sha256(self.public).digest()[:8].hex()

    def public_half(self) -> Self:
        """What a door device may know."""
        return type(self)(public=self.public)


def new_nonce() -> bytes:
    """12 random bytes for a fresh ticket, or for one whose old code must no longer be good."""
    return os.urandom(NONCE_BYTES)


def sign(claims: TicketClaims, *, key: TicketKey) -> str:
    """The token of a ticket, 196 characters. The key must have its secret half; the place must fit 32 bits."""
    assert key.seed is not None
    assert len(claims.nonce) == NONCE_BYTES
    body = _LAYOUT.pack(
        bytes.fromhex(key.kid), claims.ticket_id.bytes, claims.inventory_id.bytes, claims.place, claims.nonce
    )
    signature = Ed25519PrivateKey.from_private_bytes(key.seed).sign(PREFIX.encode() + body)
    return PREFIX + base64.b32encode(body + signature).decode()


def read(token: str, *, keys: Iterable[TicketKey]) -> TicketClaims:
    """What a token states, once its signature holds under the key it names.

    Raises TicketUnreadable, TicketKeyUnknown, TicketForged. Says nothing of whether the ticket is still good.
    """
    raw = _bytes_of(token)
    body, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    kid, ticket_id, inventory_id, place, nonce = _LAYOUT.unpack(body)
    key = next((key for key in keys if key.kid == kid.hex()), None)
    if key is None:
        raise TicketKeyUnknown(kid.hex())
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, PREFIX.encode() + body)
    except InvalidSignature:
        raise TicketForged from None
    return TicketClaims(
        ticket_id=UUID(bytes=ticket_id), inventory_id=UUID(bytes=inventory_id), place=place, nonce=nonce
    )


def _bytes_of(token: str) -> bytes:
    if not token.startswith(PREFIX):
        raise TicketUnreadable(reason=Phrase("it does not begin with {prefix}", prefix=PREFIX))
    if len(token) != TOKEN_CHARS:
        form = Phrase("it has {length} characters instead of {expected}", length=len(token), expected=TOKEN_CHARS)
        raise TicketUnreadable(reason=form)
    try:
        raw = base64.b32decode(token.removeprefix(PREFIX))
    except (binascii.Error, ValueError):  # ValueError: characters beyond ASCII
        raise TicketUnreadable(reason=mark("it has characters that no ticket has")) from None
    if len(raw) != _LAYOUT.size + _SIGNATURE_BYTES:  # padding in place of the last characters
        raise TicketUnreadable(reason=mark("it is shorter than a ticket"))
    return raw
