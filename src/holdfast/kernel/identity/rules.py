"""What is decided about accounts: pure, given values and the moment."""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from holdfast.kernel.identity.errors import (
    InvalidCode,
    InvalidEmail,
    InvalidPhone,
    NotToOneself,
    UnknownRole,
    WeakPassword,
)
from holdfast.kernel.identity.settings import CUSTOMER
from holdfast.kit import secrets
from holdfast.kit.words import mark

PASSWORD_CHARACTERS_MIN = 8
PASSWORD_BYTES_MAX = 72  # bcrypt reads no further
PHONE_DIGITS = range(10, 16)
TOTP_STEP_SECONDS = 30
_LINK_BYTES = 20  # 160 bits; a link must have 128 at least
_CODE_DIGITS = 6
_ID_BYTES = 16


def normalized_email(text: str) -> str:
    """The address as it is written to. InvalidEmail."""
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 - slow to import, rarely needed

    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise InvalidEmail from None


def lenient_email(email: str) -> str:
    """The address as it is written to; what is none comes back as typed: it belongs to no account, which is enough."""
    try:
        return normalized_email(email)
    except InvalidEmail:
        return email


def email_key(email: str) -> str:
    """As addresses are compared: no provider in use tells mailboxes apart by case."""
    return email.casefold()


def normalized_phone(text: str, *, region: str) -> str:
    """E.164, a national number read as one of `region`. InvalidPhone unless 10 to 15 digits (seed 004, section 12)."""
    import phonenumbers  # noqa: PLC0415 - its tables take long to import

    if any(map(str.isalpha, text)):
        raise InvalidPhone  # its parser dials letters: whoever types a word would be given somebody's number
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise InvalidPhone from None
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if len(written) - 1 not in PHONE_DIGITS or not phonenumbers.is_possible_number(number) or number.extension:
        raise InvalidPhone
    return written


def check_password(password: str) -> None:
    """WeakPassword names every rule that is missed, never the password."""
    rules = {
        mark("8 characters"): len(password) >= PASSWORD_CHARACTERS_MIN,
        mark("an upper-case letter"): any(letter.isupper() for letter in password),
        mark("a lower-case letter"): any(letter.islower() for letter in password),
        mark("a digit"): any(letter.isdigit() for letter in password),
        mark("at most 72 bytes"): len(password.encode()) <= PASSWORD_BYTES_MAX,
    }
    missing = [rule for rule, is_kept in rules.items() if not is_kept]
    if missing:
        raise WeakPassword(missing)


def roles_of(granted: Iterable[str]) -> frozenset[str]:
    """Everyone who signs in is a customer."""
    return frozenset(granted) | {CUSTOMER}


def highest(roles: Iterable[str], *, ranking: Sequence[str]) -> str:
    """The role shown as `role`; a granted word that is no longer registered ranks below all."""
    return max(roles, key=lambda role: (ranking.index(role) if role in ranking else -1, role))


def check_grant(role: str, *, to: UUID, by: UUID | None, ranking: Sequence[str]) -> None:
    """UnknownRole; NotToOneself (spec, identity: second persons). Customer is nobody's to give or take."""
    grantable = [known for known in ranking if known != CUSTOMER]
    if role not in grantable:
        raise UnknownRole(role[:30], grantable)
    if by == to:
        raise NotToOneself


Refreshed = Literal["rotate", "same_child", "reuse"]


def on_refresh(used_at: datetime | None, *, now: datetime, grace_seconds: int) -> Refreshed:
    """What a refresh token gets: its child, the same child again within the grace (two tabs), or an alarm."""
    if used_at is None:
        return "rotate"
    return "same_child" if now <= used_at + timedelta(seconds=grace_seconds) else "reuse"


def contact_hash(secret: str, contact: str) -> str:
    """What a verification is bound to: it is void once another contact took the place of this one."""
    return secrets.sign(secret, "contact", contact.encode()).hex()


def link_token(secret: str, *, verification_id: UUID, purpose: str) -> str:
    """The secret part of a link: the verification's id and 160 bits that only the platform can make."""
    mac = secrets.sign(secret, "link", purpose.encode(), verification_id.bytes)[:_LINK_BYTES]
    return base64.urlsafe_b64encode(verification_id.bytes + mac).decode()


def read_link_token(token: str, *, purpose: str, all_secrets: Sequence[str]) -> UUID:
    """The verification a link belongs to, if we made it. InvalidCode."""
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except ValueError:
        raise InvalidCode from None
    if len(raw) != _ID_BYTES + _LINK_BYTES:
        raise InvalidCode
    verification_id = UUID(bytes=raw[:_ID_BYTES])
    expected = [link_token(secret, verification_id=verification_id, purpose=purpose) for secret in all_secrets]
    if not any(secrets.is_same(token, one) for one in expected):
        raise InvalidCode
    return verification_id


def digits_code(secret: str, *, verification_id: UUID, purpose: str) -> str:
    """Six digits to type; worthless without the id they belong to and dead after a few tries."""
    mac = secrets.sign(secret, "digits", purpose.encode(), verification_id.bytes)
    return str(int.from_bytes(mac[:8], "big") % 10**_CODE_DIGITS).zfill(_CODE_DIGITS)


def is_code(code: str, *, verification_id: UUID, purpose: str, all_secrets: Sequence[str]) -> bool:
    """Whether these are the digits, in constant time."""
    expected = [digits_code(secret, verification_id=verification_id, purpose=purpose) for secret in all_secrets]
    return any(secrets.is_same(code, one) for one in expected)


def totp_step(secret: str, code: str, *, now: datetime, last_step: int) -> int | None:
    """The time step (RFC 6238, 30 s, one to either side) whose code this is; None if none, or not after `last_step`."""
    import pyotp  # noqa: PLC0415 - only privileged accounts have one

    present = int(now.timestamp()) // TOTP_STEP_SECONDS
    one_time = pyotp.TOTP(secret, digits=_CODE_DIGITS, interval=TOTP_STEP_SECONDS, digest=hashlib.sha1)
    matching = [
        step
        for step in (present - 1, present, present + 1)
        if secrets.is_same(code, one_time.at(step * TOTP_STEP_SECONDS))
    ]
    fresh = [step for step in matching if step > last_step]
    return max(fresh, default=None)
