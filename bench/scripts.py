"""Journeys of several requests, each made of the answer before: what a client of the load plays again and again.

A script yields a request and is sent (status, body); a word ends a journey: "done", or what went wrong.
"""

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.load import RESERVE, Script, request
from bench.peers import orm
from holdfast.gateways.sandbox import signatures


@dataclass(frozen=True, slots=True)
class Journeys:
    """Reservations to begin with, by client; `tokens` of the same people in the same order."""

    holds: list[list[bytes]]
    tokens: list[list[str]]
    secret: str


def our_journey(number: int, given: Journeys) -> Script:
    """Hold, pay, the gateway's webhook, the booking with its ticket."""
    for hold, token in zip(given.holds[number], given.tokens[number], strict=True):
        status, body = yield hold
        if status != 201:
            yield f"hold: {status}"
            continue
        reservation = json.loads(body)["id"]
        pay = {"reservation_id": reservation, "payment_method": "credit_card"}
        status, body = yield _post("/api/v1/payments/initiate", pay, token)
        if status != 201:
            yield f"pay: {status} {body[:200]!r}"
            continue
        opened = json.loads(body)
        status, body = yield _our_webhook(opened, given.secret)
        if status != 200:
            yield f"webhook: {status} {body[:200]!r}"
            continue
        status, body = yield _post("/api/v1/bus/bookings/create", {"reservation_id": reservation}, token)
        booking = json.loads(body)
        is_sold = status == 201 and booking["status"] == "confirmed" and booking["ticket"] is not None
        yield "done" if is_sold else f"booking: {status} {body[:200]!r}"


def peer_journey(number: int, given: Journeys) -> Script:
    """The same at the ORM peer."""
    for hold, token in zip(given.holds[number], given.tokens[number], strict=True):
        status, body = yield hold
        if status != 201:
            yield f"hold: {status}"
            continue
        status, body = yield _post("/payments", {"reservation_id": json.loads(body)["id"]}, token)
        if status != 201:
            yield f"pay: {status} {body[:200]!r}"
            continue
        opened = json.loads(body)
        event = json.dumps({"id": str(uuid.uuid4()), "session": opened["session_id"], "status": "completed"}).encode()
        signature = hmac.new(orm.WEBHOOK_SECRET, event, hashlib.sha256).hexdigest()
        status, body = yield request("POST", "/payments/webhook", headers={"X-Signature": signature}, body=event)
        if status != 200:
            yield f"webhook: {status} {body[:200]!r}"
            continue
        status, body = yield request(
            "GET", f"/bookings/{opened['booking_id']}", headers={"Authorization": f"Bearer {token}"}
        )
        booking = json.loads(body)
        is_sold = status == 200 and booking["status"] == "confirmed" and booking["tickets"]
        yield "done" if is_sold else f"booking: {status} {body[:200]!r}"


@dataclass(frozen=True, slots=True)
class Churn:
    """Bodies of holds, by client, asked for by anybody; every `released`th is given back at once, the others lapse."""

    bodies: list[list[str]]
    tokens: list[str]
    released: int


def churn(number: int, given: Churn) -> Script:
    """Hold, and give back or let lapse, over and over: what is taken now is free in a moment."""
    bodies, tokens, at = given.bodies[number], given.tokens, number
    while True:
        at += 1
        token = tokens[at * 37 % len(tokens)]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
        status, body = yield request("POST", RESERVE, headers=headers, body=bodies[at % len(bodies)].encode())
        if status == 201 and at % given.released == 0:
            reservation = json.loads(body)["id"]
            yield request(
                "DELETE", f"/api/v1/bus/reservations/{reservation}", headers={"Authorization": f"Bearer {token}"}
            )
        yield "done" if status == 201 else f"{status}"


def _post(path: str, body: dict[str, Any], token: str) -> bytes:
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    return request("POST", path, headers=headers, body=json.dumps(body).encode())


def _our_webhook(opened: dict[str, Any], secret: str) -> bytes:
    now = datetime.now(UTC)
    data = {
        "object": "payment",
        "key": opened["payment_id"],
        "reference": opened["session_id"],
        "status": "completed",
        "amount": opened["amount"],
        "currency": opened["currency"],
    }
    told = {"id": f"evt_{uuid.uuid4().hex}", "type": "payment.completed", "created_at": now.isoformat(), "data": data}
    body = json.dumps(told).encode()
    headers = {signatures.SIGNATURE_HEADER: signatures.sign(secret, body, now=now)}
    return request("POST", "/api/v1/payments/webhook", headers=headers, body=body)
