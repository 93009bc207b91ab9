"""Refunds by how they stand, and sending one that failed once more."""

from typing import Annotated, Literal

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import refunds
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.identity import Caller
from holdfast.kernel.inventory import turn
from holdfast.kernel.refunds import Refund
from holdfast.kit.cursors import Paged
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, Found, allow, path_id, raw, unkeyed
from holdfast.kit.money import Money
from holdfast.web import forms, words
from holdfast.web.failures import told
from holdfast.web.forms import FORM_BYTES_MAX, Form
from holdfast.web.frame import viewer_of
from holdfast.web.routing import Pages
from holdfast.web.staff import ROWS_MAX, csv_answer, show_staff

router = Pages()


class RefundFilter(Form):
    status: Literal["pending", "processed", "failed"] = "failed"


async def any_refund(request: Request, _caller: Actor) -> Refund:
    async with request.app.state.database.reader() as db:
        return await refunds.find(db, path_id(request, "refund_id"))


@router.get("/staff/refunds")
@allow(admin)
async def refunds_page(request: Request, database: Db, page: Paged) -> Response:
    return await _shown(request, database, page)


@router.get("/staff/refunds.csv")
@allow(admin)
async def refunds_csv(request: Request, database: Db) -> Response:
    only = (await forms.asked(request, RefundFilter)).said or RefundFilter()
    async with database.reader() as db:
        found = await refunds.with_status(db, only.status, limit=ROWS_MAX)
    head = (
        "refund",
        "booking",
        "payment",
        "why",
        "amount",
        "currency",
        "status",
        "gateway",
        "gateway_reference",
        "last_error",
        "created_at",
        "processed_at",
    )
    return csv_answer(
        f"refunds-{only.status}",
        head,
        (
            (
                each.id,
                each.booking_id,
                each.payment_id,
                each.why,
                Money(each.amount, each.currency).amount,
                each.currency,
                each.status,
                each.gateway,
                each.gateway_reference,
                each.last_error,
                each.created_at,
                each.processed_at,
            )
            for each in found
        ),
    )


@router.post("/staff/refunds/{refund_id}/retry")
@allow(admin, find=any_refund)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("only a refund that failed is tried again")
async def retry(
    request: Request, refund: Annotated[Refund, Found], database: Db, caller: Caller, page: Paged
) -> Response:
    """Send it as a new try; its job calls the gateway."""

    async def again(db: Transaction) -> None:
        async with turn(db, refund.inventory_id) as taken:
            await refunds.try_again(taken, refund.id, actor=caller)

    try:
        await database.run(again)
    except Error as error:
        return await _shown(request, database, page, error=error)
    return RedirectResponse("/staff/refunds?status=pending&done=retried", status_code=303)


async def _shown(request: Request, database: Database, page: Paged, *, error: Error | None = None) -> Response:
    filled = await forms.asked(request, RefundFilter)
    status = (filled.said or RefundFilter()).status
    async with database.reader() as db:
        after = page.after[0] if page.after else None
        found = await refunds.with_status(db, status, limit=page.limit + 1, after=after)  # type: ignore[arg-type]
        counts = await refunds.count_by_status(db)
    shown = found[: page.limit]
    return await show_staff(
        request,
        "web/staff/refunds.html",
        home="/staff/refunds",
        refunds=shown,
        counts=counts,
        chosen=status,
        states=words.REFUND_STATES,
        next_cursor=page.cursor((shown[-1].id,)) if len(found) > page.limit else None,
        error=None if error is None else told(error, (await viewer_of(request)).locale),
        status=200 if error is None else error.status,
    )
