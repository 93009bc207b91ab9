"""A gateway that is nobody's bottleneck: it opens checkouts, and whoever asks is told that they were paid.

It speaks as the sandbox does, as far as a sale that goes well needs it; the ORM peer asks it too.
"""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

_opened: dict[str, dict[str, Any]] = {}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    """Plain ASGI: no framework's time is measured with the sides."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b""
    is_more = scope["method"] == "POST"
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
    status, answer = _answer(scope, body)
    raw = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def _answer(scope: dict[str, Any], body: bytes) -> tuple[int, dict[str, Any]]:
    if scope["method"] == "POST":
        asked = json.loads(body)
        reference = f"chk_{asked['key']}"
        payment = {
            "key": asked["key"],
            "reference": reference,
            "url": f"http://127.0.0.1/pay/{reference}",
            "status": "open",
            "amount": asked["amount"],
            "currency": asked["currency"],
            "captured_amount": "0.00",
            "captured_currency": asked["currency"],
            "fee_amount": "0.00",
            "fee_currency": asked["currency"],
            "changed_at": datetime.now(UTC).isoformat(),
        }
        _opened[asked["key"]] = payment
        return 201, payment
    key = parse_qs(scope["query_string"].decode()).get("key", [""])[0]
    opened = _opened.get(key)
    if opened is None:
        return 200, {"payments": [], "next": None}
    paid = {**opened, "status": "completed", "captured_amount": opened["amount"]}
    return 200, {"payments": [paid], "next": None}
