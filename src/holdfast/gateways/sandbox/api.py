"""The sandbox's API for shops, behind a bearer key."""

import asyncio
import hmac
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from holdfast.gateways.sandbox import captures, checkouts, faults, refunds, webhooks
from holdfast.gateways.sandbox.schemas import (
    Books,
    CheckoutBody,
    Faults,
    Operation,
    PaymentPage,
    PaymentView,
    RefundBody,
    RefundList,
    RefundView,
    SimulateBody,
    WebhookList,
    WebhookView,
)
from holdfast.gateways.sandbox.state import Here, Sandbox
from holdfast.gateways.sandbox.values import BrokenOnDemand, Payment, RefusedOnDemand, WrongKey, from_us

_PAGE_MAX = 200
_REFERENCE_CHARACTERS_MAX = 80
T = TypeVar("T")


def _authorized(request: Request, sandbox: Here) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    expected = sandbox.settings.api_key
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), expected.encode()):
        raise WrongKey


router = APIRouter(prefix="/v1", dependencies=[Depends(_authorized)])


@router.post("/checkouts", status_code=201)
async def open_checkout(body: CheckoutBody, sandbox: Here, request: Request) -> PaymentView:
    """Open a checkout; the same key again answers the same one."""

    async def work() -> PaymentView:
        payment, early = await sandbox.store.run(opened)
        if early:
            await sandbox.courier.told(payment.reference)
        return captures.view(payment, url=_checkout_url(request, sandbox, payment.reference))

    def opened(db: sqlite3.Connection) -> tuple[Payment, bool]:
        payment = checkouts.open_checkout(db, body, fee_basis_points=sandbox.settings.fee_basis_points)
        if payment.status == "open" and faults.take_early_completion(db):
            return captures.capture(db, payment), True
        return payment, False

    return await _answered(sandbox, "open", work)


@router.post("/checkouts/{reference}/end")
async def end_checkout(reference: str, sandbox: Here) -> PaymentView:
    """End a checkout; answers its true state, which may be completed."""

    async def work() -> PaymentView:
        payment = await sandbox.store.run(lambda db: checkouts.end(db, reference))
        sandbox.courier.wake()
        return captures.view(payment)

    return await _answered(sandbox, "end", work)


@router.get("/payments")
async def list_payments(
    sandbox: Here,
    key: Annotated[str | None, Query(max_length=200)] = None,
    since: AwareDatetime | None = None,
    after: Annotated[str | None, Query(max_length=_REFERENCE_CHARACTERS_MAX, pattern=r"^\d{1,18}\.\w+$")] = None,
) -> PaymentPage:
    """The payment of a key, or those that changed at or after `since`; `after` is the `next` of the last page."""

    async def of_key() -> PaymentPage:
        found = await sandbox.store.run(lambda db: checkouts.by_key(db, key or ""))
        return PaymentPage(payments=[] if found is None else [captures.view(found)], next=None)

    async def changed() -> PaymentPage:
        moment = since or from_us(0)
        last = _cursor(after)
        found = await sandbox.store.run(lambda db: checkouts.changed_since(db, moment, after=last, count=_PAGE_MAX))
        following = f"{found[-1].changed_us}.{found[-1].reference}" if len(found) == _PAGE_MAX else None
        return PaymentPage(payments=[captures.view(payment) for payment in found], next=following)

    if key is not None:
        return await _answered(sandbox, "payment", of_key)
    return await _answered(sandbox, "since", changed)


@router.post("/refunds", status_code=201)
async def issue_refund(body: RefundBody, sandbox: Here) -> RefundView:
    """Take a refund on; the same key again answers the same one, as it then stands."""

    async def work() -> RefundView:
        settle_seconds = sandbox.settings.refund_seconds
        refund = await sandbox.store.run(lambda db: refunds.issue(db, body, settle_seconds=settle_seconds))
        sandbox.courier.wake()
        return refunds.view(refund)

    return await _answered(sandbox, "refund", work)


@router.get("/refunds")
async def list_refunds(sandbox: Here, key: Annotated[str, Query(max_length=200)]) -> RefundList:
    """The refund of a key, if there is one."""

    async def work() -> RefundList:
        found = await sandbox.store.run(lambda db: refunds.by_key(db, key))
        return RefundList(refunds=[] if found is None else [refunds.view(found)])

    return await _answered(sandbox, "refund_state", work)


@router.get("/books")
async def read_books(sandbox: Here, after: Annotated[int, Query(ge=0)] = 0) -> Books:
    """The sandbox's own books; never answered wrongly on demand, for they are what others are compared with."""
    return await sandbox.store.run(lambda db: refunds.books(db, after=after))


@router.post("/simulate/{reference}")
async def simulate(reference: str, body: SimulateBody, sandbox: Here) -> PaymentView:
    """Bring about an outcome at once, as if customer and bank had."""
    payment = await sandbox.store.run(lambda db: checkouts.simulate(db, reference, body.outcome))
    sandbox.courier.wake()
    return captures.view(payment)


@router.get("/faults")
async def read_faults(sandbox: Here) -> Faults:
    """What is in force."""
    return await sandbox.store.run(faults.read)


@router.post("/faults")
async def tell_faults(body: Faults, sandbox: Here) -> Faults:
    """Put in force what is told and leave the rest; `hold` false lets the held webhooks leave."""

    def told(db: sqlite3.Connection) -> Faults:
        result = faults.change(db, body)
        if "hold" in body.model_fields_set and not body.hold:
            webhooks.release(db)
        return result

    result = await sandbox.store.run(told)
    sandbox.courier.wake()
    return result


@router.delete("/faults", status_code=204)
async def forget_faults(sandbox: Here) -> Response:
    """Behave again, with the machine's own time; held webhooks leave."""

    def forgotten(db: sqlite3.Connection) -> None:
        faults.write(db, Faults())
        webhooks.release(db)

    await sandbox.store.run(forgotten)
    sandbox.courier.wake()
    return Response(status_code=204)


@router.get("/webhooks")
async def list_webhooks(sandbox: Here, reference: str | None = None) -> WebhookList:
    """The newest webhooks, newest first, and how far they came; of one payment or refund, if asked."""
    rows = await sandbox.store.run(lambda db: webhooks.listed(db, subject=reference))
    return WebhookList(
        webhooks=[
            WebhookView(
                event_id=row["event_id"],
                type=row["type"],
                subject=row["subject"],
                state=row["state"],
                attempts=row["attempts"],
                answered=row["answered"],
                body=row["body"].decode(),
                created_at=from_us(row["created_us"]),
            )
            for row in rows
        ]
    )


@router.post("/webhooks/{event_id}/send", status_code=202)
async def send_webhook(event_id: str, sandbox: Here) -> dict[str, str]:
    """Let one webhook leave now, whatever became of it before: held, lost or delivered."""
    await sandbox.store.run(lambda db: webhooks.send_again(db, event_id))
    sandbox.courier.wake()
    return {"event_id": event_id}


async def _answered(sandbox: Sandbox, operation: Operation, work: Callable[[], Awaitable[T]]) -> T:
    fault = await sandbox.store.run(lambda db: faults.take_api_fault(db, operation))
    if fault is None:
        return await work()
    if fault.kind == "refuse":
        raise RefusedOnDemand
    if fault.kind == "silence":
        await asyncio.sleep(fault.seconds)
    if fault.kind in {"error", "silence"}:
        raise BrokenOnDemand
    result = await work()
    if fault.kind == "error_after":
        raise BrokenOnDemand
    await asyncio.sleep(fault.seconds)
    return result


def _checkout_url(request: Request, sandbox: Sandbox, reference: str) -> str:
    """The address that the customer is sent to: under the prefix, if the sandbox is mounted under one."""
    own = f"{request.url.scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"
    return f"{(sandbox.settings.public_url or own).rstrip('/')}/checkout/{reference}"


def _cursor(after: str | None) -> tuple[int, str] | None:
    if after is None:
        return None
    changed, _, reference = after.partition(".")
    return int(changed), reference
