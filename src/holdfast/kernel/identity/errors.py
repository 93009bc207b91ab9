"""What can go wrong with accounts, by name."""

from dataclasses import dataclass

from holdfast.kit.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated, Unreadable


@dataclass(eq=False)
class EmailTaken(Conflict):
    """An account with this e-mail address exists already."""


@dataclass(eq=False)
class PhoneTaken(Conflict):
    """An account with this phone number exists already."""


@dataclass(eq=False)
class WeakPassword(Invalid):
    """A password has 8 characters to 72 bytes, upper-case and lower-case letters and a digit; missing: {missing}."""

    missing: list[str]


@dataclass(eq=False)
class InvalidEmail(Invalid):
    """This is not an e-mail address."""


@dataclass(eq=False)
class InvalidPhone(Invalid):
    """This is not a phone number of 10 to 15 digits."""


@dataclass(eq=False)
class WrongCredentials(Unauthenticated):
    """E-mail address and password don't belong together."""


@dataclass(eq=False)
class WrongPassword(Forbidden):
    """This is not the account's password."""


@dataclass(eq=False)
class TotpNeeded(Unauthenticated):
    """This account asks for a code of its authenticator app: send it as totp_code."""


@dataclass(eq=False)
class WrongTotp(Unauthenticated):
    """This is not the present code of the authenticator app, or it was used already."""


@dataclass(eq=False)
class TotpExists(Conflict):
    """An authenticator app is set up already."""


@dataclass(eq=False)
class TotpMissing(Conflict):
    """No authenticator app is being set up."""


@dataclass(eq=False)
class AccountDeactivated(Forbidden):
    """This account is deactivated."""


@dataclass(eq=False)
class InvalidToken(Unauthenticated):
    """The token is not valid, or no longer."""


@dataclass(eq=False)
class RefreshTokenReused(Unauthenticated):
    """This refresh token was used before; every token of this sign-in is void now. Sign in again."""


@dataclass(eq=False)
class InvalidCode(Unreadable):
    """The code or link is wrong, used, or too old."""


@dataclass(eq=False)
class UserNotFound(NotFound):
    """There is no such user."""


@dataclass(eq=False)
class LoginNotFound(NotFound):
    """There is no such login."""


@dataclass(eq=False)
class ProviderNotFound(NotFound):
    """There is no such provider."""


@dataclass(eq=False)
class ProviderExists(Conflict):
    """A provider of this name exists already, or there is a default provider already."""


@dataclass(eq=False)
class ApiKeyNotFound(NotFound):
    """There is no such API key."""


@dataclass(eq=False)
class UnknownRole(Invalid):
    """{role!r} is not a role here. The roles are: {roles}."""

    role: str
    roles: list[str]


@dataclass(eq=False)
class NotToOneself(Forbidden):
    """Nobody grants a role to themselves, takes one from themselves or deactivates themselves by this route."""


@dataclass(eq=False)
class AdminOnly(Forbidden):
    """Only an admin changes {field}."""

    field: str


@dataclass(eq=False)
class Unfinished(Conflict):
    """The account cannot be erased while something of it is running: {reasons}."""

    reasons: list[str]


@dataclass(eq=False)
class ProofNeeded(Unauthenticated):
    """Sign in to the account whose address this changes, or send its password."""
