"""What payment gateways told us, what came of it, and processing one notice again."""

from typing import Annotated

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import checkout, payments
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.identity import Caller
from holdfast.kernel.payments import GatewayEvent
from holdfast.kit import clock
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.web import forms
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, Form
from holdfast.web.frame import viewer_of
from holdfast.web.pages.staff.lookups import Cashier
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()


class EventFilter(Form):
    gateway: Annotated[str, Field(max_length=20)] | None = None
    outcome: Annotated[str, Field(max_length=40)] | None = None


async def any_event(request: Request, _caller: Actor) -> GatewayEvent:
    async with request.app.state.database.reader() as db:
        return await payments.event(db, path_id(request, "event_id"))


@router.get("/staff/gateway-events")
@allow(admin)
async def gateway_events_page(request: Request, database: Db, till: Cashier, page: Paged) -> Response:
    return await _shown(request, database, till, page)


@router.get("/staff/gateway-events.csv")
@allow(admin)
async def gateway_events_csv(request: Request, database: Db) -> Response:
    only = (await forms.asked(request, EventFilter)).said or EventFilter()
    statement = payments.events(gateway=only.gateway, outcome=only.outcome)
    newest = [column.desc() for column in payments.EVENT_ORDER]
    async with database.reader() as db:
        rows = await db.all(statement.order_by(*newest).limit(ROWS_MAX))
    head = ("event", "gateway", "type", "object", "key", "reference", "received_at", "processed_at", "outcome")
    found = map(payments.event_of, rows)
    return csv_answer(
        "gateway-events",
        head,
        (
            (e.id, e.gateway, e.type, e.object, e.key, e.reference, e.received_at, e.processed_at, e.outcome)
            for e in found
        ),
    )


@router.post("/staff/gateway-events/{event_id}/process")
@allow(admin, find=any_event)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a notice only makes us ask for the state: again and again without harm")
async def process_again(
    *,
    request: Request,
    event: Annotated[GatewayEvent, Found],
    database: Db,
    till: Cashier,
    caller: Caller,
    page: Paged,
) -> Response:
    """Ask the gateway again how that stands, and apply it; what fails now is met again by the workers."""

    async def reopen(db: Transaction) -> None:
        await payments.reopen_event(db, event.id, actor=caller, now=await clock.moment(db))

    try:
        await database.run(reopen)
        await checkout.process_event(database, till, event.id)
    except Error as error:
        return await _shown(request, database, till, page, error=error)
    return RedirectResponse("/staff/gateway-events?done=processed", status_code=303)


async def _shown(
    request: Request, database: Database, till: Cashier, page: Paged, *, error: Error | None = None
) -> Response:
    filled = await forms.asked(request, EventFilter)
    only = filled.said or EventFilter()
    async with database.reader() as db:
        statement = payments.events(gateway=only.gateway, outcome=only.outcome)
        rows = await db.all(page.select(statement, *payments.EVENT_ORDER))
    listed = page.listed(rows, payments.event_of, lambda row: (row.received_at, row.id))
    return await show_staff(
        request,
        "web/staff/gateway_events.html",
        home="/staff/gateway-events",
        events=listed.items,
        next_cursor=listed.next_cursor,
        gateway_names=[(name, name) for name in sorted(till.gateways)],
        filled=filled,
        error=None if error is None else told(error, (await viewer_of(request)).locale),
        status=200 if error is None else error.status,
    )
