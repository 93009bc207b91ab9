"""Remember who did what, for ever."""

from holdfast.kernel.audit.actions import RECORD, RECORD_CHANGE, RECORD_ORIGIN, change_row, record
from holdfast.kernel.audit.chain import chain, chain_breaches, waits
from holdfast.kernel.audit.checks import CHECKS
from holdfast.kernel.audit.origins import forget_origins, forget_origins_of
from holdfast.kernel.audit.policies import RoleNeeded, SignInNeeded, actor_of, admin, anyone, policy, signed_in
from holdfast.kernel.audit.queries import ORDER, LogFilter, entry, listing, of_entities, of_user
from holdfast.kernel.audit.schemas import ActivityLog, present
from holdfast.kernel.audit.values import Actor, LogEntry

__all__ = [
    "CHECKS",
    "ORDER",
    "RECORD",
    "RECORD_CHANGE",
    "RECORD_ORIGIN",
    "ActivityLog",
    "Actor",
    "LogEntry",
    "LogFilter",
    "RoleNeeded",
    "SignInNeeded",
    "actor_of",
    "admin",
    "anyone",
    "chain",
    "chain_breaches",
    "change_row",
    "entry",
    "forget_origins",
    "forget_origins_of",
    "listing",
    "of_entities",
    "of_user",
    "policy",
    "present",
    "record",
    "signed_in",
    "waits",
]
