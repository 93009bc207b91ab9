"""A world in one line: rooms of the toy product, and what is held, booked and paid in them.

No gateway is called: what it would say is handed over as a `GatewayPayment` or `GatewayRefund` (`settle`, `refunded`).
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Unpack
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import TypedDict

from holdfast.kernel import bookings, checkout, holds, inventory, payments, refunds
from holdfast.kernel.audit import Actor
from holdfast.kernel.bookings import Booking, Cancellation
from holdfast.kernel.checkout import Opened, TillBatch
from holdfast.kernel.holds import Hold, Wish
from holdfast.kernel.identity import Provider
from holdfast.kernel.inventory import Clocks, Inventory, Limits, SlotState, Terms, turn
from holdfast.kernel.payments import GatewayPayment, GatewayRefund, Method, Payment
from holdfast.kernel.payments.port import PaymentStatus, RefundStatus
from holdfast.kernel.refunds import Refund
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from tests import builders_identity
from tests import toy_product as toy
from tests.toy_product import Room

CLOCKS = Clocks()
GATEWAY = "sandbox"
_is_batched = False


class RoomWish(TypedDict, total=False):
    shape: toy.Shape
    places: int
    price: int
    currency: str
    starts_in: timedelta
    limits: Limits
    terms: Terms


class Wishes(TypedDict, total=False):
    count: int
    key: str | None
    fee: int
    version: int | None
    prices: Sequence[int] | None
    by: UUID | None


class Time:
    """The database's clock, standing still where the test puts it. Goes on by itself when the test is over."""

    def __init__(self, database: Database, now: datetime) -> None:
        self._database = database
        self.now = now

    async def to(self, moment: datetime) -> datetime:
        async with self._database.transaction() as db:
            await clock.move(db, pin_at=moment)
        self.now = moment
        return moment

    async def forward(self, **by: float) -> datetime:
        return await self.to(self.now + timedelta(**by))


@asynccontextmanager
async def standing_clock(database: Database) -> AsyncIterator[Time]:
    """A clock that stands at the real moment, rounded to seconds, and is moved by hand."""
    async with database.reader() as db:
        time = Time(database, (await clock.moment(db)).replace(microsecond=0))
    await time.to(time.now)
    yield time
    async with database.transaction() as db:
        await db.execute(sa.delete(clock.test_clock))


# Who


def user_actor(user_id: UUID | None = None) -> Actor:
    """Somebody who is signed in; the kernel asks for no account behind it."""
    return Actor(kind="user", user_id=user_id or new_id())


async def provider(database: Database, **values: Any) -> Provider:
    """A provider of its own name: currency, zone, platform_fee_bps."""
    return await builders_identity.open_provider(database, **values)


# What is sold


async def room(database: Database, *, provider_id: UUID | None = None, **wish: Unpack[RoomWish]) -> Room:
    """A room on sale: shape chairs, standing or days; by default ten chairs at 10.00 EGP in seven days."""
    owner = provider_id or (await provider(database)).id
    async with database.transaction() as db:
        return await toy.open_room(db, provider_id=owner, now=await clock.moment(db), **wish)


async def inventory_of(database: Database, room: Room) -> Inventory:
    """The room's inventory as it is now."""
    async with database.reader() as db:
        return await inventory.find(db, room.inventory.id)


async def states_of(database: Database, room: Room) -> dict[int, SlotState]:
    """How the slots of chairs or days look now, free ones left out."""
    async with database.reader() as db:
        return await inventory.slot_states(db, room.inventory.id, now=await clock.moment(db))


async def taken_of(database: Database, room: Room) -> int:
    """How many standing places are taken now."""
    async with database.reader() as db:
        taken = await inventory.quantities_taken(db, room.inventory.id, now=await clock.moment(db))
    return taken.get(0, 0)


async def set_state(database: Database, room: Room, state: inventory.values.State) -> None:
    """Close, open or finish a room, without what its product would do beyond that."""
    async with database.transaction() as db, turn(db, room.inventory.id) as taken:
        inventory.set_state(taken, state)


# What is held


async def hold(
    database: Database,
    room: Room,
    places: Sequence[int] = (0,),
    *,
    owner: Actor | None = None,
    clocks: Clocks = CLOCKS,
    **wishes: Unpack[Wishes],
) -> Hold:
    """These places held by somebody (of a standing room: `count` of them)."""
    return (await place(database, room, places, owner=owner, clocks=clocks, **wishes))[0]


async def place(
    database: Database,
    room: Room,
    places: Sequence[int] = (0,),
    *,
    owner: Actor | None = None,
    clocks: Clocks = CLOCKS,
    **wishes: Unpack[Wishes],
) -> tuple[Hold, bool]:
    """The hold, and whether it is the first answer again."""
    actor = owner or user_actor()
    wish = toy.wish(room, places, owner=actor.user_id, **wishes)
    return await (place_batched if _is_batched else place_plain)(database, room, wish, actor=actor, clocks=clocks)


async def place_plain(
    database: Database, room: Room, wish: Wish, *, actor: Actor, clocks: Clocks = CLOCKS
) -> tuple[Hold, bool]:
    """One transaction a hold: the reference."""
    return await database.run(lambda db: holds.place(db, wish, actor=actor, clocks=clocks))


async def place_batched(
    database: Database, room: Room, wish: Wish, *, actor: Actor, clocks: Clocks = CLOCKS
) -> tuple[Hold, bool]:
    """Through a batcher, as servers do it."""
    async with holds.Batcher(database, clocks) as batcher:
        return await batcher.place(wish, inventory=room.inventory, actor=actor)


@contextmanager
def batched() -> Iterator[None]:
    """Let whatever these builders hold and settle go through batches meanwhile."""
    global _is_batched  # noqa: PLW0603 - the builders have no other place to remember it
    _is_batched = True
    try:
        yield
    finally:
        _is_batched = False


async def release(database: Database, held: Hold) -> None:
    """Its owner gives it up, pending booking or not."""
    await database.run(lambda db: checkout.release(db, held.id, actor=user_actor(held.owner_id)))


async def hold_of(database: Database, held: Hold) -> Hold:
    """The hold as it is now."""
    async with database.reader() as db:
        return await holds.find(db, held.id)


# What is booked and paid


async def open_payment(
    database: Database,
    held: Hold,
    *,
    method: Method = "credit_card",
    amount: Money | None = None,
    clocks: Clocks = CLOCKS,
) -> Opened:
    """Its owner goes to the till."""
    actor = user_actor(held.owner_id)
    if _is_batched:
        async with TillBatch(database) as batch:
            at_hand = await batch.hold(held.id)
            payment = await batch.open(
                at_hand, method=method, gateway=GATEWAY, amount=amount, actor=actor, clocks=clocks
            )
        if payment is not None:
            return Opened(payment.booking_id, payment_id=payment.id, is_new=True)
    return await database.run(
        lambda db: checkout.open_payment(
            db, held.id, method=method, gateway=GATEWAY, amount=amount, actor=actor, clocks=clocks
        )
    )


async def pending(database: Database, held: Hold, *, method: Method = "credit_card") -> Payment:
    """Its booking is pending, and this payment open."""
    opened = await open_payment(database, held, method=method)
    assert opened.payment_id is not None
    return await payment_of(database, opened.payment_id)


def told(
    payment: Payment,
    *,
    status: PaymentStatus = "completed",
    captured: Money | None = None,
    fee: int = 0,
    reference: str | None = None,
) -> GatewayPayment:
    """What the gateway says of the payment: by default, that all of it was captured."""
    asked = Money(payment.amount, payment.currency)
    taken = captured if captured is not None else asked if status == "completed" else Money.zero(payment.currency)
    return GatewayPayment(
        key=str(payment.id),
        reference=reference or f"ref-{payment.id}",
        status=status,
        amount=asked,
        captured=taken,
        fee=Money(fee, payment.currency),
        at=payment.created_at,
    )


async def settle(
    database: Database,
    payment: Payment,
    *,
    status: PaymentStatus = "completed",
    captured: Money | None = None,
    fee: int = 0,
    clocks: Clocks = CLOCKS,
) -> str:
    """The gateway's word is applied; the outcome."""
    state = told(payment, status=status, captured=captured, fee=fee)
    if _is_batched:
        outcome = await confirm_batched(database, payment, state)
        if outcome is not None:
            return outcome
    return await database.run(lambda db: checkout.settle(db, payment.id, state, clocks=clocks))


async def confirm_batched(database: Database, payment: Payment, state: GatewayPayment) -> str | None:
    """Through a batch of the till, as servers do it; None where it is for the plain path."""
    async with TillBatch(database) as batch:
        return await batch.confirm(payment, state, now=await batch.now())


async def booking(
    database: Database,
    room: Room,
    places: Sequence[int] = (0,),
    *,
    owner: Actor | None = None,
    **wishes: Unpack[Wishes],
) -> Booking:
    """A pending booking with an open payment."""
    held = await hold(database, room, places, owner=owner, **wishes)
    payment = await pending(database, held)
    return await booking_of(database, payment.booking_id)


async def confirmed(
    database: Database,
    room: Room,
    places: Sequence[int] = (0,),
    *,
    owner: Actor | None = None,
    gateway_fee: int = 0,
    **wishes: Unpack[Wishes],
) -> Booking:
    """A booking that is paid."""
    held = await hold(database, room, places, owner=owner, **wishes)
    opened = await open_payment(database, held)
    if opened.payment_id is not None:
        outcome = await settle(database, await payment_of(database, opened.payment_id), fee=gateway_fee)
        assert outcome == "confirmed"
    return await booking_of(database, opened.booking_id)


async def booking_of(database: Database, booking_id: UUID) -> Booking:
    """The booking as it is now."""
    async with database.reader() as db:
        return await bookings.find(db, booking_id)


async def payment_of(database: Database, payment_id: UUID) -> Payment:
    """The payment as it is now."""
    async with database.reader() as db:
        return await payments.find(db, payment_id)


async def payments_of(database: Database, booking_id: UUID) -> list[Payment]:
    """Its payments, oldest first."""
    async with database.reader() as db:
        return (await payments.of_bookings(db, [booking_id]))[booking_id]


# What is given up


async def cancel(
    database: Database,
    booked: Booking,
    items: Sequence[int] | None = None,
    *,
    quote_id: UUID | None = None,
    actor: Actor | None = None,
) -> Cancellation:
    """Its owner cancels all of it, or these items."""
    who = actor or user_actor(booked.owner_id)
    return await database.run(
        lambda db: checkout.cancel(db, booked.id, items=items, reason=None, quote_id=quote_id, actor=who)
    )


async def refunds_of(database: Database, booking_id: UUID) -> list[Refund]:
    """Its refunds, oldest first."""
    async with database.reader() as db:
        return (await refunds.of_bookings(db, [booking_id]))[booking_id]


async def refunded(database: Database, refund: Refund, *, status: RefundStatus = "processed") -> Refund:
    """The gateway's word about a refund is applied."""
    async with database.reader() as db:
        key = await refunds.gateway_key(db, refund.id)
    state = GatewayRefund(
        key=key,
        payment_reference="of the payment",
        reference=f"back-{refund.id}",
        status=status,
        amount=Money(refund.amount, refund.currency),
    )
    async with database.transaction() as db, turn(db, refund.inventory_id) as taken:
        return await refunds.settle(taken, refund.id, state)


# What was told


@dataclass(frozen=True, slots=True)
class Told:
    """What the log and the outbox say."""

    actions: list[str]
    facts: list[str]


async def told_of(database: Database, *, entity_id: UUID | None = None, inventory_id: UUID | None = None) -> Told:
    """Actions logged of an entity, facts published of an inventory, in their order."""
    async with database.reader() as db:
        actions = await db.all(
            sa.text("SELECT action_type FROM activity_logs WHERE entity_id = :id ORDER BY id").bindparams(
                sa.bindparam("id", entity_id, sa.Uuid)
            )
        )
        facts = await db.all(
            sa.text(
                "SELECT kind FROM outbox WHERE inventory_id = :id AND kind <> 'inventory.changed' ORDER BY id"
            ).bindparams(sa.bindparam("id", inventory_id, sa.Uuid))
        )
    return Told([row.action_type for row in actions], [row.kind for row in facts])
