"""Wrap every HTTP exchange: a request id, the caller's address, headers that protect, one access line, no bare crash.

Pure ASGI, so that a streamed answer and a context variable pass through it unharmed.
"""

import logging
import re
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.kit import metrics
from holdfast.kit.ids import new_id
from holdfast.kit.problems import internal_error

Network: TypeAlias = IPv4Network | IPv6Network

_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_log = structlog.stdlib.get_logger("holdfast.edge")
_access = structlog.stdlib.get_logger("holdfast.access")
_access_level = logging.getLogger("holdfast.access")

PROTECTIVE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
}
_NO_CONTENT = 204
HSTS = "max-age=31536000; includeSubDomains"
#: What says nothing about how a plain request is answered: `kit.express` and `kit.quick_reads` look for any other.
INDIFFERENT = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"host",
        b"keep-alive",
        b"pragma",
        b"priority",
        b"referer",
        b"sec-ch-ua",
        b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform",
        b"sec-fetch-dest",
        b"sec-fetch-mode",
        b"sec-fetch-site",
        b"traceparent",
        b"tracestate",
        b"user-agent",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"x-forwarded-proto",
    }
)
_PROTECTIVE = [(name.lower().encode(), value.encode()) for name, value in PROTECTIVE.items()]
_HSTS = (b"strict-transport-security", HSTS.encode())


class Envelope:
    """Outermost but for the server's own: nothing below answers without passing here."""

    def __init__(self, app: ASGIApp, *, trusted_proxies: Sequence[Network] = ()) -> None:
        self.app = app
        self.trusted_proxies = tuple(trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get("x-request-id", "").encode("latin-1"))
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["address"] = client_address(scope, self.trusted_proxies)
        apply_scheme(scope, self.trusted_proxies)
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["type"] == "http":
                await self._exchange(scope, receive, send)
            else:
                await self.app(scope, receive, send)

    async def _exchange(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, status = time.perf_counter(), 0

        async def send_dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                dress(message, scope)
            await send(message)

        try:
            await self.app(scope, receive, send_dressed)
        except ClientDisconnect:
            status = status or 499
        except Exception:
            _log.exception("unexpected failure", method=scope["method"], route=route_template(scope))
            if status:
                raise  # half an answer is out: the server cuts the connection
            await internal_error(Request(scope))(scope, receive, send_dressed)
        finally:
            problem = scope["state"].get("problem_code")
            tell(scope["method"], route_template(scope), status, time.perf_counter() - began, problem=problem)


def networks(names: Sequence[str]) -> tuple[Network, ...]:
    """10.0.0.0/8, ::1 and the like, as settings name them."""
    return tuple(ip_network(name, strict=False) for name in names)


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str | None:
    """Who called: the right-most of X-Forwarded-For that no trusted proxy is; the peer, where the peer is not one."""
    client = scope.get("client")
    address: str | None = client[0] if client else None
    if address is None or not _within(address, trusted_proxies):
        return address
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
        if _parsed(hop) is None:
            return address  # whoever wrote that is no better known than the last proxy
        address = hop
        if not _within(hop, trusted_proxies):
            return hop
    return address


def route_template(scope: Scope) -> str:
    """/bookings/{id}, never the path that was asked for: it may hold a capability."""
    template = scope.get("state", {}).get("route_template")
    return template if isinstance(template, str) else "(none)"


def dress(message: Message, scope: Scope) -> None:
    """Put the headers that every answer has on one."""
    if message["status"] == _NO_CONTENT:
        del MutableHeaders(scope=message)["Content-Type"]
    headers = message["headers"]
    there = {name for name, _ in headers}
    headers += [header for header in _PROTECTIVE if header[0] not in there]
    headers.append((b"x-request-id", scope["state"]["request_id"].encode("latin-1")))
    if scope.get("scheme") == "https" and _HSTS[0] not in there:
        headers.append(_HSTS)


def tell(
    method: str, route: str, status: int, seconds: float, *, problem: str | None = None, request_id: str | None = None
) -> None:
    """Count one exchange, and write its line in the log. `request_id`: where no context variable carries it."""
    metrics.count_request(method=method, route=route, status=status, seconds=seconds, problem=problem)
    if _access_level.isEnabledFor(logging.INFO):
        named = {} if request_id is None else {"request_id": request_id}
        _access.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), **named)


def request_id_of(offered: bytes | None) -> str:
    """The id the caller gave the request, where it is a sane one; else a new one."""
    text = offered.decode("latin-1") if offered else ""
    return text if _SANE_ID.fullmatch(text) else str(new_id())


def apply_scheme(scope: Scope, trusted_proxies: Sequence[Network]) -> None:
    """What a trusted proxy says of how the caller reached it."""
    if not trusted_proxies or not _within((scope.get("client") or ("", 0))[0], trusted_proxies):
        return
    offered = Headers(scope=scope).get("x-forwarded-proto", "").rpartition(",")[2].strip().lower()
    if offered in {"http", "https"}:
        secure = offered == "https"
        if scope["type"] == "websocket":
            scope["scheme"] = "wss" if secure else "ws"
        else:
            scope["scheme"] = offered


def _within(address: str, among: Sequence[Network]) -> bool:
    if not among:
        return False
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in among)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
