"""The peer: FastAPI with SQLAlchemy's ORM and `SELECT … FOR UPDATE`, as a good engineer writes such a service.

One row a seat. Rows are locked in one order before they are looked at, everything of a request is one transaction,
sessions are async, statements are few, and the indexes are those that are needed. Its duties are ours: the caller's
token is verified and the account looked at, the body validated, the key honoured, the log and the outbox written with
the change. It does nothing that we do not, and leaves out nothing for speed that its correctness needs.
"""

import enum
import hashlib
import hmac
import json
import os
import secrets
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

ISSUER = "peer"
HOLD = timedelta(minutes=15)
SEATS_MAX = 6
WEBHOOK_SECRET = b"of the peer's gateway"


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB}


class SeatStatus(enum.StrEnum):
    FREE = "free"
    HELD = "held"
    SOLD = "sold"


class User(Base):
    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    is_active: Mapped[bool]


class Occurrence(Base):
    __tablename__ = "occurrences"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12))
    starts_at: Mapped[datetime]
    price: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    #: of the counted kind: how many are left
    left: Mapped[int]


class Seat(Base):
    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("occurrence_id", "number"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    occurrence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("occurrences.id"))
    number: Mapped[str] = mapped_column(String(12))
    row: Mapped[int]
    column: Mapped[int]
    tier: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(4))
    reservation_id: Mapped[uuid.UUID | None]
    held_until: Mapped[datetime | None]


class Reservation(Base):
    __tablename__ = "reservations"
    __table_args__ = (
        UniqueConstraint("user_id", "key"),
        Index("ix_reservations_expires", "expires_at", postgresql_where="status = 'active'"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    occurrence_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("occurrences.id"), index=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    key: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10))
    total: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    items: Mapped[list["ReservationItem"]] = relationship(lazy="selectin", order_by="ReservationItem.id")


class ReservationItem(Base):
    __tablename__ = "reservation_items"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    reservation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reservations.id"), index=True)
    seat_id: Mapped[int | None] = mapped_column(BigInteger)
    number: Mapped[str] = mapped_column(String(12))
    price: Mapped[int]


class Booking(Base):
    __tablename__ = "bookings"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    reservation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reservations.id"), unique=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), index=True)
    reference: Mapped[str] = mapped_column(String(12), unique=True)
    status: Mapped[str] = mapped_column(String(10))
    total: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    tickets: Mapped[list["Ticket"]] = relationship(lazy="selectin", order_by="Ticket.number")


class Payment(Base):
    __tablename__ = "payments"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bookings.id"), index=True)
    session: Mapped[str] = mapped_column(String(120), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]


class GatewayEvent(Base):
    __tablename__ = "gateway_events"

    id: Mapped[str] = mapped_column(String(160), primary_key=True)
    body: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payments.id"), index=True)
    debit: Mapped[str] = mapped_column(String(24))
    credit: Mapped[str] = mapped_column(String(24))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    at: Mapped[datetime]


class Ticket(Base):
    __tablename__ = "tickets"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    booking_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bookings.id"), index=True)
    number: Mapped[str] = mapped_column(String(14), unique=True)
    seat: Mapped[str] = mapped_column(String(12))
    code: Mapped[str] = mapped_column(String(300))
    issued_at: Mapped[datetime]


class ActivityLog(Base):
    __tablename__ = "activity_logs"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(60))
    entity_id: Mapped[uuid.UUID] = mapped_column(index=True)
    details: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class OutboxMessage(Base):
    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ReserveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    occurrence_id: uuid.UUID
    seat_numbers: list[Annotated[str, Field(min_length=1, max_length=12)]] | None = Field(
        default=None, min_length=1, max_length=SEATS_MAX
    )
    count: int | None = Field(default=None, ge=1, le=SEATS_MAX)


class ItemOut(BaseModel):
    seat_number: str
    price: str


class ReservationOut(BaseModel):
    id: uuid.UUID
    occurrence_id: uuid.UUID
    user_id: uuid.UUID
    status: str
    total_amount: str
    currency: str
    expires_at: datetime
    created_at: datetime
    seats: list[ItemOut]

    @classmethod
    def of(cls, found: Reservation) -> "ReservationOut":
        return cls(
            id=found.id,
            occurrence_id=found.occurrence_id,
            user_id=found.user_id,
            status=found.status,
            total_amount=_amount(found.total),
            currency=found.currency,
            expires_at=found.expires_at,
            created_at=found.created_at,
            seats=[ItemOut(seat_number=item.number, price=_amount(item.price)) for item in found.items],
        )


class SeatOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    number: str
    row: int
    column: int
    tier: str
    status: str


class PayIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reservation_id: uuid.UUID


class PaymentOut(BaseModel):
    id: uuid.UUID
    booking_id: uuid.UUID
    session_id: str
    payment_url: str
    amount: str
    currency: str
    status: str


class TicketOut(BaseModel):
    number: str
    seat: str
    code: str


class BookingOut(BaseModel):
    id: uuid.UUID
    reference: str
    status: str
    total_amount: str
    currency: str
    tickets: list[TicketOut]


def key_of(secret: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())


def token_for(secret: str, user_id: uuid.UUID) -> str:
    """An access token as the sign-in of this service would hand it out."""
    now = datetime.now(UTC)
    claims = {"iss": ISSUER, "sub": str(user_id), "iat": now, "exp": now + timedelta(minutes=30)}
    return jwt.encode(claims, key_of(secret), "EdDSA")


_SECRET = os.environ.get("PEER_SECRET", "")
_PUBLIC_KEY = key_of(_SECRET).public_key()
_TICKET_KEY = key_of(f"tickets {_SECRET}")
_GATEWAY = os.environ.get("PEER_GATEWAY", "http://127.0.0.1:1")
#: One connection for each of the bench's clients would only wait in the database; more was not faster.
_engine = create_async_engine(
    os.environ.get("PEER_DATABASE", "postgresql+asyncpg://"), pool_size=int(os.environ.get("PEER_POOL", "20"))
)
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx2.AsyncClient(base_url=_GATEWAY, trust_env=False) as gateway:
        app.state.gateway = gateway
        yield
    await _engine.dispose()


app = FastAPI(title="Peer", lifespan=_lifespan)


async def _session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(_session)]


async def _current_user(session: Session, authorization: Annotated[str, Header()]) -> User:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401, "not signed in")
    try:
        claims = jwt.decode(token, _PUBLIC_KEY, ["EdDSA"], issuer=ISSUER, options={"require": ["exp", "sub"]})
    except jwt.PyJWTError:
        raise HTTPException(401, "invalid token") from None
    user = await session.get(User, uuid.UUID(claims["sub"]))
    if user is None or not user.is_active:
        raise HTTPException(401, "invalid token")
    return user


CurrentUser = Annotated[User, Depends(_current_user)]
IdempotencyKey = Annotated[str, Header(min_length=1, max_length=255)]


@app.post("/reservations", status_code=201)
async def reserve(
    body: ReserveIn, user: CurrentUser, session: Session, response: Response, idempotency_key: IdempotencyKey
) -> ReservationOut:
    """Hold the seats that are named, or so many of a counted kind."""
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    first = await session.scalar(
        select(Reservation).where(Reservation.user_id == user.id, Reservation.key == idempotency_key)
    )
    if first is not None:
        if first.digest != digest:
            raise HTTPException(422, "this key was used for another request")
        response.headers["Idempotent-Replayed"] = "true"
        return ReservationOut.of(first)
    now = datetime.now(UTC)
    if body.seat_numbers is None:
        reservation = await _reserve_counted(session, body, user, now)
    else:
        reservation = await _reserve_seats(session, body, body.seat_numbers, user, now)
    reservation.key, reservation.digest = idempotency_key, digest
    session.add(reservation)
    await session.flush()
    numbers = [item.number for item in reservation.items]
    session.add_all(
        [
            ActivityLog(
                user_id=user.id,
                action="reservation_created",
                entity_id=reservation.id,
                details={"occurrence_id": str(body.occurrence_id), "seats": numbers},
                at=now,
            ),
            OutboxMessage(
                kind="seats_held",
                payload={
                    "occurrence_id": str(body.occurrence_id),
                    "reservation_id": str(reservation.id),
                    "seats": numbers,
                    "until": reservation.expires_at.isoformat(),
                },
                at=now,
            ),
        ]
    )
    await session.commit()
    return ReservationOut.of(reservation)


@app.get("/occurrences/{occurrence_id}/seats")
async def show_seats(occurrence_id: uuid.UUID, session: Session) -> list[SeatOut]:
    """Every seat with how it stands now."""
    now = datetime.now(UTC)
    found = await session.scalars(select(Seat).where(Seat.occurrence_id == occurrence_id).order_by(Seat.id))
    shown = []
    for seat in found:
        out = SeatOut.model_validate(seat)
        if seat.status == SeatStatus.HELD and seat.held_until is not None and seat.held_until <= now:
            out.status = SeatStatus.FREE
        shown.append(out)
    return shown


@app.post("/payments", status_code=201)
async def pay(body: PayIn, user: CurrentUser, session: Session, request: Request) -> PaymentOut:
    """Begin to pay for a reservation: a booking that waits for its payment, and a session at the gateway."""
    now = datetime.now(UTC)
    reservation = await session.get(Reservation, body.reservation_id, with_for_update=True)
    if reservation is None or reservation.user_id != user.id:
        raise HTTPException(404, "no such reservation")
    if reservation.status != "active" or reservation.expires_at <= now:
        raise HTTPException(409, "the reservation has ended")
    reservation.status = "converted"
    booking = Booking(
        id=uuid.uuid4(),
        reservation_id=reservation.id,
        user_id=user.id,
        reference=secrets.token_hex(4).upper(),
        status="pending",
        total=reservation.total,
        currency=reservation.currency,
        created_at=now,
    )
    payment = Payment(
        id=uuid.uuid4(),
        booking_id=booking.id,
        session="",
        url="",
        amount=reservation.total,
        currency=reservation.currency,
        status="initiated",
        created_at=now,
    )
    payment.session = f"pending-{payment.id}"
    session.add(booking)
    await session.flush()
    session.add(payment)
    session.add(ActivityLog(user_id=user.id, action="payment_initiated", entity_id=payment.id, details={}, at=now))
    await session.commit()  # no transaction stays open while the gateway is asked
    answer = await request.app.state.gateway.post(
        "/v1/payments", json={"key": str(payment.id), "amount": _amount(payment.amount), "currency": payment.currency}
    )
    said = answer.raise_for_status().json()
    payment.session, payment.url, payment.status = said["reference"], said["url"], "pending"
    session.add(payment)
    await session.commit()
    return PaymentOut(
        id=payment.id,
        booking_id=booking.id,
        session_id=payment.session,
        payment_url=payment.url,
        amount=_amount(payment.amount),
        currency=payment.currency,
        status=payment.status,
    )


@app.post("/payments/webhook")
async def webhook(request: Request, session: Session, x_signature: Annotated[str, Header()]) -> dict[str, bool]:
    """The gateway tells that somebody has paid: the booking is confirmed, its tickets are issued."""
    raw = await request.body()
    if not hmac.compare_digest(hmac.new(WEBHOOK_SECRET, raw, hashlib.sha256).hexdigest(), x_signature):
        raise HTTPException(401, "bad signature")
    event = json.loads(raw)
    now = datetime.now(UTC)
    if await session.get(GatewayEvent, event["id"]) is not None:
        return {"received": True}
    session.add(GatewayEvent(id=event["id"], body=event, received_at=now))
    payment = await session.scalar(select(Payment).where(Payment.session == event["session"]).with_for_update())
    if payment is None:
        raise HTTPException(404, "no such session")
    if payment.status != "paid":
        await _confirm(session, payment, now)
    await session.commit()
    return {"received": True}


@app.get("/bookings/{booking_id}")
async def show_booking(booking_id: uuid.UUID, user: CurrentUser, session: Session) -> BookingOut:
    """A booking with its tickets."""
    booking = await session.get(Booking, booking_id)
    if booking is None or booking.user_id != user.id:
        raise HTTPException(404, "no such booking")
    return BookingOut(
        id=booking.id,
        reference=booking.reference,
        status=booking.status,
        total_amount=_amount(booking.total),
        currency=booking.currency,
        tickets=[TicketOut(number=each.number, seat=each.seat, code=each.code) for each in booking.tickets],
    )


async def _reserve_seats(
    session: AsyncSession, body: ReserveIn, numbers: list[str], user: User, now: datetime
) -> Reservation:
    if len(set(numbers)) != len(numbers):
        raise HTTPException(422, "a seat is named twice")
    occurrence = await session.get(Occurrence, body.occurrence_id)
    _refuse_unless_on_sale(occurrence, now)
    assert occurrence is not None
    seats = (
        await session.scalars(
            select(Seat)
            .where(Seat.occurrence_id == occurrence.id, Seat.number.in_(numbers))
            .order_by(Seat.id)
            .with_for_update()
        )
    ).all()
    if len(seats) != len(numbers):
        raise HTTPException(404, "no such seat")
    taken = [seat.number for seat in seats if not _is_free(seat, now)]
    if taken:
        raise HTTPException(409, {"code": "seats_taken", "seats": taken})
    reservation = _reservation(occurrence, user, now)
    for seat in seats:
        seat.status, seat.reservation_id, seat.held_until = SeatStatus.HELD, reservation.id, reservation.expires_at
        reservation.items.append(ReservationItem(seat_id=seat.id, number=seat.number, price=occurrence.price))
    reservation.total = occurrence.price * len(seats)
    return reservation


async def _reserve_counted(session: AsyncSession, body: ReserveIn, user: User, now: datetime) -> Reservation:
    count = body.count or 1
    occurrence = await session.get(Occurrence, body.occurrence_id, with_for_update=True)
    _refuse_unless_on_sale(occurrence, now)
    assert occurrence is not None
    if occurrence.left < count:
        raise HTTPException(409, {"code": "sold_out", "left": occurrence.left})
    occurrence.left -= count
    reservation = _reservation(occurrence, user, now)
    reservation.items.append(ReservationItem(number=f"x{count}", price=occurrence.price * count))
    reservation.total = occurrence.price * count
    return reservation


def _reservation(occurrence: Occurrence, user: User, now: datetime) -> Reservation:
    return Reservation(
        id=uuid.uuid4(),
        occurrence_id=occurrence.id,
        user_id=user.id,
        status="active",
        currency=occurrence.currency,
        created_at=now,
        expires_at=now + HOLD,
        items=[],
    )


async def _confirm(session: AsyncSession, payment: Payment, now: datetime) -> None:
    payment.status, payment.paid_at = "paid", now
    booking = await session.get(Booking, payment.booking_id, with_for_update=True)
    assert booking is not None
    reservation = await session.get(Reservation, booking.reservation_id)
    assert reservation is not None
    booking.status, booking.confirmed_at = "confirmed", now
    wanted = [item.seat_id for item in reservation.items]
    seats = (await session.scalars(select(Seat).where(Seat.id.in_(wanted)).order_by(Seat.id).with_for_update())).all()
    for seat in seats:
        if seat.reservation_id != reservation.id:
            raise HTTPException(409, "the seats were lost")
        seat.status, seat.held_until = SeatStatus.SOLD, None
    session.add_all(_ticket(booking, item.number, now) for item in reservation.items)
    session.add_all(
        [
            LedgerEntry(
                payment_id=payment.id,
                debit="gateway",
                credit="provider",
                amount=payment.amount,
                currency=payment.currency,
                at=now,
            ),
            ActivityLog(
                user_id=booking.user_id,
                action="booking_confirmed",
                entity_id=booking.id,
                details={"payment_id": str(payment.id)},
                at=now,
            ),
            OutboxMessage(
                kind="booking_confirmed",
                payload={"booking_id": str(booking.id), "seats": [seat.number for seat in seats]},
                at=now,
            ),
        ]
    )


def _ticket(booking: Booking, seat: str, now: datetime) -> Ticket:
    number = secrets.token_hex(6).upper()
    signed = f"{booking.id}.{number}.{seat}"
    code = f"{signed}.{_TICKET_KEY.sign(signed.encode()).hex()}"
    return Ticket(booking_id=booking.id, number=number, seat=seat, code=code, issued_at=now)


def _refuse_unless_on_sale(occurrence: Occurrence | None, now: datetime) -> None:
    if occurrence is None:
        raise HTTPException(404, "no such occurrence")
    if occurrence.state != "on_sale" or occurrence.starts_at <= now:
        raise HTTPException(409, "not on sale")


def _is_free(seat: Seat, now: datetime) -> bool:
    return seat.status == SeatStatus.FREE or (
        seat.status == SeatStatus.HELD and seat.held_until is not None and seat.held_until <= now
    )


def _amount(minor: int) -> str:
    return str(Decimal(minor) / 100)


#: Nothing sold twice: seats whose reservation does not list them, and counted places beyond what there were.
OVERSOLD = """
SELECT count(*) FROM (
  SELECT i.seat_id FROM reservation_items i JOIN reservations r ON r.id = i.reservation_id
  WHERE r.status IN ('active', 'converted') AND r.expires_at > now() AND i.seat_id IS NOT NULL
  GROUP BY i.seat_id HAVING count(*) > 1) twice
"""
