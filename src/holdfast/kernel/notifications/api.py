"""Notifications over HTTP: one's own, in one's own language."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Query, Request

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller, Identity, IdentitySettings, customer, own_id
from holdfast.kernel.notifications import actions, queries, stories, writing
from holdfast.kernel.notifications.schemas import NotificationList, NotificationView
from holdfast.kernel.notifications.values import Notification, NotificationNotFound
from holdfast.kit import clock, words
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.http import Db, Found, Router, allow, path_id, unkeyed

router = Router(tags=["Notifications"])


async def _own(request: Request, caller: Actor) -> Notification:
    """One's own; all others are as absent, to admins too."""
    notification_id = path_id(request, "notification_id")
    async with request.app.state.database.reader() as db:
        found = await queries.find(db, notification_id)
    if found is None or not caller.is_owner(found.user_id):
        raise NotificationNotFound
    return found


Own: TypeAlias = Annotated[Notification, Found]


@router.get("/notifications")
@allow(customer)
async def list_notifications(
    *,
    request: Request,
    caller: Caller,
    database: Db,
    settings: Identity,
    page: Paged,
    unread: Annotated[bool | None, Query()] = None,
) -> NotificationList:
    """One's own, the newest first; with `unread` only those that were not read yet (or were)."""
    user_id = own_id(caller)
    async with database.reader() as db:
        rows = await db.all(page.select(queries.listing(user_id, unread=unread), *queries.ORDER))
        told = [queries.notification_of(row) for row in rows]
        count = await queries.count_unread(db, user_id)
        locale = await _locale(db, request, user_id, settings)
        shown = {story.told.id: story for story in await stories.of(db, told[: page.limit], settings=settings)}
    listed = page.listed(
        told,
        lambda each: NotificationView.of(each, writing.said(shown[each.id], locale=locale)),
        lambda each: (each.fact_id, each.id),
    )
    return NotificationList(items=listed.items, next_cursor=listed.next_cursor, unread=count)


@router.post("/notifications/{notification_id}/read")
@unkeyed("read once is read: a repeat changes nothing and gives the same answer")
@allow(customer, find=_own)
async def read_notification(
    *, request: Request, found: Own, caller: Caller, database: Db, settings: Identity
) -> NotificationView:
    """It was read; again, the moment of the first time stays."""

    async def read(db: Transaction) -> None:
        await actions.read(db, found, actor=caller, now=await clock.moment(db))

    if found.read_at is None:
        await database.run(read)
    async with database.reader() as db:
        now_read = await queries.find(db, found.id)
        assert now_read is not None
        [story] = await stories.of(db, [now_read], settings=settings)
        locale = await _locale(db, request, own_id(caller), settings)
    return NotificationView.of(now_read, writing.said(story, locale=locale))


async def _locale(db: Reader, request: Request, user_id: UUID, settings: IdentitySettings) -> str:
    """What the request asks for, else what the account says."""
    user = await identity.user(db, user_id, settings=settings)
    return words.accepted(request.headers.get("accept-language"), default=user.locale)
