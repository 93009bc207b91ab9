"""What staff watch and set right: live holds, their release, refunds that failed, the figures of the day."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Request

from holdfast.kernel import bookings, holds, identity, payments, refunds
from holdfast.kernel.audit import Actor, admin
from holdfast.kernel.checkout import actions, metrics, schemas
from holdfast.kernel.checkout.api.lookups import Cashier, Sold, database_of
from holdfast.kernel.holds import Hold
from holdfast.kernel.identity import Caller, Identity
from holdfast.kernel.inventory import Clocks, turn
from holdfast.kernel.product import Products
from holdfast.kernel.refunds import Refund
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.fields import Answer
from holdfast.kit.http import Db, Found, Key, Router, allow, idempotent, path_id

STUCK_MAX = 200

router = Router(tags=["admin"])


class Released(Answer):
    reservation_id: UUID
    status: Literal["cancelled"]


@router.get("/admin/dashboard/metrics")
@allow(admin)
async def dashboard_metrics(*, database: Db, till: Cashier) -> metrics.Metrics:
    """The figures of the day, in UTC days; computed from bookings and the ledger at `computed_at`."""
    async with database.snapshot() as db:
        return await metrics.compute(db, now=await clock.moment(db), clocks=till.clocks)


@router.get("/admin/reservations/active")
@allow(admin)
async def active_reservations(
    *,
    database: Db,
    products: Sold,
    till: Cashier,
    settings: Identity,
    page: Paged,
    product: Annotated[str | None, Query(max_length=20)] = None,
) -> Listed[schemas.LiveHold]:
    """All unpaid holds whose clock runs, the soonest to end first; before them what is stuck in an open payment."""
    async with database.reader() as db:
        now = await clock.moment(db)
        found = await holds.live(
            db,
            now=now,
            after=page.after,  # type: ignore[arg-type]
            limit=page.limit + 1,
            product=product or products.root,
            besides=await payments.overdue_holds(db, now=now, limit=STUCK_MAX),
        )
        shown = await _shown(db, products, found, now=now, clocks=till.clocks, settings=settings)
    by_id = {each.id: each for each in shown}
    return page.listed(found, lambda hold: by_id[hold.id], lambda hold: (hold.expires_at, hold.id))


async def _any_hold(request: Request, _caller: Actor) -> Hold:
    hold_id = path_id(request, "reservation_id")
    async with database_of(request).reader() as db:
        return await holds.find(db, hold_id)


async def _released_before(_: Request, hold_id: UUID) -> Released:
    return Released(reservation_id=hold_id, status="cancelled")


@router.post("/admin/reservations/{reservation_id}/release")
@allow(admin, find=_any_hold)
@idempotent(replay=_released_before)
async def release_reservation(
    *,
    hold: Annotated[Hold, Found],
    body: schemas.ReleaseHold | None = None,
    caller: Caller,
    database: Db,
    key: Key,
) -> Released:
    """Take an unpaid hold away; money that still comes for it is refunded. Logged with the admin's id."""

    async def release(db: Transaction) -> Released:
        await actions.release(db, hold.id, actor=caller, reason=body.reason if body else None)
        await key.remember(db, subject=hold.id, status=200)
        return Released(reservation_id=hold.id, status="cancelled")

    return await database.run(release)


@router.get("/admin/refunds")
@allow(admin)
async def list_refunds(
    *, database: Db, page: Paged, status: Literal["pending", "processed", "failed"] = "failed"
) -> Listed[schemas.RefundView]:
    """Refunds by how they stand, oldest first; those that failed wait for somebody to try them again."""
    async with database.reader() as db:
        found = await refunds.with_status(
            db,
            status,
            limit=page.limit + 1,
            after=page.after[0] if page.after else None,  # type: ignore[arg-type]
        )
    return page.listed(found, schemas.RefundView.of, lambda refund: (refund.id,))


async def _any_refund(request: Request, _caller: Actor) -> Refund:
    refund_id = path_id(request, "refund_id")
    async with database_of(request).reader() as db:
        return await refunds.find(db, refund_id)


async def _retried_before(request: Request, refund_id: UUID) -> schemas.RefundView:
    async with database_of(request).reader() as db:
        return schemas.RefundView.of(await refunds.find(db, refund_id))


@router.post("/admin/refunds/{refund_id}/retry")
@allow(admin, find=_any_refund)
@idempotent(replay=_retried_before)
async def retry_refund(
    *, refund: Annotated[Refund, Found], caller: Caller, database: Db, key: Key
) -> schemas.RefundView:
    """Send a refund that failed once more."""

    async def retry(db: Transaction) -> schemas.RefundView:
        async with turn(db, refund.inventory_id) as taken:
            again = await refunds.try_again(taken, refund.id, actor=caller)
        await key.remember(db, subject=refund.id, status=200)
        return schemas.RefundView.of(again)

    return await database.run(retry)


async def _shown(
    db: Reader,
    products: Products,
    found: Sequence[Hold],
    *,
    now: datetime,
    clocks: Clocks,
    settings: identity.IdentitySettings,
) -> list[schemas.LiveHold]:
    owners = await identity.users_by_id(
        db, [hold.owner_id for hold in found if hold.owner_id is not None], settings=settings
    )
    rows = await products.rows(db, {hold.inventory_id: hold.product for hold in found})
    booked = await bookings.of_holds(db, [hold.id for hold in found])
    open_payments = await payments.of_bookings(db, [booking.id for booking in booked.values()])
    answers = []
    for hold in found:
        booking = booked.get(hold.id)
        attempts = open_payments[booking.id] if booking is not None else []
        owner = owners.get(hold.owner_id) if hold.owner_id is not None else None
        common = schemas.LiveHold.common(
            hold,
            now=now,
            warn_below=clocks.too_late_to_pay.total_seconds(),
            stuck=any(payment.is_open and payment.expires_at <= now for payment in attempts),
            user=schemas.person(owner),
        )
        answers.append(schemas.LiveHold.over(common, products.say(hold.product, hold, rows)))
    return answers
