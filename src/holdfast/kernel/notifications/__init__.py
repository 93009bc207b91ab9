"""Tell people what happened to what is theirs: by letter, once a fact, and in a list of their own."""

from holdfast.kernel.notifications.actions import forget, forget_all_of
from holdfast.kernel.notifications.calendars import file_of as calendar_file
from holdfast.kernel.notifications.checks import CHECKS
from holdfast.kernel.notifications.queries import all_of
from holdfast.kernel.notifications.rules import FACTS
from holdfast.kernel.notifications.values import (
    HEAR,
    SEND,
    TEMPLATES,
    Notification,
    NotificationNotFound,
    Template,
)

__all__ = [
    "CHECKS",
    "FACTS",
    "HEAR",
    "SEND",
    "TEMPLATES",
    "Notification",
    "NotificationNotFound",
    "Template",
    "all_of",
    "calendar_file",
    "forget",
    "forget_all_of",
]
