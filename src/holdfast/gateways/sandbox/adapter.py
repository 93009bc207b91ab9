"""The sandbox as the kernel's payment port sees it."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

import aiohttp
from pydantic import BaseModel, ValidationError

from holdfast.gateways.sandbox import signatures
from holdfast.kernel.payments import (
    BadSignature,
    Capabilities,
    CheckoutRequest,
    CheckoutSession,
    GatewayPayment,
    GatewayRefund,
    GatewayRefused,
    GatewayUnknown,
    GatewayUnreachable,
    Notice,
    SimulatedOutcome,
)
from holdfast.kit.money import Money

_PAGES_MAX = 1_000
_REASON_CHARACTERS_MAX = 200
_SUCCESS, _REDIRECT, _BAD_REQUEST, _SERVER_ERROR = 200, 300, 400, 500
_KEPT = frozenset(
    {
        "object",
        "key",
        "reference",
        "payment_reference",
        "status",
        "reason",
        "amount",
        "currency",
        "captured_amount",
        "captured_currency",
        "fee_amount",
        "fee_currency",
        "expires_at",
        "changed_at",
    }
)
#: A connection that was kept open is closed by the other side when it likes, also while a call is on its way. Each
#: call may be made twice (its key, or the state it leads to, is the same), so it is made again, by another connection.
_BROKEN_OFF = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_Shape = TypeVar("_Shape", bound=BaseModel)


class _Payment(BaseModel):
    key: str
    reference: str
    url: str | None = None
    status: Literal["open", "processing", "completed", "failed", "expired"]
    amount: str
    currency: str
    captured_amount: str
    captured_currency: str
    fee_amount: str
    fee_currency: str
    changed_at: datetime


class _Payments(BaseModel):
    payments: list[_Payment]
    next: str | None


class _Refund(BaseModel):
    key: str
    reference: str
    payment_reference: str
    status: Literal["pending", "processed", "failed"]
    amount: str
    currency: str


class _Refunds(BaseModel):
    refunds: list[_Refund]


class _Told(BaseModel):
    id: str
    type: str
    created_at: datetime
    data: dict[str, Any]


class SandboxGateway:
    """Speaks to the sandbox at `url` by HTTP. `secrets` are the webhook secrets: two while one is being replaced."""

    name: ClassVar[str] = "sandbox"
    capabilities: ClassVar[Capabilities] = Capabilities(deadline="native", partial_refund=True, currencies=None)

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        secrets: tuple[str, ...],
        timeout_seconds: float = 10.0,
    ) -> None:
        assert secrets, "without a secret no webhook could be verified"
        assert all(secrets), "an empty secret verifies everybody's webhooks"
        self._secrets = secrets
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=timeout_seconds, sock_connect=timeout_seconds, sock_read=timeout_seconds
        )
        self._opened: aiohttp.ClientSession | None = None

    async def open(self, request: CheckoutRequest) -> CheckoutSession:
        """Open a checkout. Idempotent by key: again, the same session; with another amount, GatewayRefused."""
        body = {
            "key": request.key,
            "amount": request.amount.amount,
            "currency": request.amount.currency,
            "description": request.description,
            "method": request.method,
            "expires_at": request.expires_at.isoformat(),
            "webhook_url": request.webhook_url,
            "return_url": request.return_url,
        }
        opened = await self._call("POST", "/v1/checkouts", _Payment, body=body)
        if opened.url is None:
            raise GatewayUnknown(self.name)
        return CheckoutSession(reference=opened.reference, url=opened.url)

    async def end(self, reference: str) -> GatewayPayment:
        """End a checkout and say how it ended: completed, failed, expired; processing where the bank is at work."""
        return self._payment(await self._call("POST", f"/v1/checkouts/{reference}/end", _Payment))

    def read(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        """Verify a webhook's raw bytes. BadSignature: unsigned, malformed, forged, stale or unreadable."""
        lowered = {name.lower(): value for name, value in headers.items()}
        header = lowered.get(signatures.SIGNATURE_HEADER.lower())
        try:
            sent_at = signatures.check(header, body, secrets=self._secrets, now=now)
        except signatures.Mismatch as mismatch:
            raise BadSignature(self.name, str(mismatch)) from None
        try:
            told = _Told.model_validate(json.loads(body))
        except (ValueError, RecursionError):
            raise BadSignature(self.name, "unreadable") from None
        data = {name: value for name, value in told.data.items() if name in _KEPT}
        return Notice(
            event_id=told.id,
            type=told.type,
            object=_object(told.type),
            key=_text(data.get("key")),
            reference=_text(data.get("reference")),
            sent_at=sent_at,
            body={"id": told.id, "type": told.type, "created_at": told.created_at.isoformat(), "data": data},
        )

    async def payment(self, *, key: str) -> GatewayPayment | None:
        """Tell the true state by our key; None where the sandbox knows nothing of it."""
        found = await self._call("GET", "/v1/payments", _Payments, query={"key": key})
        return self._payment(found.payments[0]) if found.payments else None

    async def refund(self, *, key: str, payment_reference: str, amount: Money) -> GatewayRefund:
        """Ask for a refund. Idempotent by key: again, the same refund as it stands then."""
        body = {
            "key": key,
            "payment_reference": payment_reference,
            "amount": amount.amount,
            "currency": amount.currency,
        }
        return self._refund(await self._call("POST", "/v1/refunds", _Refund, body=body))

    async def refund_state(self, *, key: str) -> GatewayRefund | None:
        """Tell the true state of a refund by our key; None where the sandbox knows nothing of it."""
        found = await self._call("GET", "/v1/refunds", _Refunds, query={"key": key})
        return self._refund(found.refunds[0]) if found.refunds else None

    async def since(self, moment: datetime) -> list[GatewayPayment]:
        """List the payments that changed at or after that moment, each once, in its present state."""
        found: dict[str, GatewayPayment] = {}
        query = {"since": moment.isoformat()}
        for _ in range(_PAGES_MAX):
            page = await self._call("GET", "/v1/payments", _Payments, query=query)
            # A payment that changes while we read appears again, later: the later state is the true one.
            found.update({one.key: self._payment(one) for one in page.payments})
            if page.next is None:
                return list(found.values())
            query = {"since": moment.isoformat(), "after": page.next}
        raise GatewayUnknown(self.name)

    async def close(self) -> None:
        """Let go of connections."""
        if self._opened is not None:
            await self._opened.close()

    async def simulate(self, reference: str, outcome: SimulatedOutcome) -> GatewayPayment:
        """Bring about an outcome as if customer and bank had; the sandbox alone can. GatewayRefused."""
        return self._payment(await self._call("POST", f"/v1/simulate/{reference}", _Payment, body={"outcome": outcome}))

    async def _call(
        self,
        method: str,
        path: str,
        shape: type[_Shape],
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> _Shape:
        try:
            try:
                status, told = await self._ask(method, path, body, query)
            except _BROKEN_OFF:
                status, told = await self._ask(method, path, body, query)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise GatewayUnreachable(self.name) from None
        except (aiohttp.ClientError, TimeoutError):
            raise GatewayUnknown(self.name) from None
        if _BAD_REQUEST <= status < _SERVER_ERROR:
            raise GatewayRefused(self.name, _reason(told, status))
        if not _SUCCESS <= status < _REDIRECT:
            raise GatewayUnknown(self.name)
        try:
            return shape.model_validate_json(told)
        except ValidationError:
            raise GatewayUnknown(self.name) from None

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, query: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        asked = self._client().request(method, f"{self._url}{path}", json=body, params=query, allow_redirects=False)
        async with asked as answer:
            return answer.status, await answer.read()

    def _client(self) -> aiohttp.ClientSession:
        """Opened by the first call: it belongs to the loop that runs then."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {self._api_key}"},
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened

    def _payment(self, told: _Payment) -> GatewayPayment:
        return GatewayPayment(
            key=told.key,
            reference=told.reference,
            status=told.status,
            amount=Money.parse(told.amount, told.currency),
            captured=Money.parse(told.captured_amount, told.captured_currency),
            fee=Money.parse(told.fee_amount, told.fee_currency),
            at=told.changed_at,
        )

    def _refund(self, told: _Refund) -> GatewayRefund:
        return GatewayRefund(
            key=told.key,
            payment_reference=told.payment_reference,
            reference=told.reference,
            status=told.status,
            amount=Money.parse(told.amount, told.currency),
        )


def _object(kind: str) -> Literal["payment", "refund", "dispute", "other"]:
    family = kind.partition(".")[0]
    if family == "payment":
        return "payment"
    if family == "refund":
        return "refund"
    return "dispute" if family == "dispute" else "other"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _reason(told: bytes, status: int) -> str:
    """What the sandbox says about its no: its code, never its whole answer."""
    try:
        code = json.loads(told).get("code")
    except (ValueError, RecursionError, AttributeError):
        code = None
    return str(code or status)[:_REASON_CHARACTERS_MAX]
