"""Say what went wrong: an error is a fact with a name, and its kind decides what every edge answers.

The docstring of an error is its message, formatted with its fields; the fields travel with the problem.
`code` is the name of the class in snake_case and is stable: callers may match on it.
"""

import inspect
import re
from dataclasses import dataclass
from typing import Any, ClassVar


class Error(Exception):
    """Something a caller may have to deal with; bugs are assertions instead."""

    status: ClassVar[int]
    title: ClassVar[str]

    @property
    def code(self) -> str:
        return code_of(type(self))

    @property
    def fields(self) -> dict[str, Any]:
        """The data of the fact, by name."""
        declared = getattr(type(self), "__dataclass_fields__", {})
        return {name: getattr(self, name) for name in declared}

    @property
    def detail(self) -> str:
        return message_of(type(self)).format(**self.fields)

    def __str__(self) -> str:
        return self.detail


#: An error's code and message, made when it is first told.
_told: dict[type[Error], tuple[str, str]] = {}


def code_of(error: type[Error]) -> str:
    """SlotsTaken -> slots_taken."""
    return (_told.get(error) or _tell(error))[0]


def message_of(error: type[Error]) -> str:
    """The message with its placeholders, on one line."""
    return (_told.get(error) or _tell(error))[1]


def _tell(error: type[Error]) -> tuple[str, str]:
    code = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", error.__name__).lower()
    _told[error] = code, " ".join(inspect.cleandoc(error.__doc__ or "").split())
    return _told[error]


class Unreadable(Error):
    """The request could not be read."""

    status, title = 400, "Bad Request"


class Unauthenticated(Error):
    """Who is asking could not be established."""

    status, title = 401, "Unauthorized"


class Forbidden(Error):
    """The caller may not do this, though they may know of it."""

    status, title = 403, "Forbidden"


class NotFound(Error):
    """There is no such thing, or none that the caller may know of."""

    status, title = 404, "Not Found"


class Conflict(Error):
    """Not now: the state of things does not allow it."""

    status, title = 409, "Conflict"


class PreconditionFailed(Error):
    """It was changed by somebody else since it was read."""

    status, title = 412, "Precondition Failed"


class TooLarge(Error):
    """The request is larger than what is accepted."""

    status, title = 413, "Content Too Large"


class UnsupportedMedia(Error):
    """The request is of a media type that is not accepted here."""

    status, title = 415, "Unsupported Media Type"


class Invalid(Error):
    """This can never succeed as it was asked."""

    status, title = 422, "Unprocessable Content"


class PreconditionRequired(Error):
    """Say which version you read."""

    status, title = 428, "Precondition Required"


class TooMany(Error):
    """Too many requests."""

    status, title = 429, "Too Many Requests"


class Unavailable(Error):
    """Not possible at the moment; nothing was changed."""

    status, title = 503, "Service Unavailable"


@dataclass(eq=False)
class Contended(Conflict):
    """Others changed the same thing at the same moment, again and again; repeat the request."""

    retry_after: int = 1


@dataclass(eq=False)
class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or does not take writes; nothing was changed."""

    retry_after: int = 2


@dataclass(eq=False)
class Overloaded(Unavailable):
    """More is asked at this moment than can be done; nothing was changed."""

    retry_after: int = 1


@dataclass(eq=False)
class StorageFull(Unavailable):
    """The storage is full; nothing was changed."""

    retry_after: int = 30
