"""The peer on SQLite: FastAPI with aiosqlite, one transaction and one commit a hold, written through to the disk.

As the documentation of aiosqlite shows it: one connection, awaited statement by statement; writers take turns. The
duties are those of the ORM peer.
"""

import asyncio
import hashlib
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated

import aiosqlite
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict, Field

KEY = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"of the peer on SQLite").digest())
ISSUER = "peer"
_PUBLIC = KEY.public_key()
_HOLD = timedelta(minutes=15)


class ReserveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    occurrence_id: uuid.UUID
    seat_numbers: list[Annotated[str, Field(min_length=1, max_length=12)]] = Field(min_length=1, max_length=6)


class ReservationOut(BaseModel):
    id: uuid.UUID
    occurrence_id: uuid.UUID
    status: str
    total_amount: str
    expires_at: datetime
    seats: list[str]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with aiosqlite.connect(os.environ["PEER_FILE"], isolation_level=None) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            await connection.execute(f"PRAGMA {pragma}")
        app.state.database, app.state.turn = connection, asyncio.Lock()
        yield


app = FastAPI(title="Peer on SQLite", lifespan=_lifespan)


@app.post("/reservations", status_code=201)
async def reserve(
    body: ReserveIn,
    request: Request,
    response: Response,
    authorization: Annotated[str, Header()],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=255)],
) -> ReservationOut:
    """Hold the seats that are named."""
    user_id = _signed_in(authorization)
    db: aiosqlite.Connection = request.app.state.database
    async with request.app.state.turn:
        await db.execute("BEGIN IMMEDIATE")
        try:
            reservation, is_replayed = await _reserve(db, body, user_id, idempotency_key)
            await db.execute("COMMIT")
        except BaseException:
            await db.execute("ROLLBACK")
            raise
    if is_replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return reservation


def _signed_in(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    try:
        claims = jwt.decode(token, _PUBLIC, ["EdDSA"], issuer=ISSUER, options={"require": ["exp", "sub"]})
    except jwt.PyJWTError:
        raise HTTPException(401, "invalid token") from None
    if scheme.lower() != "bearer":
        raise HTTPException(401, "not signed in")
    return str(claims["sub"])


async def _reserve(db: aiosqlite.Connection, body: ReserveIn, user_id: str, key: str) -> tuple[ReservationOut, bool]:
    now = datetime.now(UTC)
    digest = hashlib.sha256(body.model_dump_json().encode()).hexdigest()
    if not await _one(db, "SELECT 1 FROM users WHERE id = ? AND is_active", user_id):
        raise HTTPException(401, "invalid token")
    first = await _one(db, "SELECT digest, answer FROM reservations WHERE user_id = ? AND key = ?", user_id, key)
    if first is not None:
        if first[0] != digest:
            raise HTTPException(422, "this key was used for another request")
        return ReservationOut.model_validate_json(first[1]), True
    occurrence = str(body.occurrence_id)
    offer = await _one(db, "SELECT state, price FROM occurrences WHERE id = ?", occurrence)
    if offer is None or offer[0] != "on_sale":
        raise HTTPException(409, "not on sale")
    marks = ",".join("?" * len(body.seat_numbers))
    query = f"SELECT number, held_until FROM seats WHERE occurrence_id = ? AND number IN ({marks}) ORDER BY number"
    cursor = await db.execute(query, (occurrence, *body.seat_numbers))
    seats = list(await cursor.fetchall())
    if len(seats) != len(set(body.seat_numbers)):
        raise HTTPException(404, "no such seat")
    if taken := [number for number, until in seats if until is not None and until > now.timestamp()]:
        raise HTTPException(409, {"code": "seats_taken", "seats": taken})
    made = ReservationOut(
        id=uuid.uuid4(),
        occurrence_id=body.occurrence_id,
        status="active",
        total_amount=f"{offer[1] * len(seats) / 100:.2f}",
        expires_at=now + _HOLD,
        seats=body.seat_numbers,
    )
    until = made.expires_at.timestamp()
    await db.execute(
        "INSERT INTO reservations VALUES (?, ?, ?, ?, ?, ?, 'active', ?, ?)",
        (str(made.id), occurrence, user_id, key, digest, made.model_dump_json(), now.timestamp(), until),
    )
    for number, _ in seats:
        await db.execute(
            "UPDATE seats SET reservation_id = ?, held_until = ? WHERE occurrence_id = ? AND number = ?",
            (str(made.id), until, occurrence, number),
        )
        await db.execute("INSERT INTO reservation_items VALUES (?, ?, ?)", (str(made.id), number, offer[1]))
    said = json.dumps({"occurrence_id": occurrence, "seats": body.seat_numbers})
    await db.execute(
        "INSERT INTO activity_logs (user_id, action, entity_id, details, at) VALUES (?, ?, ?, ?, ?)",
        (user_id, "reservation_created", str(made.id), said, now.timestamp()),
    )
    await db.execute("INSERT INTO outbox (kind, payload, at) VALUES ('seats_held', ?, ?)", (said, now.timestamp()))
    return made, False


async def _one(db: aiosqlite.Connection, query: str, *values: object) -> aiosqlite.Row | None:
    cursor = await db.execute(query, values)
    return await cursor.fetchone()
