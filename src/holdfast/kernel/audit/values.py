"""Who acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal at work: a signed-in person, an API key, the system itself, or nobody known."""

    kind: Literal["user", "api_key", "system", "anonymous"]
    user_id: UUID | None = None
    roles: frozenset[str] = frozenset()
    #: provider id -> the role there (owner, manager, clerk, scanner, finance)
    members: Mapping[UUID, str] = field(default_factory=dict)
    address: str | None = None
    request_id: str | None = None

    @classmethod
    def system(cls) -> Self:
        return cls(kind="system")

    @classmethod
    def anonymous(cls, *, address: str | None = None, request_id: str | None = None) -> Self:
        return cls(kind="anonymous", address=address, request_id=request_id)

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles

    def is_member(self, provider_id: UUID, *roles: str) -> bool:
        """A member of that provider, in one of these roles if any are named."""
        role = self.members.get(provider_id)
        return role is not None and (not roles or role in roles)

    def is_owner(self, owner_id: UUID | None) -> bool:
        return self.kind == "user" and owner_id is not None and self.user_id == owner_id


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One row of the activity log; `address` is gone after 90 days and at erasure."""

    id: UUID
    entity_type: str
    entity_id: UUID
    actor_kind: str
    user_id: UUID | None
    provider_id: UUID | None
    action_type: str
    details: Mapping[str, Any] | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    address: str | None
    request_id: str | None
    timestamp: datetime
