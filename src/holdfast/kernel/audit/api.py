"""The activity log over HTTP: admins read it, filtered, page by page; nobody writes it here."""

from typing import Annotated

from fastapi import Query

from holdfast.kernel.audit import policies, queries
from holdfast.kernel.audit.schemas import ActivityLog, present
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.fields import IdField, MomentField
from holdfast.kit.http import Db, Router, allow

router = Router(tags=["Activity log"])

_Word = Annotated[str | None, Query(min_length=1, max_length=60)]


@router.get("/activity-logs", operation_id="list_activity_logs")
@router.get("/audit/logs", operation_id="list_audit_logs", include_in_schema=False)
@allow(policies.admin)
async def list_activity_logs(
    *,
    database: Db,
    page: Paged,
    entity_type: _Word = None,
    entity_id: Annotated[IdField | None, Query()] = None,
    user_id: Annotated[IdField | None, Query()] = None,
    action_type: _Word = None,
    since: Annotated[MomentField | None, Query(alias="from")] = None,
    until: Annotated[MomentField | None, Query(alias="to")] = None,
) -> Listed[ActivityLog]:
    """Newest first. `from` is included, `to` is not."""
    only = queries.LogFilter(entity_type, entity_id, user_id, action_type, since, until)
    async with database.reader() as db:
        rows = await db.all(page.select(queries.listing(only), *queries.ORDER))
    return page.listed(rows, lambda row: present(queries.entry(row)), lambda row: (row.timestamp, row.id))
