"""Notifications in JSON."""

from datetime import datetime
from uuid import UUID

from holdfast.kernel.notifications.values import Notification, Said, Template
from holdfast.kit.cursors import Listed
from holdfast.kit.fields import Answer


class NotificationView(Answer):
    """One notification in the caller's language, as things are now."""

    id: UUID
    template: Template
    title: str
    text: str
    booking_id: UUID | None
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, told: Notification, said: Said) -> "NotificationView":
        return cls(
            id=told.id,
            template=told.template,
            title=said.title,
            text=said.text,
            booking_id=told.booking_id,
            created_at=told.created_at,
            read_at=told.read_at,
        )


class NotificationList(Listed[NotificationView]):
    """A page of one's own, the newest first; `unread` counts all of them that were not read yet."""

    unread: int
