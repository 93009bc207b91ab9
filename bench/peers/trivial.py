"""The web layer alone: FastAPI takes the same bodies and gives answers of the same kind, and does nothing else."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

app = FastAPI(title="Trivial")


class ReserveIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    schedule_id: uuid.UUID
    seat_numbers: list[Annotated[str, Field(min_length=1, max_length=20)]] | None = Field(default=None, max_length=100)
    seat_ids: list[uuid.UUID] | None = Field(default=None, max_length=100)
    count: int | None = Field(default=None, ge=1, le=6)


class SeatOut(BaseModel):
    seat_number: str
    price: str


class ReservationOut(BaseModel):
    id: uuid.UUID
    schedule_id: uuid.UUID
    status: str
    total_amount: str
    currency: str
    expires_at: datetime
    seats: list[SeatOut]


class Hello(BaseModel):
    message: str
    server_time: datetime


@app.post("/reservations/create", status_code=201)
async def reserve(body: ReserveIn) -> ReservationOut:
    """Say yes."""
    named = body.seat_numbers or [str(each) for each in body.seat_ids or ()]
    return ReservationOut(
        id=uuid.uuid4(),
        schedule_id=body.schedule_id,
        status="active",
        total_amount="150.00",
        currency="EGP",
        expires_at=datetime.now(UTC) + timedelta(minutes=15),
        seats=[SeatOut(seat_number=number, price="150.00") for number in named],
    )


@app.get("/hello")
async def hello() -> Hello:
    """The least that a GET can do."""
    return Hello(message="hello", server_time=datetime.now(UTC))
